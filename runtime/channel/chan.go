package channel

import (
	"context"
	"net"
)

// Chan is one end of a channel: it sends values of type Out and receives values of type In. It is safe for
// concurrent use; concurrent senders take turns, and so do concurrent receivers. Listener.Accept, Dial and Pipe
// return one.
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

// Send sends v. It returns when v is on its way, not when it has arrived. It waits, until ctx ends, only while
// the peer is far behind in receiving. Whatever v refers to may be changed once Send returns (except on a Pipe,
// which hands over the value itself).
//
// *EncodeError, *session.TooLargeError, ErrSendClosed and ctx's error mean that v was not sent and the channel
// goes on; any other error means that the channel is over.
func (c *Chan[Out, In]) Send(ctx context.Context, v Out) error { return c.end.send(ctx, v) }

// Recv waits for the next value, until ctx ends, which leaves the channel as it was. The value belongs to the
// caller. io.EOF means that the peer sends nothing more and everything has been received.
func (c *Chan[Out, In]) Recv(ctx context.Context) (In, error) { return c.end.recv(ctx) }

// TryRecv is Recv without waiting; ok is false, and err nil, if no value is there or another goroutine is
// receiving.
func (c *Chan[Out, In]) TryRecv() (v In, ok bool, err error) { return c.end.tryRecv() }

// CloseSend says that nothing more will be sent. The peer's Recv returns io.EOF after the last value. The other
// direction goes on. CloseSend is idempotent and does not wait for the peer.
func (c *Chan[Out, In]) CloseSend() error { return c.end.closeSend() }

// Close ends the channel: nothing more is sent, and nothing more is received. It waits until the peer has
// received everything and has nothing more to send either, and then returns nil, at both ends. If there are
// values that nobody has received, it aborts the channel and returns ErrUnread. If ctx ends first, it aborts
// the channel and returns ctx's error. After Close nothing of the channel is left. A second Close returns what
// the first one did.
func (c *Chan[Out, In]) Close(ctx context.Context) error { return c.end.close(ctx) }

// Abort ends the channel at once, at both ends: the peer's calls return a *session.AbortError. The peer
// receives text only if err is, or wraps, a session.Reason. Abort is idempotent, does nothing after the end,
// and does not block.
func (c *Chan[Out, In]) Abort(err error) { c.end.abort(err) }

// Context returns a context that ends when the channel does; context.Cause is the error that ended it.
func (c *Chan[Out, In]) Context() context.Context { return c.end.context() }

// LocalAddr returns the address of this end's socket, a *net.UDPAddr (except on a Pipe).
func (c *Chan[Out, In]) LocalAddr() net.Addr {
	local, _ := c.end.addrs()
	return local
}

// RemoteAddr returns the peer's address, a *net.UDPAddr (except on a Pipe).
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
