package transport

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

// whileItAsks waits until l asks the system for its address before it sends. The answer comes, the first time, when happened reports true.
func whileItAsks(t *testing.T, l *link, happened func() bool) {
	require.Eventually(t, func() (silent bool) {
		l.at(func(m *conn.Conn) { silent = m.Silent(now()) })
		return silent
	}, time.Minute, time.Millisecond)
	s := l.shard.sources
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = netip.Addr{} // nothing is known
	var first sync.Once
	s.ask = func(netip.AddrPort) netip.Addr {
		first.Do(func() { assert.Eventually(t, happened, time.Minute, time.Millisecond) })
		return netip.Addr{}
	}
}

// TestRoamWhileItEnds: a connection ends while its link asks the system for its address, and the pump comes by meanwhile, finds it
// writing and goes. The link is removed all the same.
func TestRoamWhileItEnds(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr, WithOwnSocket())
	l := c.link
	whileItAsks(t, l, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.over && l.again
	})

	c.Abort(nil)
	removed := func() (yes bool) {
		l.at(func(*conn.Conn) { yes = l.removed })
		return yes
	}
	if !assert.Eventually(t, removed, time.Minute, time.Millisecond, "a link that is over is not removed") {
		l.shard.pump.add(l) // so that the test ends
	}
}

// TestHeardWhileItRoams: what arrives while the system is asked for the link's address is acknowledged at the time that it is then.
func TestHeardWhileItRoams(t *testing.T) {
	clean(t)
	spoken := make(chan struct{})
	speak := sync.OnceFunc(func() { close(spoken) })
	srv := serve(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		if _, _, err := s.Recv(ctx); err != nil {
			return
		}
		<-spoken
		_ = s.Send(ctx, []byte("meanwhile"), false)
		<-ctx.Done()
	}})
	c := dial(t, srv.addr, WithOwnSocket())
	stream := open(t, c, echoes)
	require.NoError(t, stream.Send(bounded(t), nil, false))
	l := c.link
	whileItAsks(t, l, func() (heard bool) {
		speak()
		l.at(func(m *conn.Conn) { heard = !m.Silent(now()) })
		return heard
	})
	require.NoError(t, stream.Send(bounded(t), nil, false))
	got, _, err := stream.Recv(bounded(t))
	require.NoError(t, err)
	require.Equal(t, "meanwhile", string(got))
}
