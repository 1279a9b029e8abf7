package channel

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

// carrier is what a channel needs of the transport's stream.
type carrier interface {
	session.Stream
	// ConfirmRead makes Close wait until each end's application has had everything.
	ConfirmRead()
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// streamEnd is an end over the network.
type streamEnd[Out, In any] struct {
	stream carrier
	conn   *transport.Conn // the dialing end's, which has no other stream
	out    Serializer[Out]
	in     Serializer[In]

	sending, receiving turn
	buf                []byte // the sender's, between sends
	finished           bool   // CloseSend; the sender's
	closing            atomic.Bool
	// cause is what ended the channel, where this package knows better than the stream.
	cause atomic.Pointer[error]
	// closed is what Close returned.
	once   sync.Once
	closed error
}

func newStreamEnd[Out, In any](s carrier, conn *transport.Conn, out Serializer[Out], in Serializer[In]) *Chan[Out, In] {
	s.ConfirmRead()
	return &Chan[Out, In]{&streamEnd[Out, In]{
		stream: s, conn: conn, out: out, in: in,
		sending: newTurn(), receiving: newTurn(),
	}}
}

// keptMax bounds the buffer that an end keeps for the next value.
const keptMax = 64 << 10

func (e *streamEnd[Out, In]) send(ctx context.Context, v Out) error {
	if err := e.sending.take(ctx); err != nil {
		return err
	}
	defer e.sending.give()
	switch {
	case e.finished && e.stream.Context().Err() == nil:
		return ErrSendClosed
	case e.finished:
		return e.over(net.ErrClosed)
	}
	message, err := e.out.Append(e.buf[:0], v)
	if err != nil {
		return &EncodeError{Encoding: e.out.Encoding(), Err: err}
	}
	if e.buf = message; cap(message) > keptMax {
		e.buf = nil
	}
	return e.translate(e.stream.Send(ctx, message, false))
}

func (e *streamEnd[Out, In]) recv(ctx context.Context) (v In, err error) {
	if err := e.receiving.take(ctx); err != nil {
		return v, err
	}
	defer e.receiving.give()
	if e.closing.Load() {
		return v, e.over(net.ErrClosed)
	}
	message, _, err := e.stream.Recv(ctx)
	if err != nil {
		return v, e.translate(err)
	}
	return e.decode(message)
}

func (e *streamEnd[Out, In]) tryRecv() (v In, ok bool, err error) {
	if !e.receiving.tryTake() {
		return v, false, nil // somebody else waits for the next value
	}
	defer e.receiving.give()
	if e.closing.Load() {
		return v, false, e.over(net.ErrClosed)
	}
	message, _, ok, err := e.stream.TryRecv()
	if err != nil || !ok {
		return v, false, e.translate(err)
	}
	v, err = e.decode(message)
	return v, err == nil, err
}

func (e *streamEnd[Out, In]) decode(message []byte) (In, error) {
	v, err := decode(e.in, message)
	if err != nil {
		err = &DecodeError{Encoding: e.in.Encoding(), Err: err}
		return v, e.end(err, session.Abort{Code: session.AbortCode(session.MalformedPayload)})
	}
	return v, nil
}

func (e *streamEnd[Out, In]) closeSend() error {
	// A Send that waits for room is not interrupted: what it sends comes first.
	if err := e.sending.take(e.stream.Context()); err != nil {
		return e.over(nil)
	}
	defer e.sending.give()
	e.finished = true
	return e.translate(e.stream.CloseSend())
}

func (e *streamEnd[Out, In]) close(ctx context.Context) error {
	e.once.Do(func() { e.closed = e.drain(ctx) })
	return e.closed
}

func (e *streamEnd[Out, In]) drain(ctx context.Context) error {
	e.closing.Store(true)
	err := e.drainStream(ctx)
	if err != nil {
		e.abortStream(err)
	}
	if e.conn == nil {
		return err
	}
	if closed := e.conn.Close(ctx); err == nil {
		err = closed
	}
	return err
}

func (e *streamEnd[Out, In]) drainStream(ctx context.Context) error {
	if err := e.sending.take(ctx); err != nil {
		return err
	}
	e.finished = true
	err := e.stream.CloseSend()
	e.sending.give()
	if err != nil {
		return e.translate(err)
	}
	if err := e.receiving.take(ctx); err != nil {
		return err
	}
	defer e.receiving.give()
	switch _, _, err := e.stream.Recv(ctx); err {
	case io.EOF:
	case nil:
		return e.end(ErrUnread, unreadAbort)
	default:
		return e.translate(err)
	}
	return e.translate(e.stream.Close(ctx))
}

func (e *streamEnd[Out, In]) abort(err error) {
	e.abortStream(err)
	if e.conn != nil {
		// It has nothing left but to tell the peer.
		go e.conn.Close(context.Background())
	}
}

func (e *streamEnd[Out, In]) abortStream(err error) {
	if e.stream.Context().Err() != nil {
		return
	}
	a := session.AbortFor(err)
	e.end(&session.AbortError{Abort: a, Err: err}, a)
}

// end ends the channel because of err, unless it has ended already, and returns what ended it.
func (e *streamEnd[Out, In]) end(err error, a session.Abort) error {
	if e.cause.CompareAndSwap(nil, &err) {
		e.stream.Abort(a)
	}
	return *e.cause.Load()
}

// over returns what ended the channel, or else otherwise.
func (e *streamEnd[Out, In]) over(otherwise error) error {
	if cause := e.cause.Load(); cause != nil {
		return *cause
	}
	if e.stream.Context().Err() != nil {
		if cause := context.Cause(e.stream.Context()); cause != net.ErrClosed {
			return e.translate(cause)
		}
	}
	return otherwise
}

// translate converts an error of the stream to what it means to a channel.
func (e *streamEnd[Out, In]) translate(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if cause := e.cause.Load(); cause != nil {
		return *cause
	}
	var aborted *session.AbortError
	if errors.As(err, &aborted) && aborted.Remote && aborted.Code == session.AbortMismatch {
		return &MismatchError{Out: e.out.Encoding(), In: e.in.Encoding()}
	}
	return err
}

func (e *streamEnd[Out, In]) context() context.Context { return e.stream.Context() }

func (e *streamEnd[Out, In]) addrs() (local, remote net.Addr) {
	return e.stream.LocalAddr(), e.stream.RemoteAddr()
}
