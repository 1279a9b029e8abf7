package transport

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// attacker sends what it likes to one address.
type attacker struct {
	t      testing.TB
	sock   *udp.Socket
	to     netip.AddrPort
	random *rand.Rand
	batch  *udp.Batch
}

func attack(t testing.TB, to netip.AddrPort) *attacker {
	sock, err := udp.Listen("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { sock.Close() })
	return &attacker{t: t, sock: sock, to: to, random: rand.New(rand.NewPCG(1, 2)), batch: udp.NewBatch(1, datagramMax)}
}

func (a *attacker) send(datagram []byte) {
	a.batch.Reset()
	a.batch.Add(udp.Datagram{Addr: a.to, Data: append(a.batch.Next(), datagram...)})
	require.NoError(a.t, a.sock.WriteBatch(a.batch))
}

// garbage makes a datagram of random length and bytes, often with a plausible first byte.
func (a *attacker) garbage() []byte {
	b := make([]byte, a.random.IntN(datagramMax))
	for i := range b {
		b[i] = byte(a.random.Uint32())
	}
	if len(b) > 0 && a.random.IntN(2) == 0 {
		b[0] = byte(a.random.IntN(16)) << 4
	}
	return b
}

// TestS8Garbage has a server and a client go on while garbage floods both.
func TestS8Garbage(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr)
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("before")))
	client := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.link.shard.sock.LocalAddr().Port())
	toServer, toClient := attack(t, srv.ln.addr()), attack(t, client)

	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 20_000 {
		toServer.send(toServer.garbage())
		toClient.send(toClient.garbage())
		if i%100 == 0 {
			require.NoError(t, exchange(bounded(t), s, fmt.Appendf(nil, "during %d", i)))
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))

	other := open(t, dial(t, srv.addr), echoes)
	require.NoError(t, exchange(bounded(t), other, []byte("another client")))
	require.NoError(t, finish(bounded(t), other))
	require.NoError(t, finish(bounded(t), s))
}

// TestS9ThirdAddress replays at each end what the other end sent, from a third address.
func TestS9ThirdAddress(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	p := startProxy(t, srv.addr, func([]byte, bool) fate { return pass })
	c := dial(t, p.addr)
	s := open(t, c, echoes)
	for range 20 {
		require.NoError(t, exchange(bounded(t), s, []byte("recorded")))
	}
	client := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.link.shard.sock.LocalAddr().Port())
	toServer, toClient := attack(t, srv.ln.addr()), attack(t, client)
	for _, d := range p.recorded() {
		toServer.send(d)
		toClient.send(d)
	}
	for range 20 {
		require.NoError(t, exchange(bounded(t), s, []byte("unharmed")))
	}
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, c.Close(bounded(t)))
}
