package transport

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
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
