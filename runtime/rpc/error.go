package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/sessgen/sessgen/runtime/session"
)

// Error is how a call failed. Every error of a call is one: errors.As finds it. A handler
// returns one to say what its caller gets; of any other error the caller learns the Code, never the text.
type Error struct {
	Code Code
	// Message is for people. The peer sees it.
	Message string
	// Details are for programs.
	Details []Detail

	cause     error
	processed Processed
}

// Detail is one typed fact about an error. Its shape on the wire is that of protocol buffers' Any: a type's name, and the
// encoding of a value of it.
type Detail struct {
	TypeURL string
	Value   []byte
}

// Processed says whether a failed call may have been done.
type Processed uint8

const (
	// ProcessedMaybe: nobody knows. Only a method that is idempotent is safe to call again.
	ProcessedMaybe Processed = iota
	// ProcessedNo: no handler has seen the call, so it is safe to do again whatever the method.
	ProcessedNo
	// ProcessedYes: the answer is the handler's own.
	ProcessedYes
)

// Errorf makes an Error whose message the caller gets to see. With %w it wraps an error at this
// end, which does not travel.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
}

// With adds a detail to e and returns e.
func (e *Error) With(typeURL string, value []byte) *Error {
	e.Details = append(e.Details, Detail{TypeURL: typeURL, Value: value})
	return e
}

// CodeOf is the code of an error that a call returned: OK for nil, and that of contexts' errors where err is one.
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

// Error says the code, the message and what is behind it at this end.
func (e *Error) Error() string {
	text := "rpc: " + e.Code.String()
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.cause != nil && e.Message == "" {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns what is behind the error at this end: a *session.ContractError, a *session.PeerError, the
// connection's or the context's error.
func (e *Error) Unwrap() error { return e.cause }

// Timeout reports whether the call's time ran out.
func (e *Error) Timeout() bool { return e.Code == DeadlineExceeded }

// Processed reports whether the call may have been done.
func (e *Error) Processed() Processed { return e.processed }

// Abort codes of calls begin here: such an abort is an Error with the rest as its code. See docs/wire.md.
const abortStatus session.AbortCode = 0x100

// errorOf makes the Error of a call out of what its stream returned.
func (c *ClientCall) errorOf(ctx context.Context, err error) *Error {
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return &Error{Code: CodeOf(ctx.Err()), cause: err}
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
		if aborted.Code == session.AbortCanceled {
			e.Code = Canceled
		}
	case errors.Is(err, net.ErrClosed):
		e.Code = Unavailable
	default:
		e.Code = Unknown
	}
	return e
}

// statusOf is what the caller gets of an error that a handler returned.
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
