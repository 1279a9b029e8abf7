package rpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/sessgen/sessgen/runtime/session"
)

// Handle makes srv serve m by calling serve, once for each call, in a goroutine of the carrier. Generated code
// calls it. serve takes in the request and leaves the reply encoded; an error that it returns is reported to
// the caller, as described at Error.
func Handle(srv session.Registrar, m *Method, serve func(ctx context.Context, call *ServerCall) error, opts []HandlerOption) {
	var config handlerConfig
	for _, o := range opts {
		o.applyHandler(&config)
	}
	if config.only != nil && !slices.Contains(config.only, m.Name) {
		return
	}
	srv.Handle(m.Protocol, func(ctx context.Context, stream session.Stream) {
		call := serverCalls.Get().(*ServerCall)
		call.served = &served{Call: Call{method: m}}
		call.stream = stream
		call.helper, _ = stream.(accepted)
		call.serve(ctx, &config, serve)
		if len(config.interceptors) == 0 {
			call.release()
		}
	})
}

// ServerCall is one call at the serving end, for generated code.
type ServerCall struct {
	*served
	stream   session.Stream
	helper   accepted // the same, if it is one
	in       session.Decoder
	out      session.Encoder
	reading  bool   // the handler is reading the request stream
	readAll  bool   // the run has come to its end
	begun    bool   // the handler has been called
	returned bool   // the handler has returned
	over     bool   // the caller has been told how the call ended
	fault    error  // what the caller broke in the run, or why it cannot be read
	wrong    error  // what was wrong with a reply that the handler has made
	message  []byte // what answers the call, once the handler has returned no error
}

// accepted is what a carrier's streams may do beyond session.Stream, at the serving end.
type accepted interface {
	// Reply is a Send of the last message by one who returns at once.
	Reply(ctx context.Context, message []byte) error
	// Ended and Dispose are those of dialed.
	Ended() bool
	Dispose()
}

// CallOf returns the call that a handler's context belongs to, or nil if ctx is not from a handler.
func CallOf(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

type callKey struct{}

// served is what a program may keep of a call after returning: its context leads to it.
type served struct {
	Call
	ctx callContext
}

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

// serverCalls holds finished calls that nobody can have kept.
var serverCalls = sync.Pool{New: func() any { return new(ServerCall) }}

// release ends the use of a call that has returned. A program may have kept what it was given to send or
// receive with, which leads to the call itself.
func (c *ServerCall) release() {
	if c.method.StreamRequest || c.method.StreamReply || len(c.message) > keepMax {
		return
	}
	if c.helper != nil {
		c.helper.Dispose()
	}
	*c = ServerCall{out: c.out}
	serverCalls.Put(c)
}

// serve brings the call from its first message to its end.
func (c *ServerCall) serve(ctx context.Context, config *handlerConfig, serve func(context.Context, *ServerCall) error) {
	defer c.left()
	timeout, md, err := parseNote(c.stream.Note())
	if err != nil {
		c.abort(session.Abort{Code: abortStatus + session.AbortCode(InvalidArgument), Reason: err.Error()})
		return
	}
	c.metadata = md
	if timeout == 0 {
		timeout = c.method.Within
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	c.ctx = callContext{ctx, &c.Call}
	ctx = &c.ctx
	if !c.method.StreamRequest {
		if err := c.request(ctx); err != nil {
			c.end(ctx, err)
			return
		}
	}
	err = c.guarded(ctx, config, serve)
	if err == nil && c.method.StreamRequest { // an interceptor says so
		err = c.skip(ctx)
	}
	c.end(ctx, err)
}

// left ends a call whose goroutine was ended by the handler.
func (c *ServerCall) left() {
	if !c.over {
		c.stream.Abort(session.Abort{Code: session.AbortPanicked})
	}
}

func (c *ServerCall) abort(a session.Abort) {
	c.over = true
	c.stream.Abort(a)
}

// request receives the one request.
func (c *ServerCall) request(ctx context.Context) error {
	number, err := c.receive(ctx)
	if err != nil {
		return err
	}
	if number != c.method.request().Number {
		return c.blame(unexpected(c.method, 0))
	}
	return nil
}

// last makes sure that nothing has arrived after the caller's last message, which has been decoded.
func (c *ServerCall) last() error {
	if c.helper != nil && c.helper.Ended() {
		return nil
	}
	if _, _, ok, _ := c.stream.TryRecv(); ok {
		return c.blame(unexpected(c.method, 0))
	}
	return nil
}

// guarded runs the handler inside the interceptors, and returns what its caller gets: nil, an *Error, or the rule
// that the caller broke. A panic is an internal error, and logged; so is a panic of the error that was returned,
// such as a nil pointer in an interface.
func (c *ServerCall) guarded(ctx context.Context, config *handlerConfig, serve func(context.Context, *ServerCall) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.logger().ErrorContext(ctx, "rpc: handler panicked", "method", c.method.String(), "panic", r, "stack", string(debug.Stack()))
			err = &Error{Code: Internal, Message: "the handler panicked"}
		}
	}()
	if len(config.interceptors) == 0 {
		err = c.handle(ctx, serve)
	} else {
		err = through(ctx, &c.Call, config.interceptors, func(ctx context.Context) error { return c.handle(ctx, serve) })
	}
	if err == nil || c.blamed(err) {
		return err
	}
	return statusOf(ctx, err)
}

