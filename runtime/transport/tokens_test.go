package transport

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/session"
)

// shakeHands dials, and sees to it that what the server gives at the end of a handshake has come.
func shakeHands(t *testing.T, srv *server, opts ...Option) *Conn {
	t.Helper()
	c, err := Dial(bounded(t), srv.addr, opts...)
	require.NoError(t, err)
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("answered behind the token")))
	require.NoError(t, finish(bounded(t), s))
	return c
}

func (s *server) handshakes() HandshakeStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sv := range s.serving {
		return sv.group.handshakes()
	}
	return HandshakeStats{}
}

// The second dial to a server begins with CONNECT, in either mode.
func TestAddressTokens(t *testing.T) {
	clean(t)
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	for name, mode := range map[string][2]Option{
		"plaintext": {WithPlaintext(), WithPlaintext()}, "TLS": {WithTLS(serverTLS), WithTLS(clientTLS)},
	} {
		srv := serveOver(t, map[*session.Protocol]handler{echoes: serveEcho}, mode[0])
		for i := range 3 {
			require.NoError(t, shakeHands(t, srv, mode[1]).Close(bounded(t)))
			got := srv.handshakes()
			require.EqualValues(t, i, got.ByToken, name)
			require.EqualValues(t, i+1, got.Completed, name)
		}
	}
}

func TestTokenStore(t *testing.T) {
	var s tokenStore
	key := func(i int) tokenKey {
		return tokenKey{netip.AddrPortFrom(netip.AddrFrom4([4]byte{1, 2, byte(i >> 8), byte(i)}), 1), packet.V1}
	}
	for i := range tokensMax + 10 {
		s.put(key(i), addressToken{bytes: []byte{byte(i)}, got: mono.Time(i)})
	}
	require.Len(t, s.of, tokensMax)
	_, ok := s.take(0, key(9))
	require.False(t, ok, "the oldest went")
	got, ok := s.take(20, key(10))
	require.True(t, ok)
	require.Equal(t, []byte{10}, got.bytes)
	_, ok = s.take(20, key(10))
	require.False(t, ok, "used once")
	s.put(key(10), addressToken{bytes: []byte{1}})
	require.Len(t, s.order, tokensMax)
	_, ok = s.take(mono.Time(handshake.TokenLife), key(10))
	require.False(t, ok, "too old")
	require.Equal(t, leastPatience, (&addressToken{rtt: time.Millisecond}).patience())
	require.Equal(t, 3*time.Second, (&addressToken{rtt: time.Second}).patience())
}
