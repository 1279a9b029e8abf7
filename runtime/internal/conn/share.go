package conn

import (
	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Shared is what a connection shares with others beside it: bounds on what all of them may hold.
type Shared interface {
	// Full reports whether so many bytes more than the streams' floors are not to be kept for sending now. Send then
	// returns ErrBlocked. If they are, they are set aside until the driver compares with Kept.
	Full(bytes int) bool
	// Lend gives a connection at rest what it looks at a datagram with, and Return takes it back before the input is over.
	Lend() *Lent
	Return(*Lent)
	// TakeNow is the Bank's Take for a window that grows: nobody waits if it returns false. Give gives the bytes back.
	TakeNow(bytes uint64) bool
	// Bank is what room for long messages that arrive is taken from, Store what lends them buffers.
	flow.Bank
	flow.Store
}

// Share makes the connection respect what it shares with others. The driver calls it once, before the first
// input. When Full becomes false, or the Bank has bytes that it did not have before, it calls Retry.
func (c *Conn) Share(s Shared) {
	c.shared = s
	if c.awake != nil {
		c.buffers.Store = s
	}
	if c.table != nil {
		c.pool.Bank = s
	}
}

// Retry lets those continue that had to wait for what is shared.
func (c *Conn) Retry(now mono.Time) {
	if c.over() || c.table == nil {
		return
	}
	c.rouse(now)
	c.pool.Retry()
	c.granted(now)
	c.settle(now)
}

// full reports whether what is shared has no room to send so many bytes beyond the floors.
func (c *Conn) full(bytes int) bool { return c.shared != nil && c.shared.Full(bytes) }

// Kept is how many bytes the send buffers hold of what is shared: those beyond the streams' floors.
func (c *Conn) Kept() int {
	if c.table == nil {
		return 0
	}
	return c.kept
}
