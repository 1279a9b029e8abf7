package rpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// Client makes calls on a connection. Generated clients hold one. It is safe for concurrent use.
type Client struct {
	conn   session.Conn
	config clientConfig
}

// NewClient returns a client on conn, which remains the caller's to close.
func NewClient(conn session.Conn, opts ...ClientOption) *Client {
	c := &Client{conn: conn}
	for _, o := range opts {
		o.applyClient(&c.config)
	}
	return c
}

// ClientCall is one call at the calling end, for generated code. It is used once, by one goroutine.
type ClientCall struct {
	Call
	out    session.Encoder
	in     session.Decoder
	stream session.Stream // nil unless an attempt is under way
	helper dialed         // the same, if it is one
	sent   bool           // the one request has been sent
	// unwatch is nil unless the context of an attempt is watched: its end reaches the peer even while the program
	// is busy with an item of a stream.
	unwatch func() bool
	client  *Client
	own     bool      // the deadline is the method's own:
	until   time.Time // this
	asking  bool      // the program is sending the request stream
	failed  *Error    // what the program was told last in place of sending an item
	note    []byte
}

// Begin begins a call of m.
func (c *Client) Begin(m *Method, opts []CallOption) *ClientCall {
	call := calls.Get().(*ClientCall)
	call.client = c
	call.Call = Call{method: m, client: true}
	for _, o := range opts {
		o.applyCall(&call.Call)
	}
	return call
}

// calls holds finished calls that nobody can have kept.
var calls = sync.Pool{New: func() any { return new(ClientCall) }}

// keepMax is the size of the longest request whose memory is kept for the next call.
const keepMax = 16 << 10

// release ends the use of the call by generated code. Interceptors may have kept theirs.
func (c *ClientCall) release(request []byte) {
	if len(c.client.config.interceptors) > 0 || len(request) > keepMax {
		return
	}
	c.Call, c.client, c.own, c.until = Call{}, nil, false, time.Time{}
	calls.Put(c)
}

// Request begins the request, or an item of a request stream.
func (c *ClientCall) Request() *session.Encoder {
	c.out.Start(c.method.request())
	return &c.out
}

// Sent returns a decoder of the request, or of the item of a request stream, that has been encoded. See
// session.Outbound.Sent.
func (c *ClientCall) Sent(ctx context.Context) (*session.Decoder, error) {
	if err := c.out.Sent(c.method.request(), &c.in); err != nil {
		return nil, c.wrong(ctx, err)
	}
	return &c.in, nil
}

// Refuse returns the error for a request, or an item of a request stream, that breaks its contract. It has not
// been sent.
func (c *ClientCall) Refuse(ctx context.Context, values ...any) error {
	p, m := c.method.Protocol, c.method.request()
	return c.wrong(ctx, &session.ContractError{
		Protocol: p.Name, Role: p.Roles[0], Label: m.Label, Where: m.Where, Pos: m.Pos, Values: session.Values(values...),
	})
}

// wrong is the error of a request that this end will not send. If that is the whole call, the interceptors wrap
// it like one that is sent: they see it fail, and the error is what they make of it. Within a stream they wrap
// it already.
func (c *ClientCall) wrong(ctx context.Context, err error) error {
	e := &Error{Code: InvalidArgument, cause: err, processed: c.unseen()}
	if c.method.StreamRequest {
		c.failed = e
		return e
	}
	if len(c.client.config.interceptors) == 0 {
		return e
	}
	ctx, cancel := c.within(ctx)
	if cancel != nil {
		defer cancel()
	}
	if err := c.through(ctx, func(context.Context) error { return e }); err != nil {
		return err
	}
	return e // who says that all is well cannot send it either
}

// unseen says what is known of a call whose message was not accepted: that the handler has not run, unless it
// runs while the messages of the request arrive.
func (c *ClientCall) unseen() Processed {
	if c.stream != nil && c.method.StreamRequest {
		return ProcessedMaybe
	}
	return ProcessedNo
}

// Violated returns the error for a reply, or an item of a reply stream, that is malformed or breaks its
// contract.
func (c *ClientCall) Violated(values ...any) error {
	return c.blame(violated(c.method, c.method.reply(), 1, &c.in, values))
}

