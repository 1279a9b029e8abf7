package rpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/sessgen/sessgen/runtime/session"
)

// Handle makes srv serve m by serve, once for each call, in a goroutine of the carrier's. Generated code calls it.
// serve takes the request in and leaves the reply encoded; what it returns is what the caller gets of
// an error.
func Handle(srv session.Registrar, m *Method, serve func(ctx context.Context, call *ServerCall) error, opts []HandlerOption) {
	var config handlerConfig
	for _, o := range opts {
		o.applyHandler(&config)
	}
	srv.Handle(m.Protocol, func(ctx context.Context, stream session.Stream) {
		call := &ServerCall{Call: Call{method: m}, stream: stream, parent: ctx}
		call.serve(&config, serve)
	})
}

// ServerCall is one call at the serving end, for generated code.
type ServerCall struct {
	Call
	parent  context.Context
	stream  session.Stream
	in      session.Decoder
	out     session.Encoder
	readAll bool  // the run of requests has come to its end
	fault   error // what the caller broke in it, or why it cannot be read
}

// CallOf is the call that a handler's context belongs to; nil if it is no handler's.
func CallOf(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

type callKey struct{}

// callContext is the context of a handler: that of the session, and its call.
type callContext struct {
	context.Context
	call *Call
}

func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return c.call
	}
	return c.Context.Value(key)
}

// serve brings the call from its first message to its end.
func (c *ServerCall) serve(config *handlerConfig, serve func(context.Context, *ServerCall) error) {
	timeout, md, err := parseNote(c.stream.Note())
	if err != nil {
		c.stream.Abort(session.Abort{Code: abortStatus + session.AbortCode(InvalidArgument), Reason: err.Error()})
		return
	}
	c.metadata = md
	if timeout == 0 {
		timeout = c.method.Within
	}
	ctx := c.parent
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	ctx = &callContext{ctx, &c.Call}
	if !c.method.StreamRequest {
		number, err := c.receive(ctx)
		if err == nil && number != c.method.request().Number {
			err = unexpected(c.method, 0)
		}
		if err != nil {
			c.end(ctx, err)
			return
		}
	}
	err = c.guarded(ctx, config, serve)
	if err == nil && c.method.StreamRequest { // what the handler did not want to read
		err = c.Requests(ctx, func(*session.Decoder) (bool, error) { return true, nil })
	}
	c.end(ctx, err)
}

// guarded runs the handler inside the interceptors. A panic is an internal error, and logged.
func (c *ServerCall) guarded(ctx context.Context, config *handlerConfig, serve func(context.Context, *ServerCall) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			slog.ErrorContext(ctx, "rpc: handler panicked", "method", c.method.String(), "panic", r, "stack", string(debug.Stack()))
			err = &Error{Code: Internal, Message: "the handler panicked"}
		}
	}()
	if len(config.interceptors) == 0 {
		return serve(ctx, c)
	}
	return through(ctx, &c.Call, config.interceptors, func(ctx context.Context) error { return serve(ctx, c) })
}

// end sends the reply, the end of the run of them, or the error; a peer that broke the protocol is told which rule.
func (c *ServerCall) end(ctx context.Context, err error) {
	if c.stream.Context().Err() != nil {
		return
	}
	var fault *session.PeerError
	if errors.As(err, &fault) && !fault.Remote {
		c.stream.Abort(session.Abort{Code: session.AbortCode(fault.Rule), Reason: fault.Label})
		return
	}
	m := c.method.reply()
	if c.method.StreamReply {
		m = c.method.done()
		c.out.Start(m)
	}
	var message []byte
	if err == nil {
		if message, err = c.out.Message(m); err != nil {
			c.broken(ctx, err)
			err = &Error{Code: Internal, Message: "the reply cannot be encoded"}
		}
	}
	if err != nil {
		message = c.status(ctx, err)
		if message == nil {
			return
		}
	}
	if err := c.stream.Send(ctx, message, true); err != nil {
		c.unsent(ctx, err)
	}
}

// status is the message that tells the error of the handler. It is nil if the stream has been aborted with it instead,
// since the caller is still sending.
func (c *ServerCall) status(ctx context.Context, err error) []byte {
	status := statusOf(ctx, err)
	if c.method.StreamRequest && !c.readAll {
		c.stream.Abort(session.Abort{Code: abortStatus + session.AbortCode(status.Code), Reason: session.AbortFor(session.Reason(status.Message)).Reason})
		return nil
	}
	m := c.method.failed()
	c.out.Start(m)
	encodeStatus(&c.out, status)
	message, err := c.out.Message(m)
	if err != nil { // its text is not UTF-8
		c.out.Start(m)
		encodeStatus(&c.out, &Error{Code: status.Code})
		message, _ = c.out.Message(m)
	}
	return message
}

