package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode/utf8"
)

// Abort is why one end ended a session early, as the other end learns it.
type Abort struct {
	Code AbortCode
	// Reason is at most 1,024 bytes of UTF-8. It is never the text of an error that the program did not mean to
	// share.
	Reason string
}

// AbortCode says, on the wire, why a session was aborted. Codes below 0x10 are the program's, those from 0x10
// to 0x1f are the rules of a protocol (see Rule), and those from 0x20 to 0x3f are a carrier's. An unknown code
// is kept as received.
type AbortCode uint64

// The codes that this package sends.
const (
	// AbortFailed: the program gave up, by Abort or by an error from a body. The reason is the text it made
	// with Reason, if any.
	AbortFailed AbortCode = 0x00
	// AbortUnfinished: a body returned no error although the protocol was not finished.
	AbortUnfinished AbortCode = 0x01
	// AbortPanicked: a body panicked.
	AbortPanicked AbortCode = 0x02
	// AbortDropped: the program dropped the session, and the garbage collector found it.
	AbortDropped AbortCode = 0x03
	// AbortCanceled: a context ended, so the program gave up.
	AbortCanceled AbortCode = 0x04
	// AbortMismatch: the protocol is not served here. The reason lists the fingerprints that are served under
	// its name, separated by commas.
	AbortMismatch AbortCode = 0x05
	// AbortRefused: the carrier accepts no more sessions, and nothing of this one was looked at. See
	// ErrRefused.
	AbortRefused AbortCode = 0x22
	// AbortStalled: the session held memory that others of the process at an end waited for, and hardly moved. See
	// transport.AbortStalled.
	AbortStalled AbortCode = 0x23
)

// ErrRefused means that the peer, which is shutting down, took nothing of the session: no handler has run, so
// whatever the session was for can safely be done elsewhere. It is never returned itself: errors.Is finds it in
// the *AbortError of such a session.
var ErrRefused = errors.New("session: refused, nothing of it was done")

// String describes the code in words.
func (c AbortCode) String() string {
	switch c {
	case AbortFailed:
		return "the program gave up"
	case AbortUnfinished:
		return "its body returned before the end of the protocol"
	case AbortPanicked:
		return "its body panicked"
	case AbortDropped:
		return "its program dropped the session"
	case AbortCanceled:
		return "its context ended"
	case AbortMismatch:
		return "it does not serve the protocol"
	case AbortRefused:
		return "it takes no new sessions"
	case AbortStalled:
		return "it held memory that others waited for, and hardly moved"
	}
	if rule := Rule(c); rule.known() {
		return rule.String()
	}
	return fmt.Sprintf("code %#x", uint64(c))
}

// AbortError means that the session was aborted, by the peer or at this end. It unwraps to net.ErrClosed and to
// Err.
type AbortError struct {
	Abort
	// Remote reports that the peer aborted. Reason is then the peer's word: show it to people, but act on Code.
	Remote bool
	// Err is the error this end aborted with. It is never sent.
	Err error
}

func (e *AbortError) Error() string {
	var b strings.Builder
	b.WriteString("session: aborted")
	if e.Remote {
		b.WriteString(" by the peer: ")
		b.WriteString(e.Code.String())
		if e.Reason != "" {
			fmt.Fprintf(&b, ": %q", e.Reason)
		}
		return b.String()
	}
	switch {
	case e.Err != nil:
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	case e.Code == AbortStalled: // the carrier did it
		b.WriteString(": ")
		b.WriteString(e.Code.String())
	}
	return b.String()
}

// Unwrap lets errors.Is find net.ErrClosed, the error this end aborted with, and ErrRefused if the peer refused
// the session.
func (e *AbortError) Unwrap() []error {
	switch {
	case e.Err != nil:
		return []error{e.Err, net.ErrClosed}
	case e.Remote && e.Code == AbortRefused:
		return []error{ErrRefused, net.ErrClosed}
	}
	return []error{net.ErrClosed}
}

// Reason returns an error whose text the peer may see. When a session is aborted with it, or with an error that
// wraps it, the Reason of the peer's *AbortError is that text, cut to 1,024 bytes. No other error's text ever
// reaches the peer.
func Reason(text string) error { return &reasonError{text} }

type reasonError struct{ text string }

func (e *reasonError) Error() string { return e.text }

// AbortFor returns what the peer may know of err. Carriers call it when they are given an error to abort with.
func AbortFor(err error) Abort {
	var reason *reasonError
	switch {
	case errors.As(err, &reason):
		return Abort{Code: AbortFailed, Reason: cutReason(reason.text)}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Abort{Code: AbortCanceled}
	}
	return Abort{Code: AbortFailed}
}

const reasonMax = 1024

// cutReason makes text fit for an Abort.
func cutReason(text string) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= reasonMax {
		return text
	}
	end := reasonMax
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
