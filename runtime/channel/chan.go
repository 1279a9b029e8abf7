package channel

import (
	"context"
	"net"
)

// Chan is one end of a channel: it sends values of type Out and receives values
// of type In. It may be used from any number of goroutines; those that send at the same
// time, and those that receive, take turns. Listener.Accept, Dial and Pipe make one.
type Chan[Out, In any] struct{ end end[Out, In] }

// end is what a Chan stands on: a stream of the transport, or memory.
type end[Out, In any] interface {
	send(ctx context.Context, v Out) error
	recv(ctx context.Context) (In, error)
	tryRecv() (v In, ok bool, err error)
	closeSend() error
	close(ctx context.Context) error
	abort(err error)
	context() context.Context
	addrs() (local, remote net.Addr)
}

// Send sends v. It returns when v is on its way, not when it has arrived, and waits, until ctx ends,
// only while the peer is far behind with receiving. What v refers to may be changed
// when it returns (not so on a Pipe, which hands over the value itself).
//
// *EncodeError, *session.TooLargeError, ErrSendClosed and ctx's error mean that
// v was not sent and the channel goes on; all others, that it is over.
func (c *Chan[Out, In]) Send(ctx context.Context, v Out) error { return c.end.send(ctx, v) }

// Recv waits for the next value, until ctx ends, which leaves the channel as it was. What it returns
// is the caller's. io.EOF: the peer sends nothing more, and everything has been received.
func (c *Chan[Out, In]) Recv(ctx context.Context) (In, error) { return c.end.recv(ctx) }

// TryRecv is Recv without the wait; ok is false, and err nil, if no value is there.
func (c *Chan[Out, In]) TryRecv() (v In, ok bool, err error) { return c.end.tryRecv() }

// CloseSend says that nothing more is sent. The peer's Recv returns io.EOF behind the last value. It is
// idempotent, and waits for nobody. The other direction goes on.
func (c *Chan[Out, In]) CloseSend() error { return c.end.closeSend() }

// Close ends the channel: nothing more is sent, and nothing more is received. It waits until the
// peer has received everything and has nothing more to send either, and returns nil then, at both ends. If something comes that nobody
// has received, it aborts the channel and returns ErrUnread. If ctx ends first, it aborts the
// channel and returns ctx's error. After Close nothing of the channel is left. A second Close returns what the first one did.
func (c *Chan[Out, In]) Close(ctx context.Context) error { return c.end.close(ctx) }

// Abort ends the channel at once, at both ends: the peer's calls return a *session.AbortError. The peer learns text
// only if err is, or wraps, a session.Reason. It is idempotent, does nothing after the end, and waits for nobody.
func (c *Chan[Out, In]) Abort(err error) { c.end.abort(err) }

// Context ends when the channel does; context.Cause is the error that ended it.
func (c *Chan[Out, In]) Context() context.Context { return c.end.context() }

// LocalAddr is the address of this end's socket, a *net.UDPAddr (not so on a Pipe).
func (c *Chan[Out, In]) LocalAddr() net.Addr {
	local, _ := c.end.addrs()
	return local
}

// RemoteAddr is the peer's address, a *net.UDPAddr (not so on a Pipe).
func (c *Chan[Out, In]) RemoteAddr() net.Addr {
	_, remote := c.end.addrs()
	return remote
}

// turn is a lock that a context may interrupt the wait for.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) tryTake() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turn) give() { <-t }
