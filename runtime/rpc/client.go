package rpc

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// Client makes calls on a connection. Generated clients hold one. It may be used from any number of goroutines.
type Client struct {
	conn   session.Conn
	config clientConfig
}

// NewClient makes a client on conn, which stays the caller's to close.
func NewClient(conn session.Conn, opts ...ClientOption) *Client {
	c := &Client{conn: conn}
	for _, o := range opts {
		o.applyClient(&c.config)
	}
	return c
}

// ClientCall is one call at the calling end, for generated code: one goroutine uses it, once.
type ClientCall struct {
	Call
	out    session.Encoder
	in     session.Decoder
	stream session.Stream
	client *Client
}

// Begin begins a call of m.
func (c *Client) Begin(m *Method, opts []CallOption) *ClientCall {
	call := &ClientCall{client: c, Call: Call{method: m, client: true}}
	for _, o := range opts {
		o.applyCall(&call.Call)
	}
	return call
}

// Request begins the request, or an item of it.
func (c *ClientCall) Request() *session.Encoder {
	c.out.Start(c.method.request())
	return &c.out
}

// Sent is a decoder of the request, or the item, that has been encoded. See session.Outbound.Sent.
func (c *ClientCall) Sent() (*session.Decoder, error) {
	if err := c.out.Sent(c.method.request(), &c.in); err != nil {
		return nil, c.wrong(err)
	}
	return &c.in, nil
}

// Refuse is the error of a request that breaks its contract. Nothing has been sent.
func (c *ClientCall) Refuse(values ...any) error {
	p, m := c.method.Protocol, c.method.request()
	return c.wrong(&session.ContractError{
		Protocol: p.Name, Role: p.Roles[0], Label: m.Label, Where: m.Where, Pos: m.Pos, Values: session.Values(values...),
	})
}

// wrong is the error of a request that this end will not send.
func (c *ClientCall) wrong(err error) error {
	return &Error{Code: InvalidArgument, cause: err, processed: ProcessedNo}
}

// Violated is the error of a reply, or an item of one, that is malformed or breaks its contract.
func (c *ClientCall) Violated(values ...any) error {
	return violated(c.method, c.method.reply(), 1, &c.in, values)
}

// Accept takes in a reply, or an item of one, that has been decoded.
func (c *ClientCall) Accept() error { return malformed(c.method, c.method.reply(), 1, &c.in) }

// Unary makes a call with one request, which has been encoded, and one reply, which decode takes in.
func (c *ClientCall) Unary(ctx context.Context, decode func(*session.Decoder) error) error {
	request, err := c.out.Message(c.method.request())
	if err != nil {
		return c.wrong(err)
	}
	return c.run(ctx, func(ctx context.Context) error {
		if err := c.stream.Send(ctx, request, true); err != nil {
			return err
		}
		return c.reply(ctx, decode)
	})
}

// Replies makes a call with one request, which has been encoded, and a run of replies, each of which decode takes
// in. It ends early, without an error, when decode says that it wants no more.
func (c *ClientCall) Replies(ctx context.Context, decode func(*session.Decoder) (more bool, err error)) error {
	request, err := c.out.Message(c.method.request())
	if err != nil {
		return c.wrong(err)
	}
	return c.run(ctx, func(ctx context.Context) error {
		if err := c.stream.Send(ctx, request, true); err != nil {
			return err
		}
		return c.replies(ctx, decode)
	})
}

// Requests makes a call with a run of requests, which body sends, and one reply.
func (c *ClientCall) Requests(ctx context.Context, body func(context.Context) error, decode func(*session.Decoder) error) error {
	return c.run(ctx, func(ctx context.Context) error {
		if err := c.upload(ctx, body); err != nil {
			return err
		}
		return c.reply(ctx, decode)
	})
}

// Exchange makes a call with a run of requests, which body sends, and after it a run of replies.
func (c *ClientCall) Exchange(ctx context.Context, body func(context.Context) error, decode func(*session.Decoder) (more bool, err error)) error {
	return c.run(ctx, func(ctx context.Context) error {
		if err := c.upload(ctx, body); err != nil {
			return err
		}
		return c.replies(ctx, decode)
	})
}

// Send sends an item of the request, which has been encoded.
func (c *ClientCall) Send(ctx context.Context) error {
	item, err := c.out.Message(c.method.request())
	if err != nil {
		return c.wrong(err)
	}
	if err := c.stream.Send(ctx, item, false); err != nil {
		return errorOf(ctx, c.method, err)
	}
	return nil
}

