package transport

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// idleMax is the heap that an end of an idle connection may take under TLS, in bytes, with its part of what the shards keep for
// all and of what the test holds. The connection's own are to be at most 2,560; package conn's tests hold its records to theirs.
const idleMax = 3 << 10

// What idle connections take is given back by itself, a second after the last packet.
func TestIdleHeap(t *testing.T) {
	clean(t)
	srv, clientTLS := devServer(t)
	const n = 250
	connect := func() *Conn {
		c, err := Dial(context.Background(), srv.addr, WithTLS(clientTLS))
		require.NoError(t, err)
		s, err := c.OpenStream(context.Background(), echoes, nil)
		require.NoError(t, err)
		require.NoError(t, exchange(context.Background(), s, make([]byte, 3000)))
		require.NoError(t, finish(context.Background(), s))
		return c
	}
	conns := []*Conn{connect()}
	before := heapBytes()
	for range n {
		conns = append(conns, connect())
	}
	busy := (heapBytes() - before) / (2 * n)
	idle := busy
	for deadline := time.Now().Add(time.Minute); idle > idleMax && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		idle = (heapBytes() - before) / (2 * n)
	}
	t.Logf("an end of a connection takes %d bytes of heap, and %d when it is idle", busy, idle)
	require.LessOrEqual(t, idle, int64(idleMax))
	for _, c := range conns {
		require.NoError(t, c.Close(bounded(t)))
	}
}
