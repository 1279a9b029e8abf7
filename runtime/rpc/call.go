package rpc

import (
	"context"
	"errors"

	"github.com/sessgen/sessgen/runtime/session"
)

// Call is one call, as interceptors and handlers see it. It must not be used by several goroutines at once.
type Call struct {
	method   *Method
	metadata Metadata
	client   bool
	attempts int
	given    bool               // the caller has been given an item of the reply, or the request cannot be said again
	broke    *session.PeerError // what the peer broke in this call
}

// blame records err, the fault of the peer or nil, and returns it. A program's error may wrap what the peer of
// another call broke; this one is not to be blamed for that.
func (c *Call) blame(err *session.PeerError) error {
	if err == nil {
		return nil
	}
	c.broke = err
	return err
}

// blamed reports whether err is what the peer broke in this call.
func (c *Call) blamed(err error) bool { return c.broke != nil && errors.Is(err, c.broke) }

// Method returns the method that is called.
func (c *Call) Method() *Method { return c.method }

// Metadata returns what the caller tells the handler beside the request. A client's interceptors may change it
// before they call next.
func (c *Call) Metadata() *Metadata { return &c.metadata }

// Client reports whether this is the calling end.
func (c *Call) Client() bool { return c.client }

// Attempts returns how often the client has sent the call so far.
func (c *Call) Attempts() int { return c.attempts }

// Repeatable reports whether a client's interceptor may call next once more after err without anyone noticing:
// no part of a reply has been handed out, the request can be sent again, and either no handler has seen the
// call or the method is idempotent. It is false at a server, which has the request only once, and once a Redialed
// or Balanced has been closed.
func (c *Call) Repeatable(err error) bool {
	var e *Error
	if !c.client || c.given || !errors.As(err, &e) || errors.Is(err, errClientClosed) {
		return false
	}
	return e.Code == Unavailable && (e.processed == ProcessedNo || c.method.Idempotent)
}

// Next continues a call: with the next interceptor or, after the last one, with the call itself.
type Next func(ctx context.Context) error

// Interceptor wraps calls, at the client or at the server, whether of single messages or of streams. At a
// client it runs from before anything is sent until the call is over; at a server, around the method of the
// implementation and the decoding and encoding done for it. What it returns is what the call returns. It may
// change the context, and a client's interceptor may call next several times where Call.Repeatable allows it. At
// a server a second call of next fails with Internal.
type Interceptor func(ctx context.Context, call *Call, next Next) error

// through runs last inside the interceptors, the first one outermost.
func through(ctx context.Context, call *Call, interceptors []Interceptor, last Next) error {
	if len(interceptors) == 0 {
		return last(ctx)
	}
	return interceptors[0](ctx, call, func(ctx context.Context) error {
		return through(ctx, call, interceptors[1:], last)
	})
}

// violated is the error of a receiver for a payload that is malformed or, if not that, breaks its contract.
func violated(m *Method, message *session.Message, role int, d *session.Decoder, values []any) *session.PeerError {
	e := &session.PeerError{
		Protocol: m.Protocol.Name, Role: m.Protocol.Roles[role], Label: message.Label, Pos: message.Pos,
		Rule: session.FalsePredicate, Where: message.Where, Values: session.Values(values...),
	}
	if fault := d.End(); fault != "" {
		e.Rule, e.Detail, e.Where, e.Values = session.MalformedPayload, fault, "", nil
	}
	return e
}

// malformed is the fault of a payload that has been decoded, nil if there is none.
func malformed(m *Method, message *session.Message, role int, d *session.Decoder) *session.PeerError {
	if fault := d.End(); fault != "" {
		return &session.PeerError{
			Protocol: m.Protocol.Name, Role: m.Protocol.Roles[role], Label: message.Label, Pos: message.Pos,
			Rule: session.MalformedPayload, Detail: fault,
		}
	}
	return nil
}

// unexpected is the fault of a message that is not allowed here.
func unexpected(m *Method, role int) *session.PeerError {
	return &session.PeerError{Protocol: m.Protocol.Name, Role: m.Protocol.Roles[role], Rule: session.UnexpectedLabel}
}

// Observer may be implemented by a server's session.Stream, in a test kit, to learn what a handler ignored.
type Observer interface {
	// RunIgnored is called, on the handler's goroutine, when the handler has returned no error although its
	// request stream was cut short by err.
	RunIgnored(err error)
}