// unsent deals with an answer that could not be sent.
func (c *ServerCall) unsent(ctx context.Context, err error) {
	var large *session.TooLargeError
	switch {
	case errors.As(err, &large):
		status := Errorf(ResourceExhausted, "the reply has %d bytes, and the caller takes %d", large.Size, large.Limit)
		if c.stream.Send(c.parent, c.status(ctx, status), true) == nil {
			return
		}
	case ctx.Err() != nil:
		// The caller's time is over, or it has gone.
		c.stream.Abort(session.Abort{Code: abortStatus + session.AbortCode(CodeOf(ctx.Err()))})
		return
	}
	c.stream.Abort(session.Abort{Code: session.AbortFailed})
}

// receive waits for the next message and begins to take it apart.
func (c *ServerCall) receive(ctx context.Context) (number uint64, err error) {
	message, _, err := c.stream.Recv(ctx)
	if err == io.EOF {
		return 0, &session.PeerError{Protocol: c.method.Protocol.Name, Role: c.method.Protocol.Roles[0], Rule: session.EndedEarly}
	}
	if err != nil {
		return 0, err
	}
	if number, err = c.in.Start(message); err != nil {
		return 0, unexpected(c.method, 0)
	}
	return number, nil
}

// Request is a decoder of the one request.
func (c *ServerCall) Request() *session.Decoder { return &c.in }

// Requests receives the run of requests, each of which item takes in; false ends it early.
func (c *ServerCall) Requests(ctx context.Context, item func(*session.Decoder) (more bool, err error)) error {
	for !c.readAll && c.fault == nil {
		number, err := c.receive(ctx)
		switch {
		case err != nil:
			c.fault = err
		case number == c.method.sent().Number:
			c.fault = malformed(c.method, c.method.sent(), 0, &c.in)
			c.readAll = c.fault == nil
		case number != c.method.request().Number:
			c.fault = unexpected(c.method, 0)
		default:
			var more bool
			if more, c.fault = item(&c.in); !more && c.fault == nil {
				return nil
			}
		}
	}
	return c.fault
}

// Violated is the error of a request, or an item of one, that is malformed or breaks its contract.
func (c *ServerCall) Violated(values ...any) error {
	return violated(c.method, c.method.request(), 0, &c.in, values)
}

// Accept takes in a request, or an item of one, that has been decoded.
func (c *ServerCall) Accept() error { return malformed(c.method, c.method.request(), 0, &c.in) }

// Reply begins the reply, or an item of it.
func (c *ServerCall) Reply() *session.Encoder {
	c.out.Start(c.method.reply())
	return &c.out
}

// Sent is a decoder of the reply, or the item, that has been encoded. See session.Outbound.Sent.
func (c *ServerCall) Sent() (*session.Decoder, error) {
	if err := c.out.Sent(c.method.reply(), &c.in); err != nil {
		return nil, c.internal(err)
	}
	return &c.in, nil
}

// Broken is the error of a reply, or an item of one, that breaks its contract: the handler's fault. It is logged.
func (c *ServerCall) Broken(values ...any) error {
	p, m := c.method.Protocol, c.method.reply()
	return c.internal(&session.ContractError{
		Protocol: p.Name, Role: p.Roles[1], Label: m.Label, Where: m.Where, Pos: m.Pos, Values: session.Values(values...),
	})
}

// Send sends an item of the reply, which has been encoded.
func (c *ServerCall) Send(ctx context.Context) error {
	item, err := c.out.Message(c.method.reply())
	if err != nil {
		return c.internal(err)
	}
	return c.stream.Send(ctx, item, false)
}

// internal is the error of a reply that is wrong. Its text stays here.
func (c *ServerCall) internal(err error) error {
	c.broken(context.Background(), err)
	return &Error{Code: Internal, Message: "the reply breaks the method's contract", cause: err}
}

func (c *ServerCall) broken(ctx context.Context, err error) {
	slog.ErrorContext(ctx, "rpc: broken reply", "method", c.method.String(), "err", err)
}
