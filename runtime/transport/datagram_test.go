package transport

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// loopbackMTU is that of the loopback interface, zero if there is none.
func loopbackMTU(t *testing.T) int {
	t.Helper()
	all, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i.MTU
		}
	}
	return 0
}

// Datagrams are as large as both ends were told, where the path carries them.
func TestMaxDatagramSize(t *testing.T) {
	if loopbackMTU(t) < 65536 {
		t.Skip("loopback carries no packets of 65,536 bytes here")
	}
	clean(t)
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	found := func(want, server, client int) int {
		srv := serveTLS(t, serverTLS, WithMaxDatagramSize(server))
		c, err := Dial(context.Background(), srv.addr, WithTLS(clientTLS), WithMaxDatagramSize(client))
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close(bounded(t))) }()
		s, err := c.OpenStream(context.Background(), echoes, nil)
		require.NoError(t, err)
		message := make([]byte, 1<<20)
		// A size is not tried before the window holds four of it, and how soon it does is up to the scheduler.
		for n := 0; n < 8 || n < 1000 && c.Stats().MaxDatagram < want; n++ {
			require.NoError(t, exchange(context.Background(), s, message))
		}
		require.NoError(t, finish(context.Background(), s))
		return c.Stats().MaxDatagram
	}
	require.Equal(t, datagramLimit, found(datagramLimit, datagramLimit, datagramLimit))
	require.Equal(t, 32_000, found(32_000, datagramLimit, 32_000))
	require.Equal(t, datagramMax, found(datagramMax, datagramMax, datagramLimit), "the other end does not take more")
	require.Equal(t, datagramMin, found(datagramMin, datagramLimit, datagramMin))
	require.Equal(t, 5000, found(5000, 5000, 5000))

	for _, bytes := range []int{0, datagramMin - 1, datagramLimit + 1} {
		_, err := Listen("127.0.0.1:0", WithPlaintext(), WithMaxDatagramSize(bytes))
		require.ErrorContains(t, err, "WithMaxDatagramSize")
	}
}

// RFC 9000 §14: no datagram is fragmented. Where the system cannot keep it from happening, none is sent that is larger than what every path carries.
func TestNothingLargeThatMayBeFragmented(t *testing.T) {
	c := conn.Config{MaxDatagram: datagramLimit}
	(&shard{sock: new(udp.Socket)}).suit(&c)
	require.Equal(t, datagramMin, c.MaxDatagram)
	for _, network := range []string{"udp4", "udp6", "udp"} {
		sock, err := udp.Listen(network, ":0")
		if err != nil {
			t.Log("none over ", network, ": ", err)
			continue
		}
		defer sock.Close()
		c := conn.Config{MaxDatagram: datagramLimit}
		(&shard{sock: sock}).suit(&c)
		require.Equal(t, sock.Whole(), c.MaxDatagram == datagramLimit, network)
	}
}