// handle is what the interceptors wrap: the handler, the rest of the request stream, and the encoding of the
// answer.
func (c *ServerCall) handle(ctx context.Context, serve func(context.Context, *ServerCall) error) (err error) {
	if c.begun {
		return c.internal(errAgain)
	}
	c.begun = true
	err = serve(ctx, c)
	c.returned = true
	if err == nil && c.fault != nil {
		if o, ok := c.stream.(Observer); ok {
			o.RunIgnored(c.fault)
		}
	}
	if err == nil {
		err = c.wrong // the handler has not looked at what send returned
	}
	if err == nil && c.method.StreamRequest {
		err = c.skip(ctx)
	}
	if err == nil {
		c.message, err = c.answer()
		return err
	}
	return c.explain(ctx, err)
}

// end sends the reply, the end of the reply stream, or the error; a peer that broke the protocol is told which rule.
func (c *ServerCall) end(ctx context.Context, err error) {
	if c.stream.Context().Err() != nil {
		c.over = true
		return
	}
	if err != nil && c.broken(err) {
		return
	}
	message := c.message
	if err == nil && message == nil {
		message, err = c.unanswered()
	}
	var status *Error
	if err != nil {
		status = statusOf(ctx, err)
		message = c.status(status)
	}
	if c.over {
		return
	}
	c.over = true
	if err := c.reply(ctx, message); err != nil {
		c.unsent(ctx, err, status)
	}
}

// reply sends the last message. Nothing is left to do after it: a carrier that knows may send it with others.
func (c *ServerCall) reply(ctx context.Context, message []byte) error {
	if c.helper != nil {
		return c.helper.Reply(ctx, message)
	}
	return c.stream.Send(ctx, message, true)
}

// broken tells a caller that broke the protocol which rule it was.
func (c *ServerCall) broken(err error) bool {
	if !c.blamed(err) {
		return false
	}
	c.abort(session.Abort{Code: session.AbortCode(c.broke.Rule), Reason: c.broke.Label})
	return true
}

// answer is the reply, which the handler has left encoded, or the end of the reply stream.
func (c *ServerCall) answer() ([]byte, error) {
	m := c.method.reply()
	if c.method.StreamReply {
		m = c.method.done()
		c.out.Start(m)
	}
	message, err := c.out.Message(m)
	if err != nil {
		return nil, c.internal(err)
	}
	return message, nil
}

// status returns the message that reports an error. If the caller is still sending, the stream is aborted with
// it instead.
func (c *ServerCall) status(status *Error) []byte {
	if c.method.StreamRequest && !c.readAll {
		c.abort(session.Abort{
			Code: abortStatus + session.AbortCode(status.Code), Reason: session.AbortFor(session.Reason(status.Message)).Reason,
		})
		return nil
	}
	m := c.method.failed()
	c.out.Start(m)
	encodeStatus(&c.out, status)
	message, err := c.out.Message(m)
	if err != nil { // the type of a detail is not UTF-8
		return c.status(&Error{Code: status.Code, Message: status.Message})
	}
	return message
}

// unsent deals with an answer that could not be sent because of err: a reply, or the status if that is not nil.
func (c *ServerCall) unsent(ctx context.Context, err error, status *Error) {
	var large *session.TooLargeError
	if errors.As(err, &large) {
		if status == nil {
			status = statusOf(ctx, err)
		}
		status = &Error{Code: status.Code, Message: session.AbortFor(session.Reason(status.Message)).Reason}
		if err = c.stream.Send(ctx, c.status(status), true); errors.As(err, &large) {
			c.stream.Abort(session.Abort{Code: abortStatus + session.AbortCode(status.Code), Reason: status.Message})
		}
	}
	switch {
	case err == nil:
	case ctx.Err() != nil: // the caller's time is over, or it has gone
		c.stream.Abort(session.Abort{Code: abortStatus + session.AbortCode(CodeOf(ctx.Err()))})
	default:
		c.stream.Abort(session.Abort{Code: session.AbortFailed})
	}
}

// receive waits for the next message and begins to take it apart.
func (c *ServerCall) receive(ctx context.Context) (number uint64, err error) {
	message, _, err := c.stream.Recv(ctx)
	if err == io.EOF {
		return 0, c.blame(&session.PeerError{Protocol: c.method.Protocol.Name, Role: c.method.Protocol.Roles[0], Rule: session.EndedEarly})
	}
	if err != nil {
		return 0, err
	}
	if number, err = c.in.Start(message); err != nil {
		return 0, c.blame(unexpected(c.method, 0))
	}
	return number, nil
}

// Request returns a decoder of the request.
func (c *ServerCall) Request() *session.Decoder { return &c.in }