// Accept takes in a reply, or an item of a reply stream, that has been decoded.
func (c *ClientCall) Accept() error {
	return c.blame(malformed(c.method, c.method.reply(), 1, &c.in))
}

// Decode takes in a reply and checks its contract. It is nil if the reply has no content.
type Decode[R any] func(call *ClientCall, reply *session.Decoder) (R, error)

// Unary makes a call with one request, already encoded, and one reply.
func Unary[R any](ctx context.Context, c *ClientCall, decode Decode[R]) (reply R, err error) {
	request, err := c.out.Message(c.method.request())
	if err != nil {
		return reply, c.wrong(ctx, err)
	}
	ctx, cancel := c.within(ctx)
	if cancel != nil {
		defer cancel()
	}
	if len(c.client.config.interceptors) > 0 {
		return unaryThrough(ctx, c, request, decode)
	}
	reply, err = unary(ctx, c, request, decode)
	c.release(request)
	return reply, err
}

func unaryThrough[R any](ctx context.Context, c *ClientCall, request []byte, decode Decode[R]) (reply R, err error) {
	err = c.through(ctx, func(ctx context.Context) (err error) {
		reply, err = unary(ctx, c, request, decode)
		return err
	})
	return reply, err
}

// unary makes the call once.
func unary[R any](ctx context.Context, c *ClientCall, request []byte, decode Decode[R]) (reply R, err error) {
	if err := c.open(ctx, request); err != nil {
		return reply, err
	}
	defer c.panicked()
	if err := c.send(ctx, request); err != nil {
		return reply, c.end(ctx, err)
	}
	got, err := receiveReply(ctx, c, decode)
	if err == nil {
		reply = got
	}
	return reply, c.end(ctx, err)
}

// Requests makes a call with a stream of requests, which body sends, and one reply.
func Requests[R any](ctx context.Context, c *ClientCall, body func(context.Context) error, decode Decode[R]) (reply R, err error) {
	err = c.run(ctx, nil, func(ctx context.Context) error {
		if err := c.upload(ctx, body); err != nil {
			return err
		}
		got, err := receiveReply(ctx, c, decode)
		if err == nil {
			reply = got
		}
		return err
	})
	return reply, err
}

// Replies makes a call with one request, already encoded, and a stream of replies, each of which decode takes
// in. If decode reports that it wants no more, the call ends early, without an error.
func (c *ClientCall) Replies(ctx context.Context, decode func(*session.Decoder) (more bool, err error)) error {
	request, err := c.out.Message(c.method.request())
	if err != nil {
		return c.wrong(ctx, err)
	}
	return c.run(ctx, request, func(ctx context.Context) error {
		if err := c.send(ctx, request); err != nil {
			return err
		}
		return c.replies(ctx, decode)
	})
}

// Exchange makes a call with a stream of requests, which body sends, followed by a stream of replies.
func (c *ClientCall) Exchange(ctx context.Context, body func(context.Context) error, decode func(*session.Decoder) (more bool, err error)) error {
	return c.run(ctx, nil, func(ctx context.Context) error {
		if err := c.upload(ctx, body); err != nil {
			return err
		}
		return c.replies(ctx, decode)
	})
}

// Send sends an item of the request stream, already encoded.
func (c *ClientCall) Send(ctx context.Context) error {
	if !c.asking {
		return &Error{Code: FailedPrecondition, cause: ErrRunOver}
	}
	item, err := c.out.Message(c.method.request())
	if err != nil {
		return c.wrong(ctx, err)
	}
	err = ctx.Err()
	if err == nil {
		err = c.stream.Send(ctx, item, false)
	}
	if err != nil {
		c.failed = c.errorOf(ctx, err)
		return c.failed
	}
	return nil
}

// gaveUp is the error of a call whose program did not send its request stream to the end, because of err. That
// may be how another call failed, which says nothing of what was done in this one.
func (c *ClientCall) gaveUp(ctx context.Context, err error) *Error {
	var e *Error
	switch {
	case c.failed != nil && errors.Is(err, c.failed):
		return c.failed
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		return c.timeOver(ctx, err)
	case !errors.As(err, &e):
		return &Error{Code: CodeOf(err), cause: err}
	}
	told := *e
	told.processed = ProcessedMaybe
	return &told
}

