package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

// What ends a connection ends its sessions: each of their calls, those that wait
// and those that come later, returns the same error. All but *HandshakeError unwrap to net.ErrClosed.

// IdleTimeoutError means that nothing came from the peer for the idle timeout. Its Timeout is true.
type IdleTimeoutError struct{ Peer netip.AddrPort }

func (e *IdleTimeoutError) Error() string {
	return fmt.Sprintf("transport: %v: nothing came for the idle timeout", e.Peer)
}

// Timeout returns true.
func (e *IdleTimeoutError) Timeout() bool { return true }

// Unwrap makes errors.Is find net.ErrClosed.
func (e *IdleTimeoutError) Unwrap() error { return net.ErrClosed }

// GoneError means that the peer is gone: it answered nothing of what was sent for
// the death timeout, or came back without any memory of the connection.
type GoneError struct {
	Peer netip.AddrPort
	// Restarted: it is there, and has forgotten the connection.
	Restarted bool
}

func (e *GoneError) Error() string {
	if e.Restarted {
		return fmt.Sprintf("transport: %v: the peer does not know the connection any more", e.Peer)
	}
	return fmt.Sprintf("transport: %v: the peer answers nothing", e.Peer)
}

// Timeout is true unless the peer has restarted.
func (e *GoneError) Timeout() bool { return !e.Restarted }

// Unwrap makes errors.Is find net.ErrClosed.
func (e *GoneError) Unwrap() error { return net.ErrClosed }

// HandshakeError means that no connection was made: nobody answered in time, or
// the two ends do not fit.
type HandshakeError struct {
	Peer netip.AddrPort
	// Reason is what one of the ends did not like, empty if nobody answered in time.
	Reason string
	// Err is the handshake's own error, if it was that.
	Err     error
	timeout bool
}

func (e *HandshakeError) Error() string {
	switch {
	case e.timeout:
		return fmt.Sprintf("transport: %v: no connection within the handshake timeout", e.Peer)
	case e.Err != nil:
		return fmt.Sprintf("transport: %v: handshake failed: %v", e.Peer, e.Err)
	}
	return fmt.Sprintf("transport: %v: handshake failed: %s", e.Peer, e.Reason)
}

// Timeout reports whether nobody answered in time.
func (e *HandshakeError) Timeout() bool { return e.timeout }

// Unwrap returns Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

// AbortError means that one end aborted the connection.
type AbortError struct {
	Peer netip.AddrPort
	// Abort is what the peer gave, or what it was given.
	session.Abort
	// Remote says that the peer did it. Its Reason is the peer's word: show it to people, act on the Code.
	Remote bool
	// Err is what this end aborted with. It never travels.
	Err error
}

func (e *AbortError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "transport: %v: connection aborted", e.Peer)
	if e.Remote {
		fmt.Fprintf(&b, " by the peer: %v", e.Code)
		if e.Reason != "" {
			fmt.Fprintf(&b, ": %q", e.Reason)
		}
	} else if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap makes errors.Is find net.ErrClosed and what this end aborted with.
func (e *AbortError) Unwrap() []error {
	if e.Err == nil {
		return []error{net.ErrClosed}
	}
	return []error{e.Err, net.ErrClosed}
}

// ProtocolError means that one end broke the rules of the transport: a fault of a
// program, not of the network or of an application.
type ProtocolError struct {
	Peer netip.AddrPort
	// Code and Reason say which rule.
	Code   uint64
	Reason string
	// Remote: it is the peer that says so, of this end.
	Remote bool
}

func (e *ProtocolError) Error() string {
	who := "the peer broke the transport's protocol"
	if e.Remote {
		who = "the peer says that this end broke the transport's protocol"
	}
	return fmt.Sprintf("transport: %v: %s: code %#x %q", e.Peer, who, e.Code, e.Reason)
}

// Unwrap makes errors.Is find net.ErrClosed.
func (e *ProtocolError) Unwrap() error { return net.ErrClosed }

// closedError is what calls return on a connection that was closed in good order.
type closedError struct{}

func (closedError) Error() string { return "transport: connection closed" }
func (closedError) Unwrap() error { return net.ErrClosed }

// errorOf makes of why the machine ended what callers see; nil for a Close that drained.
// aborted is what this end gave to Abort, if it did.
func errorOf(cause error, peer netip.AddrPort, aborted error) error {
	var c *conn.CloseError
	if !errors.As(cause, &c) {
		return cause
	}
	switch c.Cause {
	case conn.Aborted:
		e := &AbortError{
			Peer: peer, Remote: c.Remote,
			Abort: session.Abort{Code: session.AbortCode(c.Code), Reason: c.Reason},
		}
		if !c.Remote {
			e.Err = aborted
		}
		return e
	case conn.Refused:
		// Words do not travel before there are keys.
		return &HandshakeError{Peer: peer, Reason: cmp.Or(c.Reason, "the peer refused it"), Err: c.Err}
	case conn.HandshakeTimeout:
		return &HandshakeError{Peer: peer, timeout: true}
	case conn.Reset:
		return &GoneError{Peer: peer, Restarted: true}
	case conn.Gone:
		return &GoneError{Peer: peer}
	case conn.Idle:
		return &IdleTimeoutError{Peer: peer}
	}
	return &ProtocolError{Peer: peer, Code: c.Code, Reason: c.Reason, Remote: c.Remote}
}
