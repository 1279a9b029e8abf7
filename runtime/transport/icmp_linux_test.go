package transport

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/udp"
	"github.com/sessgen/sessgen/runtime/session"
)

// forged is an ICMP message of the type and code about a datagram over IPv4 from one address to another.
func forged(kind, code byte, from, to netip.AddrPort) []byte {
	b := make([]byte, 8+20+8)
	b[0], b[1] = kind, code
	ip, udp := b[8:28], b[28:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], 20+1200)
	copy(ip[12:], from.Addr().AsSlice())
	copy(ip[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(udp, from.Port())
	binary.BigEndian.PutUint16(udp[2:], to.Port())
	binary.BigEndian.PutUint16(udp[4:], 1200)
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum&0xffff+sum>>16))
	return b
}

// TestForgedICMP: ICMP messages of any kind, of which anyone can send as many as they like, do not end a connection, and take no room that
// datagrams need.
func TestForgedICMP(t *testing.T) {
	clean(t)
	raw, err := net.ListenPacket("ip4:icmp", "127.0.0.1")
	if err != nil {
		t.Skipf("ICMP messages cannot be forged here: %v", err)
	}
	defer raw.Close()
	srv := echoServer(t)
	c := dial(t, srv.addr)
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("before")))
	local := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(c.LocalAddr().(*net.UDPAddr).Port))
	forge := func(i int) {
		// The datagram was not understood. That it was too large, the system would believe, and keep for ten minutes of all that goes to this host.
		code := [][2]byte{{3, 2}, {12, 0}}[i%2]
		_, err := raw.WriteTo(forged(code[0], code[1], local, netip.MustParseAddrPort(srv.addr)), &net.IPAddr{IP: net.IPv4(127, 0, 0, 1)})
		assert.NoError(t, err)
	}
	shard, self := c.link.shard, newWaiter(c.link.shard)
	require.True(t, shard.preempt(self))
	for i := range 3 {
		forge(i)
		shard.readAll()
		require.Zero(t, shard.faults, "a message explains it: the reader need not pause")
	}
	shard.yield()
	for i := range 40_000 {
		forge(i)
	}
	var stop atomic.Bool
	var flood sync.WaitGroup
	flood.Go(func() {
		for i := 0; !stop.Load(); i++ {
			forge(i)
		}
	})
	for range 20 {
		require.NoError(t, exchange(bounded(t), s, make([]byte, 100_000)))
	}
	stop.Store(true)
	flood.Wait()
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, c.Close(bounded(t)))
}

// TestReadDryBeyondICMP: of what arrived while the process was stopped, an ICMP message about one peer hides nothing of another.
func TestReadDryBeyondICMP(t *testing.T) {
	clean(t)
	say := make(chan struct{})
	srv := serve(t, map[*session.Protocol]handler{hello: func(ctx context.Context, s session.Stream) {
		<-say
		_ = s.Send(ctx, []byte("hello"), true)
		_ = s.Close(ctx)
	}})
	c := dial(t, srv.addr)
	s := open(t, c, hello)
	shard, self := c.link.shard, newWaiter(c.link.shard)
	require.True(t, shard.preempt(self))

	gone, err := udp.Listen("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	to := gone.LocalAddr()
	require.NoError(t, gone.Close())
	b := udp.NewBatch(1, 100)
	b.Add(udp.Datagram{Addr: to, Data: append(b.Next(), "x"...)})
	close(say)
	for said := false; !said; { // one look after each message, however late it comes
		require.NoError(t, shard.sock.WriteBatch(b))
		shard.readAll()
		_, _, said, err = s.TryRecv()
		require.NoError(t, err)
	}

	shard.yield()
	require.NoError(t, s.CloseSend())
	require.NoError(t, s.Close(bounded(t)))
	require.NoError(t, c.Close(bounded(t)))
}
