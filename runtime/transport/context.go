package transport

import (
	"context"
	"sync"
	"time"
)

// sessionContext is the context of a session. Most sessions end before anybody asks more of their context than
// whether it has ended; the rest of a context of package context is made when it is asked for.
type sessionContext struct {
	values context.Context // does not end

	mu     sync.Mutex
	cause  error // why it has ended, nil until then
	full   context.Context
	cancel context.CancelCauseFunc
}

var _ context.Context = (*sessionContext)(nil)

// end ends the context. It does nothing the second time.
func (c *sessionContext) end(cause error) {
	c.mu.Lock()
	if c.cause == nil {
		c.cause = cause
	}
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}

// made is an equivalent context of package context, which recognizes it when it derives others from it.
func (c *sessionContext) made() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full == nil {
		c.full, c.cancel = context.WithCancelCause(c.values)
		if c.cause != nil {
			c.cancel(c.cause)
		}
	}
	return c.full
}

// Deadline implements context.Context: there is none.
func (c *sessionContext) Deadline() (time.Time, bool) { return c.values.Deadline() }

// Done implements context.Context.
func (c *sessionContext) Done() <-chan struct{} { return c.made().Done() }

// Err implements context.Context.
func (c *sessionContext) Err() error {
	c.mu.Lock()
	full, ended := c.full, c.cause != nil
	c.mu.Unlock()
	switch {
	case full != nil:
		return full.Err()
	case ended:
		return context.Canceled
	}
	return nil
}

// Value implements context.Context. Package context also asks it for the contexts that it has derived.
func (c *sessionContext) Value(key any) any {
	if key == (peerKey{}) {
		return c.values.Value(key)
	}
	return c.made().Value(key)
}
