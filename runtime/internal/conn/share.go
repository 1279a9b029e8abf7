package conn

import (
	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Shared is what a connection shares with others beside it: how much all of them may keep.
type Shared interface {
	// Full reports whether no more than the streams' floors is to be kept for sending. Send then
	// returns ErrBlocked.
	Full() bool
	// Bank is what room for long messages that arrive is taken from.
	flow.Bank
}

// Share makes the connection keep within what it shares with others. The driver calls it once, before the first
// input. When Full has come to an end, or the Bank has bytes that it did not have, it calls Retry.
func (c *Conn) Share(s Shared) {
	c.shared = s
	if c.table != nil {
		c.pool.Bank = s
	}
}

// Retry lets those go on that had to wait for what is shared.
func (c *Conn) Retry(now mono.Time) {
	if c.over() || c.table == nil {
		return
	}
	c.rouse(now)
	c.pool.Retry()
	c.granted()
	c.settle(now)
}

// full reports whether what is shared is used up for sending.
func (c *Conn) full() bool { return c.shared != nil && c.shared.Full() }

// Buffered is how many bytes the send buffers of all streams hold.
func (c *Conn) Buffered() int {
	if c.table == nil {
		return 0
	}
	return c.buffered
}
