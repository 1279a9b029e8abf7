package transport

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/session"
)

// TestListenerOnAllAddresses has clients behind a translator that lets answers in only from the address that they dialed, which is not the one
// that the system's routes choose. RFC 8085 §5: "the application SHOULD send any UDP responses with an IP source address that matches the IP
// destination address of the UDP datagram that carried the request".
func TestListenerOnAllAddresses(t *testing.T) {
	ours := newAuthority(t)
	serverTLS := &tls.Config{Certificates: []tls.Certificate{ours.issue("server.test")}}
	clientTLS := &tls.Config{RootCAs: ours.pool, ServerName: "server.test"}
	for name, row := range map[string]struct {
		listen         string
		server, client Option
	}{
		"plaintext": {"0.0.0.0:0", WithPlaintext(), WithPlaintext()},
		"TLS":       {"[::]:0", WithTLS(serverTLS), WithTLS(clientTLS)},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			srv := serveAt(t, row.listen, map[*session.Protocol]handler{echoes: serveEcho}, row.server, withShards(3))
			port := netip.MustParseAddrPort(srv.addr).Port()
			asked := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port)
			for range 6 { // two of each shard
				n := startNAT(t, asked.String())
				c, err := Dial(bounded(t), n.addr, row.client)
				require.NoError(t, err)
				s := open(t, c, echoes)
				require.NoError(t, exchange(bounded(t), s, make([]byte, 500_000)))
				moves := srv.Stats().Moves
				n.rebind("127.0.0.3")
				require.Eventually(t, func() bool {
					return exchange(bounded(t), s, make([]byte, 50_000)) == nil && srv.Stats().Moves > moves
				}, time.Minute, time.Millisecond)
				require.NoError(t, finish(bounded(t), s))
				require.NoError(t, c.Close(bounded(t)))
			}

			// So it is with what belongs to no connection.
			stranger, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(asked))
			require.NoError(t, err)
			defer stranger.Close()
			require.NoError(t, stranger.SetDeadline(time.Now().Add(time.Minute)))
			_, err = stranger.Write(append([]byte{0x40}, make([]byte, 100)...))
			require.NoError(t, err)
			n, err := stranger.Read(make([]byte, 1500))
			require.NoError(t, err)
			require.Equal(t, packet.MaxReset, n)
		})
	}
}
