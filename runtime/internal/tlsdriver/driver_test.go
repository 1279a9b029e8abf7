package tlsdriver

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// configs are those of a server, and of a client that trusts it.
func configs(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"server.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	pair := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return &tls.Config{Certificates: pair}, &tls.Config{RootCAs: roots, ServerName: "server.test", Certificates: pair}
}

// ends are the two drivers of a handshake, and what each has said.
type ends struct {
	t       *testing.T
	drivers [2]*Driver
	said    [2][]handshake.Message
}

func newEnds(t *testing.T, server, client *tls.Config) *ends {
	t.Helper()
	server, err := Configure(server)
	require.NoError(t, err)
	client, err = Configure(client)
	require.NoError(t, err)
	e := &ends{t: t, drivers: [2]*Driver{NewClient(client), NewServer(server)}}
	t.Cleanup(func() {
		e.drivers[0].Close()
		e.drivers[1].Close()
	})
	return e
}

// run hands what either says to the other until nobody has anything left, in pieces of so many bytes.
func (e *ends) run(piece int) {
	var queues [2][]handshake.Send
	hear := func(i int, messages []handshake.Message) {
		e.said[i] = append(e.said[i], messages...)
		for _, m := range messages {
			if send, ok := m.(handshake.Send); ok {
				queues[1-i] = append(queues[1-i], send)
			}
		}
	}
	hear(1, e.drivers[1].Start([]byte("the server's")))
	hear(0, e.drivers[0].Start([]byte("the client's")))
	for len(queues[0])+len(queues[1]) > 0 {
		for i := range queues {
			if len(queues[i]) == 0 {
				continue
			}
			m := queues[i][0]
			n := min(piece, len(m.Data))
			if queues[i] = queues[i][1:]; n < len(m.Data) {
				queues[i] = append([]handshake.Send{{Level: m.Level, Data: m.Data[n:]}}, queues[i]...)
			}
			hear(i, e.drivers[i].Handle(m.Level, m.Data[:n]))
		}
	}
}

// last returns the only message of the kind that the end said; ok is false if there is none.
func last[M handshake.Message](e *ends, end int) (m M, ok bool) {
	e.t.Helper()
	for _, said := range e.said[end] {
		if found, is := said.(M); is {
			require.False(e.t, ok, "%T twice", m)
			m, ok = found, true
		}
	}
	return m, ok
}

func TestHandshake(t *testing.T) {
	server, client := configs(t)
	for _, piece := range []int{1 << 20, 100} {
		e := newEnds(t, server, client)
		e.run(piece)
		for end, theirs := range []string{"the server's", "the client's"} {
			params, _ := last[handshake.PeerParameters](e, end)
			require.Equal(t, theirs, string(params.Data))
			complete, ok := last[handshake.Complete](e, end)
			require.True(t, ok)
			require.False(t, complete.Judged)
			_, over := last[handshake.Over](e, end)
			require.True(t, over, "no ticket is kept")
			state := e.drivers[end].State()
			require.Equal(t, ALPN, state.NegotiatedProtocol)
			sealers, openers := 0, 0
			for i, m := range e.said[end] {
				keys, is := m.(handshake.Keys)
				if is && keys.Sealer != nil {
					sealers++
				}
				if is && keys.Opener != nil {
					openers++
				}
				if _, is := m.(handshake.Complete); is {
					require.Equal(t, []int{2, 2}, []int{sealers, openers}, "Complete, message %d, comes after the keys", i)
				}
			}
		}
	}
}

// A client that was asked for a certificate says so: its server has yet to look at it.
func TestJudged(t *testing.T) {
	server, client := configs(t)
	server.ClientAuth = tls.RequireAnyClientCert
	e := newEnds(t, server, client)
	e.run(1 << 20)
	complete, ok := last[handshake.Complete](e, 0)
	require.True(t, ok && complete.Judged)
	require.Len(t, e.drivers[1].State().PeerCertificates, 1)

	client.Certificates = nil
	e = newEnds(t, server, client)
	e.run(1 << 20)
	failed, ok := last[handshake.Failed](e, 1)
	require.True(t, ok)
	require.EqualValues(t, 116, failed.Alert, "certificate_required")
}

// A session that is kept is resumed, and the driver waits for its ticket.
func TestTicket(t *testing.T) {
	server, client := configs(t)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	server, err := Configure(server) // one configuration has one set of ticket keys
	require.NoError(t, err)
	for i := range 2 {
		e := newEnds(t, server, client)
		e.drivers[1].Close()
		e.drivers[1] = NewServer(server)
		e.run(1 << 20)
		require.Equal(t, i == 1, e.drivers[0].State().DidResume)
		_, over := last[handshake.Over](e, 0)
		require.True(t, over, "the ticket came")
	}
}

// What a callback chooses for a client has the same floor as the configuration it stands for.
func TestConfigForClient(t *testing.T) {
	server, client := configs(t)
	chosen := server.Clone()
	chosen.NextProtos = []string{"h3"}
	e := newEnds(t, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return chosen, nil }}, client)
	e.run(1 << 20)
	require.Equal(t, ALPN, e.drivers[0].State().NegotiatedProtocol)

	e = newEnds(t, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("not today") }}, client)
	e.run(1 << 20)
	failed, ok := last[handshake.Failed](e, 1)
	require.True(t, ok)
	require.ErrorContains(t, failed.Err, "not today")
}

func TestConfigure(t *testing.T) {
	_, err := Configure(nil)
	require.Error(t, err)
	_, err = Configure(&tls.Config{MaxVersion: tls.VersionTLS12})
	require.ErrorContains(t, err, "TLS 1.2")
	before := &tls.Config{NextProtos: []string{"h2"}}
	after, err := Configure(before)
	require.NoError(t, err)
	require.Equal(t, []string{"h2"}, before.NextProtos, "it is copied")
	require.EqualValues(t, tls.VersionTLS13, after.MinVersion)
}

// A driver may be closed at any time, and then leaves no goroutine; TestMain looks.
func TestClose(t *testing.T) {
	server, client := configs(t)
	e := newEnds(t, server, client)
	e.drivers[0].Close() // never started
	e = newEnds(t, server, client)
	hello := e.drivers[0].Start(nil)[0].(handshake.Send)
	e.drivers[1].Start(nil)
	e.drivers[1].Handle(handshake.Initial, hello.Data[:10])
}

// FuzzHandle lets a hostile peer send what it likes, at any level and in two pieces. A driver answers or fails, and does
// neither panic nor hang.
func FuzzHandle(f *testing.F) {
	serverTLS, clientTLS := configs(f)
	server, err := Configure(serverTLS)
	require.NoError(f, err)
	client, err := Configure(clientTLS)
	require.NoError(f, err)
	d := NewClient(client)
	hello := d.Start([]byte("params"))[0].(handshake.Send).Data
	d.Close()
	f.Add(true, uint8(0), hello, uint16(50))
	f.Add(false, uint8(0), []byte{2, 0, 0, 4, 3, 3, 0, 0}, uint16(1))
	f.Add(false, uint8(1), []byte{20, 0, 0, 0}, uint16(0))
	f.Fuzz(func(t *testing.T, atServer bool, level uint8, data []byte, cut uint16) {
		d := NewClient(client)
		if atServer {
			d = NewServer(server)
		}
		defer d.Close()
		d.Start([]byte("params"))
		at := min(int(cut), len(data))
		for _, piece := range [][]byte{data[:at], data[at:]} {
			for _, m := range d.Handle(handshake.Level(level%handshake.Levels), piece) {
				if _, failed := m.(handshake.Failed); failed {
					return
				}
			}
		}
	})
}
