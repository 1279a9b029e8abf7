package conn

import (
	"cmp"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Stock is one of the things that connections share with others beside them: see Shared.
type Stock uint8

const (
	// Outgoing is what waits to be sent or acknowledged, beyond the streams' floors.
	Outgoing Stock = iota
	// Incoming is what is reserved for long messages that arrive.
	Incoming
)

// Stalled is how many bytes of the stock are held by streams that have not moved for the death timeout, so that others may have to do
// without: their peer, or reader, has taken a 64th of what they hold at most, or less than a floor. It is to be asked again and again while somebody waits.
func (c *Conn) Stalled(now mono.Time, of Stock) (bytes int) {
	if c.over() || c.table == nil {
		return 0
	}
	c.eachStalled(now, of, func(s *stream) { bytes += s.holds(of) })
	return bytes
}

// Shed aborts the streams that Stalled tells of. The program learns it by EventAborted, as if the peer had broken a rule.
func (c *Conn) Shed(now mono.Time, of Stock) {
	if c.over() || c.table == nil {
		return
	}
	c.rouse(now)
	c.eachStalled(now, of, func(s *stream) {
		c.fault(s, AbortStalled, "")
		if c.peerClosed {
			c.dropStream(s) // the peer has finished, and is not told
		}
	})
	c.settle(now)
}

// holds is how many bytes of the stock the stream holds.
func (s *stream) holds(of Stock) int {
	if of == Outgoing {
		return s.send.beyond()
	}
	return int(s.recv.claim.Size())
}

// eachStalled calls do for the streams that stall, which do may drop.
func (c *Conn) eachStalled(now mono.Time, of Stock, do func(*stream)) {
	patience := c.patience()
	// Where all streams together hardly move, it is not that this end serves others before.
	still := of == Outgoing && c.pace.stalls(now, c.taken, c.kept, patience)
	for s := c.lists[byAge].first; s != nil; {
		next := c.lists[byAge].next(s)
		if n := s.holds(of); n > 0 && s.aborted == nil {
			var stalls bool
			if of == Outgoing {
				stalls = s.send.pace.stalls(now, s.send.acked, n, patience) && (still || s.send.next >= s.send.limit)
			} else {
				stalls = s.recv.pace.stalls(now, s.recv.Highest()+s.recv.read, n, patience)
			}
			if stalls {
				do(s)
			}
		}
		s = next
	}
}

// patience is how long who holds something from others may stall.
func (c *Conn) patience() time.Duration {
	if c.rested != nil {
		return cmp.Or(c.config.DeathTimeout, leastDeath)
	}
	return c.deathTimeout()
}

// pace tells whether a count goes on. The zero value begins when it is asked first.
type pace struct {
	at    mono.Time
	count uint64
}

// stalls reports whether count has gone on by less than a 64th of held, or a floor, for patience.
func (p *pace) stalls(now mono.Time, count uint64, held int, patience time.Duration) bool {
	if p.at == 0 || count-p.count >= max(flow.Floor, uint64(held/64)) {
		*p = pace{now, count}
		return false
	}
	return now.Sub(p.at) >= patience
}
