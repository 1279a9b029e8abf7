package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

const (
	// unreachableMax is how many ICMP messages, within unreachableTime, make a dialing end give up.
	unreachableMax  = 3
	unreachableTime = time.Second
)

// HandleUnreachable takes in that an ICMP message said that nobody is at the peer's address. Such messages are
// not authenticated: one fails the handshake only if no COOKIE has arrived, so that nobody seems to be there,
// and others say so too, of INITs that follow soon. Later it is only a reason to probe the peer (RFC 9000 §14.2.1 and RFC 8085 §5.2 say
// how far to trust them). A connection at rest ignores it: what that has sent was answered, a second ago or
// more.
func (c *Conn) HandleUnreachable(now mono.Time) {
	if c.rested != nil {
		return
	}
	switch {
	case c.over():
	case c.phase == opening:
		if c.unreachable == 0 || now.Sub(c.unreachableAt) > unreachableTime {
			c.unreachable, c.unreachableAt = 0, now
		}
		if c.unreachable++; c.unreachable == unreachableMax {
			c.suspect(refusal("nobody listens at the address"))
		}
		c.initAt = min(c.initAt, now.Add(c.config.InitialRTT/2))
	case c.phase == connected && !c.loss.Outstanding(handshake.Application):
		c.pingDue = true
	}
	c.settle(now)
}
