package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// Error is how a call failed. Every error of a call is one: errors.As finds it. A handler returns one to say
// what its caller gets; of any other error the caller learns the Code, never the text. If it is larger than the
// caller accepts, it arrives without Details, and its Message is cut to 1,024 bytes.
type Error struct {
	Code Code
	// Message is for people. The peer sees it.
	Message string
	// Details are for programs.
	Details []Detail

	cause     error
	processed Processed
}

// Detail is one typed fact about an error. On the wire it has the form of protobuf's Any: the name of a type,
// and the encoding of a value of that type.
type Detail struct {
	TypeURL string
	Value   []byte
}

// Processed says whether a failed call may have been done.
type Processed uint8

const (
	// ProcessedMaybe: nobody knows. Only an idempotent method is safe to call again.
	ProcessedMaybe Processed = iota
	// ProcessedNo: no handler has seen the call, so any method is safe to call again.
	ProcessedNo
	// ProcessedYes: the answer is the handler's own.
	ProcessedYes
)

// String returns "maybe", "no" or "yes".
func (p Processed) String() string {
	if int(p) < len(processedNames) {
		return processedNames[p]
	}
	return fmt.Sprintf("processed %d", uint8(p))
}

var processedNames = [...]string{ProcessedMaybe: "maybe", ProcessedNo: "no", ProcessedYes: "yes"}

// Errorf returns an Error whose message the caller sees. With %w it wraps errors at this end, which are never
// sent as such.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	e := &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
	if _, several := err.(interface{ Unwrap() []error }); several {
		e.cause = err
	}
	return e
}

// With adds a detail to e and returns e.
func (e *Error) With(typeURL string, value []byte) *Error {
	e.Details = append(e.Details, Detail{TypeURL: typeURL, Value: value})
	return e
}

// CodeOf returns the code of an error that a call returned: OK for nil, and the matching code for an error of a
// context.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return DeadlineExceeded
	}
	return Unknown
}

// Error returns the code, the message and, at this end, the underlying error.
func (e *Error) Error() string {
	text := "rpc: " + e.Code.String()
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.cause != nil {
		if behind := e.cause.Error(); !strings.Contains(e.Message, behind) { // Errorf's message has it
			text += ": " + behind
		}
	}
	return text
}

// Unwrap returns the underlying error at this end: a *session.ContractError, a *session.PeerError, or an error
// of the connection or the context.
func (e *Error) Unwrap() error { return e.cause }

// Timeout reports whether the call's time ran out.
func (e *Error) Timeout() bool { return e.Code == DeadlineExceeded }

// Processed reports whether the call may have been done.
func (e *Error) Processed() Processed { return e.processed }

// Abort codes of calls begin here: such an abort is an Error with the rest as its code. See docs/wire.md.
const abortStatus session.AbortCode = 0x100

// errorOf makes the Error of a call from the error of its stream.
func (c *ClientCall) errorOf(ctx context.Context, err error) *Error {
	if e, ok := err.(*Error); ok {
		return e
	}
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return c.timeOver(ctx, err)
	}
	var given *session.AbortError // at this end, when the context ended: see run
	if ctx.Err() != nil && errors.As(err, &given) && !given.Remote && given.Code == session.AbortCanceled {
		return c.timeOver(ctx, ctx.Err())
	}
	err = session.Explain(c.method.Protocol, 0, err)
	e := &Error{cause: err}
	var (
		rpcError *Error
		aborted  *session.AbortError
		mismatch *session.MismatchError
		fault    *session.PeerError
		large    *session.TooLargeError
		encoding *session.EncodeError
	)
	switch {
	case errors.As(err, &rpcError):
		return rpcError
	case errors.As(err, &mismatch):
		e.Code, e.processed = Unimplemented, ProcessedNo
	case errors.As(err, &fault):
		e.Code = Internal
		if fault.Remote {
			e.Code, e.processed = InvalidArgument, c.unseen()
		}
	case errors.As(err, &large):
		e.Code, e.processed = ResourceExhausted, c.unseen()
		e.cause = &session.TooLargeError{Label: c.method.request().Label, Size: large.Size, Limit: large.Limit}
	case errors.As(err, &encoding):
		e.Code, e.processed = InvalidArgument, c.unseen()
	case errors.Is(err, session.ErrRefused):
		e.Code, e.processed = Unavailable, ProcessedNo
	case errors.As(err, &aborted):
		if aborted.Remote && aborted.Code > abortStatus {
			return &Error{Code: known(int64(aborted.Code - abortStatus)), Message: aborted.Reason, processed: ProcessedYes}
		}
		// The call alone was given up, and the connection is as it was.
		e.Code = Internal
		switch aborted.Code {
		case session.AbortCanceled:
			e.Code = Canceled
		case session.AbortStalled:
			e.Code = ResourceExhausted
		}
	case errors.Is(err, net.ErrClosed):
		e.Code = Unavailable
	default:
		e.Code = Unknown
	}
	return e
}

