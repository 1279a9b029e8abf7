package transport

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// withShards has a listener have so many shards.
func withShards(n int) Option {
	return func(c *config) error {
		c.shards = n
		return nil
	}
}

// TestShards has connections of every shard exchange at once, and move: each goes on in its shard, and the listener ends as one with one socket does.
func TestShards(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is one shard where the system cannot tell for which one a datagram is")
	}
	clean(t)
	const shards, conns = 3, 36 // that one shard gets none happens once in a million times
	srv := echoServer(t, withShards(shards))
	var all sync.WaitGroup
	for i := range conns {
		n := startNAT(t, srv.addr)
		c := dial(t, n.addr)
		s := open(t, c, echoes)
		all.Go(func() {
			for k := range 20 {
				if err := exchange(bounded(t), s, fmt.Appendf(nil, "%d of %d", k, i)); err != nil {
					t.Error(err)
					return
				}
				if k == 10 {
					n.rebind("127.0.0.2")
				}
			}
		})
	}
	all.Wait()
	links, counts, _ := srv.onlyGroup().table.picture()
	// An INIT that was repeated has two cookies, and the handshake of one comes to nothing.
	require.Eventually(t, func() bool {
		links, counts, _ = srv.onlyGroup().table.picture()
		return len(links) == conns
	}, time.Minute, time.Millisecond)
	require.Zero(t, counts.Unknown)
	of := map[*shard]int{}
	for _, l := range links {
		require.Same(t, srv.onlyGroup().of(l.id), l.shard)
		of[l.shard]++
	}
	require.Len(t, of, shards)
	require.EqualValues(t, conns, srv.Stats().Connections)
	require.EqualValues(t, conns, srv.Stats().Moves)
}
