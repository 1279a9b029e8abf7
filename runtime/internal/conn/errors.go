package conn

import (
	"errors"
	"fmt"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Errors of commands that leave the stream and the connection as they were.
var (
	// ErrBlocked: not now; an event follows when it may work.
	ErrBlocked = errors.New("conn: blocked")
	// ErrClosing: Close was called, and no new streams are opened.
	ErrClosing = errors.New("conn: closing")
	// ErrGoingAway: the peer takes no new streams any more. Those that it has taken go on.
	ErrGoingAway = errors.New("conn: the peer is going away")
	// ErrNoStream: the stream was never opened, or is gone; an event said why.
	ErrNoStream = errors.New("conn: no such stream")
	// ErrFinished: this end has finished sending on the stream.
	ErrFinished = errors.New("conn: sending is finished")
)

// TooLargeError means that a message is longer than the peer accepts.
type TooLargeError struct {
	Size, Limit int // in bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("conn: message of %d bytes is over the peer's limit of %d", e.Size, e.Limit)
}

// AbortError is why a stream ended early.
type AbortError struct {
	// Code and Reason are as given to AbortStream, at this end or at the other.
	Code   uint64
	Reason string
	// Remote reports that the peer aborted it. Otherwise this end did, because of a fault of the peer's or for
	// its application.
	Remote bool
}

func (e *AbortError) Error() string {
	return fmt.Sprintf("conn: stream aborted %s: code %d %q", end(e.Remote), e.Code, e.Reason)
}

// Cause says how a connection ended. If one event shows several causes, the smallest counts; later events
// change nothing.
type Cause uint8

// The causes, the strongest first.
const (
	// Aborted: Abort was called, at the end that Remote tells.
	Aborted Cause = iota + 1
	// Violated: one end broke the rules of the transport; Remote: the peer says that this one did.
	Violated
	// Refused: the handshake failed: no common version, parameters that differ, a certificate that does not hold.
	Refused
	// Reset: the peer has no memory of the connection.
	Reset
	// Gone: what was sent has not been answered for the death timeout.
	Gone
	// Idle: nothing came for the idle timeout.
	Idle
	// HandshakeTimeout: the handshake was not done in time.
	HandshakeTimeout
)

var causes = [...]string{
	Aborted: "aborted", Violated: "broken rule found", Refused: "handshake refused", Reset: "the peer has forgotten the connection",
	Gone: "the peer answers nothing", Idle: "idle for too long", HandshakeTimeout: "handshake timed out",
}

func (c Cause) String() string { return causes[c] }

// VersionError says that the two ends speak no version in common.
type VersionError struct {
	Asked   packet.Version
	Offered []packet.Version // by the listening end, at most 16; nobody vouches for it
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("conn: version %#x asked for, %#x spoken", uint32(e.Asked), e.Offered)
}

// CloseError is why a connection ended, other than by a Close that drained. It is the same for all that ask
// later.
type CloseError struct {
	Cause  Cause
	Code   uint64
	Reason string
	// Remote: the peer ended it, and said so.
	Remote bool
	// Err is the handshake's own error, if it was that.
	Err error
}

func (e *CloseError) Error() string {
	text := "conn: " + e.Cause.String()
	if e.Cause <= Refused {
		text += " " + end(e.Remote)
	}
	if e.Code != 0 || e.Reason != "" {
		text += fmt.Sprintf(": code %d %q", e.Code, e.Reason)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the handshake's error.
func (e *CloseError) Unwrap() error { return e.Err }

// Timeout reports whether the connection ended for lack of an answer.
func (e *CloseError) Timeout() bool {
	return e.Cause == Gone || e.Cause == Idle || e.Cause == HandshakeTimeout
}

func end(remote bool) string {
	if remote {
		return "by the peer"
	}
	return "here"
}

// violation says that the peer broke a rule.
func violation(code packet.Code, rule string) *CloseError {
	return &CloseError{Cause: Violated, Code: uint64(code), Reason: rule}
}

// refusal is the error of a handshake that cannot succeed.
func refusal(why string) *CloseError {
	return &CloseError{Cause: Refused, Code: uint64(packet.ConnectionRefused), Reason: why}
}

// wireCode is the code that tells the peer of e. The application's codes are at most 255.
func (e *CloseError) wireCode() uint64 {
	if e.Cause == Aborted {
		return uint64(packet.CodeApplication) + min(e.Code, 255)
	}
	return e.Code
}