// within gives a call without a deadline the method's.
func (c *ClientCall) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.method.Within == 0 {
		return ctx, nil
	}
	if _, limited := ctx.Deadline(); limited {
		return ctx, nil
	}
	c.own, c.until = true, time.Now().Add(c.method.Within)
	return context.WithDeadline(ctx, c.until)
}

// run makes the call in the interceptors, each time on a stream of its own. request is as that of open.
func (c *ClientCall) run(ctx context.Context, request []byte, attempt Next) error {
	ctx, cancel := c.within(ctx)
	if cancel != nil {
		defer cancel()
	}
	return c.through(ctx, func(ctx context.Context) error {
		if err := c.open(ctx, request); err != nil {
			return err
		}
		defer c.panicked()
		if ctx.Done() != nil {
			stream := c.stream
			c.unwatch = context.AfterFunc(ctx, func() { stream.Abort(session.Abort{Code: session.AbortCanceled}) })
		}
		return c.end(ctx, attempt(ctx))
	})
}

func (c *ClientCall) through(ctx context.Context, last Next) error {
	err := through(ctx, &c.Call, c.client.config.interceptors, last)
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return c.errorOf(ctx, err)
}

// dialed is what a carrier's streams may do beyond session.Stream, at the calling end.
type dialed interface {
	// Patient says that nobody at the peer waits until its last word has been acknowledged.
	Patient()
	// Ended reports whether the message that came last is known to be the peer's last one.
	Ended() bool
	// Dispose says that nobody uses the stream any more.
	Dispose()
}

// open begins an attempt. A request that is all there is to say is sent along where the carrier can. The error is an
// *Error, and nothing of the call has left this end.
func (c *ClientCall) open(ctx context.Context, request []byte) error {
	c.attempts++
	if err := ctx.Err(); err != nil {
		e := c.timeOver(ctx, err)
		e.processed = ProcessedNo
		return e
	}
	if !c.metadata.valid() {
		return &Error{Code: InvalidArgument, Message: "the call's metadata is not UTF-8", processed: ProcessedNo}
	}
	c.note = appendNote(c.note[:0], c.limit(ctx), c.metadata)
	if n := len(c.note); n > session.NoteMax {
		e := Errorf(ResourceExhausted, "the call's metadata takes %d bytes, and the limit is %d", n, session.NoteMax)
		e.processed = ProcessedNo
		return e
	}
	stream, sent, err := openSend(ctx, c.client.conn, c.method.Protocol, c.note, request)
	if err != nil {
		e := *c.errorOf(ctx, err)
		if e.Code == Unknown {
			e.Code = Unavailable
		}
		e.processed = ProcessedNo
		return &e
	}
	c.stream, c.sent = stream, sent
	if c.helper, _ = stream.(dialed); c.helper != nil && !sent {
		c.helper.Patient()
	}
	return nil
}

// openSend opens a stream and sends the one request, if it is not nil and the carrier does both in one step: sent says whether
// it has.
func openSend(ctx context.Context, conn session.Conn, p *session.Protocol, note, request []byte) (s session.Stream, sent bool, err error) {
	if request != nil {
		switch conn := conn.(type) {
		case interface {
			OpenSend(ctx context.Context, p *session.Protocol, note, message []byte) (session.Stream, bool, error)
		}:
			return conn.OpenSend(ctx, p, note, request)
		case interface {
			openSend(ctx context.Context, p *session.Protocol, note, request []byte) (session.Stream, bool, error)
		}:
			return conn.openSend(ctx, p, note, request)
		}
	}
	s, err = conn.OpenStream(ctx, p, note)
	return s, false, err
}

// send sends the one request, unless open has. After an error the handler does not have it.
func (c *ClientCall) send(ctx context.Context, request []byte) error {
	if c.sent {
		return nil
	}
	if err := c.stream.Send(ctx, request, true); err != nil {
		e := *c.errorOf(ctx, err)
		e.processed = ProcessedNo
		return &e
	}
	return nil
}

// limit is how much time the call has, zero if the handler's end knows it.
func (c *ClientCall) limit(ctx context.Context) time.Duration {
	end, limited := ctx.Deadline()
	if !limited || c.own && c.attempts == 1 && end.Equal(c.until) {
		return 0
	}
	return max(time.Until(end), time.Microsecond)
}

