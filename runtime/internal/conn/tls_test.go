package conn

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/tlsdriver"
)

// secured is the TLS of the two ends of a world, each with a certificate that the other trusts.
type secured struct{ client, server *tls.Config }

func newSecured(t testing.TB) secured {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"server.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	pair := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}
	return secured{
		client: &tls.Config{RootCAs: pool, ServerName: "server.test", Certificates: pair},
		server: &tls.Config{Certificates: pair, ClientCAs: pool},
	}
}

// secure makes a world speak TLS.
func (w *world) secure(s secured) *world {
	client, err := tlsdriver.Configure(s.client)
	require.NoError(w.t, err)
	server, err := tlsdriver.Configure(s.server)
	require.NoError(w.t, err)
	w.newDriver = func(of *side) handshake.Driver {
		driver := tlsdriver.NewServer(server)
		if of == w.client {
			driver = tlsdriver.NewClient(client)
		}
		w.t.Cleanup(driver.Close)
		return driver
	}
	return w
}

// overTLS is what makes a world's two ends speak the version of TLS.
func overTLS(client, server *Config) { client.Version, server.Version = packet.V1, packet.V1 }

func secureWorld(t testing.TB, configs ...func(client, server *Config)) *world {
	w := newWorld(t, append(configs, overTLS)...).secure(newSecured(t))
	w.dial()
	w.run(time.Second)
	if w.client.core.phase != connected || w.server.core == nil || w.server.core.phase != connected || !w.client.core.confirmed {
		t.Fatalf("not connected:\n%s", w.story())
	}
	w.client.events, w.server.events = nil, nil
	return w
}

func TestTLSConnects(t *testing.T) {
	w := secureWorld(t)
	t.Log(w.story())
	id := w.open(true)
	w.client.send(id, "ping", false)
	w.run(time.Second)
	got, _ := w.server.recv(id)
	require.Equal(t, []string{"ping"}, got)
	w.server.send(id, "pong", true)
	w.run(time.Second)
	got, _ = w.client.recv(id)
	require.Equal(t, []string{"pong"}, got)
	for _, s := range []*side{w.client, w.server} {
		for _, level := range []handshake.Level{handshake.Initial, handshake.Handshake} {
			require.True(t, s.core.keys[level].gone, "%s still has the keys of level %d", s.name, level)
		}
		require.Zero(t, s.core.tally.packetsForged)
	}
}

// slow is a driver on a worker: what it says comes later than what it heard.
type slow struct {
	handshake.Driver
	said []handshake.Message
}

func (d *slow) Start(params []byte) []handshake.Message { return d.Driver.Start(params) }

func (d *slow) Handle(level handshake.Level, data []byte) []handshake.Message {
	d.said = append(d.said, d.Driver.Handle(level, data)...)
	return nil
}

// What comes while a worker has the handshake waits for its keys, and is taken in with them: nothing is sent twice.
func TestTLSOnSlowWorkers(t *testing.T) {
	w := newWorld(t, overTLS).secure(newSecured(t))
	drivers := map[*side]*slow{}
	fast := w.newDriver
	w.newDriver = func(s *side) handshake.Driver {
		drivers[s] = &slow{Driver: fast(s)}
		return drivers[s]
	}
	w.dial()
	id, sent := StreamID(0), false
	for end := w.now.Add(time.Second); w.now < end; {
		w.run(5 * time.Millisecond)
		for _, s := range w.sides() {
			if d := drivers[s]; d != nil && len(d.said) > 0 {
				said := d.said
				d.said = nil
				s.core.HandleHandshake(w.now, said)
				if s == w.client && s.core.phase == connected && !sent {
					sent = true
					id = w.open(true)
					s.send(id, "rides with the Finished", false)
				}
				s.after()
			}
		}
	}
	got, _ := w.server.recvIf(id)
	require.Equal(t, []string{"rides with the Finished"}, got, w.story())
	for _, s := range w.sides() {
		require.Zero(t, s.core.Stats().PacketsLost, w.story())
		require.Empty(t, s.core.parked)
	}
}
