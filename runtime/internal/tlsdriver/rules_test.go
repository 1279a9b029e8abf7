package tlsdriver

import (
	"bytes"
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
)

// hello is the first thing that a client says.
func hello(t *testing.T, e *ends) []byte {
	t.Helper()
	for _, m := range e.drivers[0].Start([]byte("the client's")) {
		if send, ok := m.(handshake.Send); ok {
			return bytes.Clone(send.Data)
		}
	}
	t.Fatal("no ClientHello")
	return nil
}

// Where a ClientHello (RFC 8446 §4.1.2) has the length of its session id, behind type, length, version and random.
const helloSession = 1 + 3 + 2 + 32

// RFC 9001 §8.4: "A client MUST NOT request the use of the TLS 1.3 compatibility mode." That is a session id.
func TestNoCompatibilityMode(t *testing.T) {
	server, client := configs(t)
	require.Zero(t, hello(t, newEnds(t, server, client))[helloSession])
}

// RFC 9001 §5.3: "An endpoint MUST NOT reject a ClientHello that offers a cipher suite that it does not support".
func TestUnknownSuiteIsPassedOver(t *testing.T) {
	server, client := configs(t)
	e := newEnds(t, server, client)
	e.drivers[1].Start([]byte("the server's"))
	offer := hello(t, e)
	suites := helloSession + 1 + 2
	require.Greater(t, int(offer[suites-1]), 2, "more than one suite")
	offer[suites], offer[suites+1] = 0x7a, 0x7a // the first, for one that nobody knows
	e.said[1] = e.drivers[1].Handle(handshake.Initial, offer)
	_, failed := last[handshake.Failed](e, 1)
	require.False(t, failed)
	require.NotEmpty(t, e.said[1])
}

// RFC 9001 §6: a TLS KeyUpdate is "a connection error of type 0x010a, equivalent to a fatal TLS alert of unexpected_message", and §4.4: a server
// asks for no certificate after the handshake.
func TestMessagesThatMayNotFollow(t *testing.T) {
	for name, message := range map[string][]byte{
		"KeyUpdate":          {24, 0, 0, 1, 0},
		"CertificateRequest": {13, 0, 0, 3, 0, 0, 0},
	} {
		server, client := configs(t)
		server.SessionTicketsDisabled = true
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1) // it waits for a ticket
		e := newEnds(t, server, client)
		e.run(1 << 20)
		_, over := last[handshake.Over](e, 0)
		require.False(t, over)
		e.said[0] = e.drivers[0].Handle(handshake.Application, message)
		failed, ok := last[handshake.Failed](e, 0)
		require.True(t, ok, name)
		require.EqualValues(t, 10, failed.Alert, name)
	}
}