// run makes the call in the interceptors, each time on a stream of its own.
func (c *ClientCall) run(ctx context.Context, attempt Next) error {
	if c.method.Within > 0 {
		if _, limited := ctx.Deadline(); !limited {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, c.method.Within)
			defer cancel()
		}
	}
	if len(c.client.config.interceptors) == 0 {
		return c.try(ctx, attempt)
	}
	err := through(ctx, &c.Call, c.client.config.interceptors, func(ctx context.Context) error { return c.try(ctx, attempt) })
	return asCallError(ctx, c.method, err)
}

// try makes the call once.
func (c *ClientCall) try(ctx context.Context, attempt Next) (err error) {
	c.attempts++
	var space [64]byte
	note := appendNote(space[:0], c.limit(ctx), c.metadata)
	if len(note) > session.NoteMax {
		return Errorf(ResourceExhausted, "the call's metadata takes %d bytes, and the limit is %d", len(note), session.NoteMax)
	}
	if err := ctx.Err(); err != nil {
		return &Error{Code: CodeOf(err), cause: err, processed: ProcessedNo}
	}
	c.stream, err = c.client.conn.OpenStream(ctx, c.method.Protocol, note)
	if err != nil {
		e := errorOf(ctx, c.method, err)
		e.processed = ProcessedNo
		return e
	}
	finished := false
	defer func() {
		if !finished { // a panic goes on from here
			c.stream.Abort(session.Abort{Code: session.AbortPanicked})
		}
	}()
	err = attempt(ctx)
	finished = true
	if err != nil {
		return c.fail(ctx, err)
	}
	return nil
}

// limit is how much time the call has, zero if the handler's end knows.
func (c *ClientCall) limit(ctx context.Context) time.Duration {
	end, limited := ctx.Deadline()
	if !limited {
		return 0
	}
	return max(time.Until(end), time.Microsecond)
}

// fail gives the stream up because of err.
func (c *ClientCall) fail(ctx context.Context, err error) error {
	if errors.Is(err, errEnough) {
		c.stream.Abort(session.Abort{Code: session.AbortCanceled})
		return nil
	}
	abort := session.AbortFor(err)
	var fault *session.PeerError
	if errors.As(err, &fault) && !fault.Remote {
		abort = session.Abort{Code: session.AbortCode(fault.Rule), Reason: fault.Label}
	}
	if ctx.Err() != nil {
		abort.Code = session.AbortCanceled
	}
	c.stream.Abort(abort)
	return errorOf(ctx, c.method, err)
}

// errEnough ends a run of replies that the caller wants no more of.
var errEnough = errors.New("rpc: enough")

// upload sends the run of requests that body makes, and its end.
func (c *ClientCall) upload(ctx context.Context, body func(context.Context) error) error {
	c.given = true
	if err := body(ctx); err != nil {
		return err
	}
	c.out.Start(c.method.sent())
	sent, err := c.out.Message(c.method.sent())
	if err != nil {
		return err
	}
	return c.stream.Send(ctx, sent, true)
}

// reply receives the one reply.
func (c *ClientCall) reply(ctx context.Context, decode func(*session.Decoder) error) error {
	number, err := c.receive(ctx)
	if err != nil {
		return err
	}
	if number != c.method.reply().Number {
		return c.refused(number)
	}
	if decode != nil { // there is something in it
		if err := decode(&c.in); err != nil {
			return err
		}
	}
	return c.Accept()
}

// replies receives the run of replies.
func (c *ClientCall) replies(ctx context.Context, decode func(*session.Decoder) (bool, error)) error {
	for {
		number, err := c.receive(ctx)
		switch {
		case err != nil:
			return err
		case number == c.method.done().Number:
			return malformed(c.method, c.method.done(), 1, &c.in)
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
		return 0, &session.PeerError{Protocol: c.method.Protocol.Name, Role: c.method.Protocol.Roles[1], Rule: session.EndedEarly}
	}
	if err != nil {
		return 0, err
	}
	if number, err = c.in.Start(message); err != nil {
		return 0, unexpected(c.method, 1)
	}
	return number, nil
}

// refused is the error of a call that the server answered with one, or with what is no answer.
func (c *ClientCall) refused(number uint64) error {
	m := c.method.failed()
	if number != m.Number {
		return unexpected(c.method, 1)
	}
	status := decodeStatus(&c.in)
	if err := malformed(c.method, m, 1, &c.in); err != nil {
		return err
	}
	return status
}