// Requests receives the request stream, each item of which item takes in; if item returns false, Requests
// returns early. A further call continues where the last one stopped.
func (c *ServerCall) Requests(ctx context.Context, item func(*session.Decoder) (more bool, err error)) error {
	c.reading = true
	defer func() { c.reading = false }()
	for !c.readAll && c.fault == nil {
		if err := ctx.Err(); err != nil { // there may be items all the same
			c.fault = c.explain(ctx, err)
			break
		}
		number, err := c.receive(ctx)
		switch {
		case err != nil:
			c.fault = c.explain(ctx, err)
		case number == c.method.sent().Number:
			if c.fault = c.blame(malformed(c.method, c.method.sent(), 0, &c.in)); c.fault == nil {
				c.fault = c.last()
			}
			c.readAll = c.fault == nil
		case number != c.method.request().Number:
			c.fault = c.blame(unexpected(c.method, 0))
		default:
			var more bool
			if more, c.fault = item(&c.in); !more && c.fault == nil {
				return nil
			}
		}
	}
	return c.fault
}

// skip receives the rest of a request stream that the handler did not want: the answer comes after the last request.
func (c *ServerCall) skip(ctx context.Context) error {
	return c.Requests(ctx, func(*session.Decoder) (bool, error) { return true, nil })
}

// Violated returns the error for a request, or an item of a request stream, that is malformed or breaks its
// contract.
func (c *ServerCall) Violated(values ...any) error {
	return c.blame(violated(c.method, c.method.request(), 0, &c.in, values))
}

// Accept takes in a request, or an item of a request stream, that has been decoded.
func (c *ServerCall) Accept() error {
	if err := c.blame(malformed(c.method, c.method.request(), 0, &c.in)); err != nil || c.method.StreamRequest {
		return err
	}
	return c.last()
}

// Reply begins the reply, or an item of a reply stream.
func (c *ServerCall) Reply() *session.Encoder {
	c.out.Start(c.method.reply())
	return &c.out
}

// Sent returns a decoder of the reply, or of the item of a reply stream, that has been encoded. See
// session.Outbound.Sent.
func (c *ServerCall) Sent() (*session.Decoder, error) {
	if err := c.out.Sent(c.method.reply(), &c.in); err != nil {
		return nil, c.internal(err)
	}
	return &c.in, nil
}

// Broken returns the error for a reply, or an item of a reply stream, that breaks its contract: the handler is
// at fault. It is logged.
func (c *ServerCall) Broken(values ...any) error {
	p, m := c.method.Protocol, c.method.reply()
	return c.internal(&session.ContractError{
		Protocol: p.Name, Role: p.Roles[1], Label: m.Label, Where: m.Where, Pos: m.Pos, Values: session.Values(values...),
	})
}

// Send sends an item of the reply stream, already encoded. Replies come after the request stream: whatever the
// handler has not read of that is skipped.
func (c *ServerCall) Send(ctx context.Context) error {
	if c.returned {
		return &Error{Code: FailedPrecondition, cause: ErrRunOver}
	}
	if c.method.StreamRequest {
		if c.reading {
			return c.internal(ErrInterleaved)
		}
		if err := c.skip(ctx); err != nil {
			return err
		}
	}
	item, err := c.out.Message(c.method.reply())
	if err != nil {
		return c.internal(err)
	}
	if err = ctx.Err(); err == nil { // there may be room all the same
		err = c.stream.Send(ctx, item, false)
	}
	if err != nil {
		return c.explain(ctx, err)
	}
	return nil
}

// ErrInterleaved means that a handler sent a reply from within the request stream: replies come after the last
// request. The error of send wraps it; the caller gets Internal.
var ErrInterleaved = errors.New("a reply was sent from within the request stream: replies come after the last request")

// unanswered is the answer if an interceptor returned no error and the handler has not answered: nothing, if
// nothing is an answer.
func (c *ServerCall) unanswered() ([]byte, error) {
	if !c.method.StreamReply && len(c.method.reply().Params) > 0 {
		return nil, c.internal(errUnanswered)
	}
	c.Reply()
	return c.answer()
}

// ErrRunOver means that a stream of messages has ended, and that the function that sends its items was called
// afterwards.
var ErrRunOver = errors.New("this stream has ended")

// errUnanswered is the fault of an interceptor that returns nil although its handler did not.
var errUnanswered = errors.New("an interceptor returned no error, but the handler has not answered")

// errAgain is the fault of an interceptor that calls next again.
var errAgain = errors.New("an interceptor called next twice, but a server has the request only once")

// internal is the error of a wrong reply, for the handler's program to see. Its caller gets only the message.
func (c *ServerCall) internal(err error) error {
	c.logger().ErrorContext(&c.ctx, "rpc: broken reply", "method", c.method.String(), "err", err)
	c.wrong = &Error{Code: Internal, Message: "the reply breaks the method's contract", cause: err}
	return c.wrong
}

// logger returns where the faults of this end's program are logged: the carrier's logger, if it has one
// (transport.WithLogger), else slog.Default.
func (c *ServerCall) logger() *slog.Logger {
	if s, ok := c.stream.(interface{ Logger() *slog.Logger }); ok {
		if l := s.Logger(); l != nil {
			return l
		}
	}
	return slog.Default()
}
