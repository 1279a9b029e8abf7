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

// TestRoamWhileItEnds: a connection ends while its link asks the system for its address, and the pump comes by meanwhile, finds it
// writing and goes. The link is removed all the same.
func TestRoamWhileItEnds(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr, WithOwnSocket())
	l := c.link
	require.Eventually(t, func() (silent bool) {
		l.at(func(m *conn.Conn) { silent = m.Silent(now()) })
		return silent
	}, time.Minute, time.Millisecond)

	s := l.shard.sources
	s.mu.Lock()
	s.to = netip.Addr{} // nothing is known
	asked := false
	s.ask = func(netip.AddrPort) netip.Addr {
		for came := asked; !came; time.Sleep(time.Millisecond) {
			l.mu.Lock()
			came = l.over && l.again
			l.mu.Unlock()
		}
		asked = true
		return netip.Addr{}
	}
	s.mu.Unlock()

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
	speak := make(chan struct{})
	asked := sync.OnceFunc(func() { close(speak) })
	srv := serve(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		if _, _, err := s.Recv(ctx); err != nil {
			return
		}
		<-speak
		_ = s.Send(ctx, []byte("meanwhile"), false)
		<-ctx.Done()
	}})
	c := dial(t, srv.addr, WithOwnSocket())
	stream := open(t, c, echoes)
	require.NoError(t, stream.Send(bounded(t), nil, false))
	l := c.link
	require.Eventually(t, func() (silent bool) {
		l.at(func(m *conn.Conn) { silent = m.Silent(now()) })
		return silent
	}, time.Minute, time.Millisecond)

	s := l.shard.sources
	s.mu.Lock()
	s.to = netip.Addr{} // nothing is known
	s.ask = func(netip.AddrPort) netip.Addr {
		time.Sleep(2 * time.Millisecond) // so that the time that it is now differs from what it was
		asked()
		for came := false; !came; time.Sleep(time.Millisecond) {
			l.at(func(m *conn.Conn) { came = !m.Silent(now()) })
		}
		return netip.Addr{}
	}
	s.mu.Unlock()
	require.NoError(t, stream.Send(bounded(t), nil, false))
	got, _, err := stream.Recv(bounded(t))
	require.NoError(t, err)
	require.Equal(t, "meanwhile", string(got))
}