// timeOver is the Error of a call whose context has ended with err.
func (c *ClientCall) timeOver(ctx context.Context, err error) *Error {
	e := &Error{Code: CodeOf(ctx.Err()), cause: err}
	if end, _ := ctx.Deadline(); c.own && end.Equal(c.until) && e.Code == DeadlineExceeded {
		e.Message = fmt.Sprintf("its schema gives %s %v", c.method, c.method.Within)
	}
	return e
}

// explain translates the end of a session into what it means to a handler: the caller has given up, its time is
// over, or the connection is lost. Other errors stay as they are, including that of a caller that broke the
// protocol.
func (c *ServerCall) explain(ctx context.Context, err error) error {
	var cause error
	if of := c.stream.Context(); of.Err() != nil {
		cause = context.Cause(of)
	}
	var e *Error
	switch {
	case cause == nil || errors.As(err, &e):
		return err
	case errors.Is(err, context.Canceled): // the handler's context ends with the session
	case !errors.Is(err, cause):
		return err
	}
	return c.ended(ctx, cause)
}

// ended is what the end of a session by cause means to a handler.
func (c *ServerCall) ended(ctx context.Context, cause error) error {
	cause = session.Explain(c.method.Protocol, 1, cause)
	var (
		fault   *session.PeerError
		aborted *session.AbortError
	)
	switch {
	case errors.As(cause, &fault):
		if fault.Remote { // the caller says that the reply broke it
			return &Error{Code: Internal, cause: cause}
		}
		return cause
	case !errors.As(cause, &aborted):
		if errors.Is(cause, net.ErrClosed) {
			return &Error{Code: Unavailable, Message: "the connection to the caller was lost", cause: cause}
		}
		return cause
	case aborted.Code == session.AbortStalled:
		return &Error{Code: ResourceExhausted, cause: cause}
	case !aborted.Remote:
		return cause
	}
	if end, limited := ctx.Deadline(); limited && !time.Now().Before(end) {
		return &Error{Code: DeadlineExceeded, Message: "the caller's time is over", cause: &contextEnd{context.DeadlineExceeded, cause}}
	}
	return &Error{Code: Canceled, Message: "the caller gave up", cause: &contextEnd{context.Canceled, cause}}
}

// contextEnd is the end of a session as the end of a context; errors.Is finds either.
type contextEnd struct{ as, err error }

func (e *contextEnd) Error() string   { return e.err.Error() }
func (e *contextEnd) Unwrap() []error { return []error{e.as, e.err} }

// statusOf is what the caller gets for an error that a handler returned.
func statusOf(ctx context.Context, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		if e.Code == OK {
			return &Error{Code: Unknown, Message: e.Message, Details: e.Details}
		}
		return e
	}
	status := &Error{Code: CodeOf(err), Message: session.AbortFor(err).Reason, cause: err}
	var large *session.TooLargeError
	if errors.As(err, &large) {
		status.Code, status.Message = ResourceExhausted, fmt.Sprintf("the reply has %d bytes, and the caller takes %d", large.Size, large.Limit)
	}
	if status.Code == Unknown && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		status.Code = CodeOf(ctx.Err())
	}
	return status
}
