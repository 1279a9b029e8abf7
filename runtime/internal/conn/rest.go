package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// restTime is how long nothing happens on a connection before it gives up what it can make anew.
const restTime = time.Second

// restAt is when that is due.
func (c *Conn) restAt() mono.Time {
	if c.resting || c.phase != connected || c.pingDue || c.loss.Outstanding(handshake.Application) {
		return mono.Never
	}
	return max(c.activeAt, c.elicitedAt).Add(restTime)
}

// Silent reports whether nothing has come for so long, on a connection that is up, or has stayed without an answer.
func (c *Conn) Silent(now mono.Time) bool { return c.confirmed && now >= c.activeAt.Add(restTime) }

// rest gives up the memory that only an active connection needs: ciphers, of which the secrets stay,
// and the buffers, rings and records that are kept for what comes next. The next packet makes the
// ciphers anew, also one that is forged: at most once a restTime.
func (c *Conn) rest(now mono.Time) {
	c.resting = true
	c.opened, c.spare, c.chunks.free, c.buffers = nil, nil, nil, flow.Buffers{}
	c.events.rest()
	c.loss.Rest()
	for level := range c.keys {
		for _, of := range []any{c.keys[level].sealer, c.keys[level].opener} {
			if cipher, ok := of.(handshake.Cipher); ok {
				cipher.Rest()
			}
		}
	}
	c.phases.next = nil
	if now >= c.phases.lastUntil {
		c.phases.last = nil
	}
}
