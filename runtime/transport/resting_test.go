package transport

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// links are the server's ends of its connections.
func (s *server) links() []*link {
	t := &s.onlyGroup().table
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.links))
}

// at calls f with the machine of a link.
func (l *link) at(f func(*conn.Conn)) {
	l.mu.Lock()
	defer l.unlock()
	f(l.machine)
}

// Whoever has very many idle connections, or the ids of others', does not keep somebody else's from waking: packets that
// are forged for them wake nobody and use nothing up.
func TestForgedPacketsToThoseAtRest(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	for range full(2200, 50) {
		dial(t, srv.addr)
	}
	attacked := srv.links()
	c := dial(t, srv.addr)
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("before")))
	all := srv.links()
	victim := all[slices.IndexFunc(all, func(l *link) bool { return !slices.Contains(attacked, l) })]
	for _, l := range all {
		require.Eventually(t, func() (resting bool) {
			l.at(func(m *conn.Conn) { resting = m.Resting() })
			return resting
		}, time.Minute, time.Millisecond, "%v", l.peer)
	}
	dropped := func() (n uint64) {
		victim.at(func(m *conn.Conn) { n = m.Stats().PacketsDropped })
		return n
	}
	before := dropped()
	a := attack(t, srv.ln.addr())
	for _, l := range attacked {
		forged := packet.AppendShort(nil, l.id, false, 1<<20, 4)
		a.send(append(forged, make([]byte, 40)...))
	}
	require.NoError(t, exchange(bounded(t), s, []byte("after")))
	require.Equal(t, before, dropped())
	for _, l := range attacked {
		l.at(func(m *conn.Conn) { require.True(t, m.Resting()) })
	}
	require.NoError(t, finish(bounded(t), s))
}