// end ends an attempt: because of err, or in good order.
func (c *ClientCall) end(ctx context.Context, err error) error {
	kept := c.unwatch == nil || c.unwatch() // else the stream is being aborted
	c.unwatch = nil
	if err == nil {
		if c.helper != nil && kept {
			c.helper.Dispose()
		}
		c.stream, c.helper = nil, nil
		return nil
	}
	abort := session.AbortFor(err)
	switch {
	case err == errEnough:
		abort = session.Abort{Code: session.AbortCanceled}
	case c.blamed(err):
		abort = session.Abort{Code: session.AbortCode(c.broke.Rule), Reason: c.broke.Label}
	case ctx.Err() != nil:
		abort.Code = session.AbortCanceled
	}
	c.stream.Abort(abort)
	if err == errEnough {
		err = nil
	} else {
		err = c.errorOf(ctx, err)
	}
	c.stream, c.helper = nil, nil
	return err
}

// panicked ends an attempt that was left by a panic of the program.
func (c *ClientCall) panicked() {
	if c.stream != nil {
		if c.unwatch != nil {
			c.unwatch()
		}
		c.stream.Abort(session.Abort{Code: session.AbortPanicked})
	}
}

// errEnough ends a reply stream of which the caller wants no more.
var errEnough = errors.New("rpc: enough")

// upload sends the request stream that body makes, and its end.
func (c *ClientCall) upload(ctx context.Context, body func(context.Context) error) error {
	c.given, c.asking = true, true
	err := body(ctx)
	c.asking = false
	if err != nil {
		return c.gaveUp(ctx, err)
	}
	c.out.Start(c.method.sent())
	sent, err := c.out.Message(c.method.sent())
	if err != nil {
		return err
	}
	return c.stream.Send(ctx, sent, true)
}

// receiveReply receives the one reply.
func receiveReply[R any](ctx context.Context, c *ClientCall, decode Decode[R]) (reply R, err error) {
	number, err := c.receive(ctx)
	if err != nil {
		return reply, err
	}
	if number != c.method.reply().Number {
		return reply, c.refused(number)
	}
	if decode != nil {
		if reply, err = decode(c, &c.in); err != nil {
			return reply, err
		}
	}
	if err := c.Accept(); err != nil {
		return reply, err
	}
	return reply, c.last(ctx)
}

// replies receives the reply stream.
func (c *ClientCall) replies(ctx context.Context, decode func(*session.Decoder) (bool, error)) error {
	for {
		if err := ctx.Err(); err != nil { // there may be items all the same
			return err
		}
		number, err := c.receive(ctx)
		switch {
		case err != nil:
			return err
		case number == c.method.done().Number:
			if err := c.blame(malformed(c.method, c.method.done(), 1, &c.in)); err != nil {
				return err
			}
			return c.last(ctx)
		case number != c.method.reply().Number:
			return c.refused(number)
		}
		c.given = true
		if more, err := decode(&c.in); err != nil {
			return err
		} else if !more {
			return errEnough
		}
	}
}

// receive waits for the next message and begins to take it apart.
func (c *ClientCall) receive(ctx context.Context) (number uint64, err error) {
	message, _, err := c.stream.Recv(ctx)
	if err == io.EOF {
		return 0, c.blame(&session.PeerError{Protocol: c.method.Protocol.Name, Role: c.method.Protocol.Roles[1], Rule: session.EndedEarly})
	}
	if err != nil {
		return 0, err
	}
	if number, err = c.in.Start(message); err != nil {
		return 0, c.blame(unexpected(c.method, 1))
	}
	return number, nil
}

// last makes sure that nothing more arrives. The stream's end is sent with the last message.
func (c *ClientCall) last(ctx context.Context) error {
	if c.helper != nil && c.helper.Ended() {
		return nil
	}
	switch _, _, err := c.stream.Recv(ctx); err {
	case io.EOF:
		return nil
	case nil:
		return c.blame(unexpected(c.method, 1))
	default:
		return err
	}
}

// refused is the error of a call that the server answered with an error, or with something that is not an
// answer.
func (c *ClientCall) refused(number uint64) error {
	m := c.method.failed()
	if number != m.Number {
		return c.blame(unexpected(c.method, 1))
	}
	status := decodeStatus(&c.in)
	if err := c.blame(malformed(c.method, m, 1, &c.in)); err != nil {
		return err
	}
	return status
}
