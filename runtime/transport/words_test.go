package transport

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// TestHandshakeErrorsInWords: each says once where, and what to do.
func TestHandshakeErrorsInWords(t *testing.T) {
	peer := netip.MustParseAddrPort("127.0.0.1:7")
	for _, want := range []struct {
		cause conn.CloseError
		text  string
	}{
		{
			conn.CloseError{Code: uint64(packet.ConnectionRefused), Remote: true},
			"transport: 127.0.0.1:7: handshake failed: the server takes no connections: it is shutting down, most likely",
		},
		{
			conn.CloseError{Code: uint64(packet.ConnectionRefused), Err: &conn.VersionError{Offered: []packet.Version{packet.V1}}},
			"transport: 127.0.0.1:7: handshake failed: the server encrypts: give Dial transport.WithTLS in place of WithPlaintext",
		},
		{
			conn.CloseError{Code: uint64(packet.ConnectionRefused), Err: &conn.VersionError{Offered: []packet.Version{packet.V1Plain}}},
			"transport: 127.0.0.1:7: handshake failed: the server does not encrypt: give it transport.WithTLS, or Dial WithPlaintext",
		},
	} {
		err := handshakeError(peer, &want.cause)
		require.EqualError(t, err, want.text)
	}
	var versions *VersionError
	require.ErrorAs(t, handshakeError(peer, &conn.CloseError{Err: &conn.VersionError{}}), &versions)
	require.EqualError(t, versions, "transport: 127.0.0.1:7: the server speaks another version of the protocol")
}
