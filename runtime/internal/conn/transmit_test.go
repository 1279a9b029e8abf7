package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// PollTransmit makes no packet where there is nothing to say. Each thing that there may be is said, alone.
func TestEachThingIsSaid(t *testing.T) {
	const client, server = 0, 1
	for name, row := range map[string]struct {
		end int
		due func(c *Conn)
	}{
		"handshake bytes": {server, func(c *Conn) { c.crypto[handshake.Application].out.write(&c.chunks, []byte("ticket")) }},
		"a probe":         {client, func(c *Conn) { c.probes[handshake.Application] = 1 }},
		"HANDSHAKE_DONE":  {server, func(c *Conn) { c.handshakeDoneDue = true }},
		"NEW_TOKEN":       {server, func(c *Conn) { c.offer, c.offerDue = []byte("a token for the next time"), true }},
		"MAX_STREAMS":     {server, func(c *Conn) { c.maxStreamsDue = true }},
		"room for streams": {server, func(c *Conn) {
			for range c.config.MaxStreams { // which were opened, and have ended
				c.peerStreams.End()
			}
		}},
		"ACK_FREQUENCY": {client, func(c *Conn) { c.askedThreshold = 4 * maxAckThreshold }},
		"GOAWAY":        {server, func(c *Conn) { c.goAwayDue = true }},
		"CLOSE":         {client, func(c *Conn) { c.closeDue = true }},
		"CLOSE_OK":      {server, func(c *Conn) { c.closedDue = true }},
		"PING":          {client, func(c *Conn) { c.pingDue = true }},
		"a retired id":  {client, func(c *Conn) { c.ids.retiring, c.ids.retireDue = 1, 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.exchange()
			c := p.ends[row.end]
			_, _, ok := c.PollTransmit(p.now, p.buf[:0])
			require.False(t, ok, "nothing is said where there is nothing to say")
			row.due(c)
			_, _, ok = c.PollTransmit(p.now, p.buf[:0])
			require.True(t, ok)
			_, _, ok = c.PollTransmit(p.now, p.buf[:0])
			require.False(t, ok, "and once")
		})
	}
}

// An address token that was taken for lost, and arrived late, is not sent again: there would be nothing in the frame, which no peer accepts.
func TestTokenTakenForLost(t *testing.T) {
	p := newPair(t)
	p.exchange()
	c := p.ends[1]
	c.offer = []byte("a token for the next time")
	token := recovery.Ref{Kind: refNewToken}
	(*fates)(c).FrameLost(handshake.Application, token)
	(*fates)(c).FrameAcked(handshake.Application, token)
	_, _, ok := c.PollTransmit(p.now, p.buf[:0])
	require.False(t, ok)
}
