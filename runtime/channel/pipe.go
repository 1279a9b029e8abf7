package channel

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/sessgen/sessgen/runtime/session"
)

// pipeDepth is how many values may wait for a reader before the writer has to.
const pipeDepth = 256

// Pipe returns the two ends of a channel in memory. Nothing is lost and nothing takes time. Everything else is
// as on a network, except that values are handed over as they are, without a serializer, so whatever they refer
// to is shared.
func Pipe[A, B any]() (*Chan[A, B], *Chan[B, A]) {
	p := &pipe{changed: make(chan struct{})}
	up, down := new(half[A]), new(half[B])
	for i := range p.fates {
		p.fates[i].ctx, p.fates[i].cancel = context.WithCancelCause(context.Background())
	}
	return &Chan[A, B]{&pipeEnd[A, B]{pipe: p, out: up, in: down, own: &p.fates[0], other: &p.fates[1]}},
		&Chan[B, A]{&pipeEnd[B, A]{pipe: p, out: down, in: up, own: &p.fates[1], other: &p.fates[0]}}
}

// pipe is what both ends of a channel in memory share.
type pipe struct {
	mu      sync.Mutex    // guards all that follows, and the halves
	changed chan struct{} // closed, and made anew, with every change
	fates   [2]fate
}

// fate is how an end stands.
type fate struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	cause  error // what ended the channel, net.ErrClosed where nothing was wrong
}

func (f *fate) end(cause error) {
	f.cause = cause
	f.cancel(cause)
}

// half is one direction.
type half[T any] struct {
	values   []T
	finished bool // nothing follows the values
	closed   bool // nothing is received any more
}

func (h *half[T]) done() bool { return h.finished && len(h.values) == 0 }

// pipeEnd is an end in memory.
type pipeEnd[Out, In any] struct {
	*pipe
	out        *half[Out]
	in         *half[In]
	own, other *fate

	once   sync.Once
	result error // of Close
}

// until waits until try says that it is done, or ctx ends. try is called under the lock.
func (e *pipeEnd[Out, In]) until(ctx context.Context, try func() bool) error {
	for {
		e.mu.Lock()
		if try() {
			if e.own.cause == nil && e.in.done() && e.out.done() {
				e.own.end(net.ErrClosed)
				e.other.end(net.ErrClosed)
			}
			close(e.changed)
			e.changed = make(chan struct{})
			e.mu.Unlock()
			return nil
		}
		changed := e.changed
		e.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *pipeEnd[Out, In]) send(ctx context.Context, v Out) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	waited := e.until(ctx, func() bool {
		switch {
		case e.own.cause != nil:
			err = e.own.cause
		case e.out.finished:
			err = ErrSendClosed
		case len(e.out.values) == pipeDepth:
			return false
		default:
			e.out.values = append(e.out.values, v)
		}
		return true
	})
	if waited != nil {
		return waited
	}
	return err
}

// next takes the next value, if there is one. The lock is held.
func (e *pipeEnd[Out, In]) next() (v In, ok bool, err error) {
	switch {
	case e.own.cause != nil && e.own.cause != net.ErrClosed:
		return v, false, e.own.cause
	case e.in.closed:
		return v, false, net.ErrClosed
	case len(e.in.values) > 0:
		v = e.in.values[0]
		clear(e.in.values[:1])
		e.in.values = e.in.values[1:]
		return v, true, nil
	case e.in.finished:
		return v, false, io.EOF
	}
	return v, false, nil
}

func (e *pipeEnd[Out, In]) recv(ctx context.Context) (v In, err error) {
	if err := ctx.Err(); err != nil {
		return v, err
	}
	waited := e.until(ctx, func() (ok bool) {
		v, ok, err = e.next()
		return ok || err != nil
	})
	if waited != nil {
		return v, waited
	}
	return v, err
}

func (e *pipeEnd[Out, In]) tryRecv() (v In, ok bool, err error) {
	_ = e.until(context.Background(), func() bool {
		v, ok, err = e.next()
		return true
	})
	return v, ok, err
}

func (e *pipeEnd[Out, In]) closeSend() (err error) {
	_ = e.until(context.Background(), func() bool {
		if err = e.own.cause; err == nil || err == net.ErrClosed {
			e.out.finished, err = true, nil
		}
		return true
	})
	return err
}

func (e *pipeEnd[Out, In]) close(ctx context.Context) error {
	e.once.Do(func() { e.result = e.drain(ctx) })
	return e.result
}

func (e *pipeEnd[Out, In]) drain(ctx context.Context) (err error) {
	_ = e.until(context.Background(), func() bool {
		e.out.finished, e.in.closed = true, true
		return true
	})
	waited := e.until(ctx, func() bool {
		if err = e.own.cause; err == nil && len(e.in.values) > 0 {
			err = ErrUnread
		}
		return err != nil
	})
	switch {
	case waited != nil:
		e.abort(waited)
		return waited
	case err == net.ErrClosed:
		return nil
	case err == ErrUnread:
		e.fail(ErrUnread, unreadAbort)
	}
	return err
}

func (e *pipeEnd[Out, In]) abort(err error) {
	a := session.AbortFor(err)
	e.fail(&session.AbortError{Abort: a, Err: err}, a)
}

// fail ends the channel because of err; the peer learns a.
func (e *pipeEnd[Out, In]) fail(err error, a session.Abort) {
	_ = e.until(context.Background(), func() bool {
		if e.own.cause == nil {
			e.own.end(err)
			e.other.end(&session.AbortError{Abort: a, Remote: true})
			e.in.values, e.out.values = nil, nil
		}
		return true
	})
}

func (e *pipeEnd[Out, In]) context() context.Context { return e.own.ctx }

func (e *pipeEnd[Out, In]) addrs() (local, remote net.Addr) { return pipeAddr{}, pipeAddr{} }

// pipeAddr is where both ends of a Pipe are.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "memory" }
func (pipeAddr) String() string  { return "pipe" }
