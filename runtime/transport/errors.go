package transport

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/session"
)

// What ends a connection ends its sessions: each of their calls, those that wait
// and those that come later, returns the same error. All but *HandshakeError unwrap to net.ErrClosed.

// IdleTimeoutError means that nothing arrived from the peer for the idle timeout. Its Timeout method returns
// true.
type IdleTimeoutError struct{ Peer netip.AddrPort }

func (e *IdleTimeoutError) Error() string {
	return fmt.Sprintf("transport: %v: nothing came for the idle timeout", e.Peer)
}

// Timeout returns true.
func (e *IdleTimeoutError) Timeout() bool { return true }

// Unwrap lets errors.Is find net.ErrClosed.
func (e *IdleTimeoutError) Unwrap() error { return net.ErrClosed }

// GoneError means that the peer is gone: it answered nothing of what was sent to it for the death timeout, or
// it came back with no memory of the connection.
type GoneError struct {
	Peer netip.AddrPort
	// Restarted reports that the peer is there but has forgotten the connection.
	Restarted bool
}

func (e *GoneError) Error() string {
	if e.Restarted {
		return fmt.Sprintf("transport: %v: the peer does not know the connection any more", e.Peer)
	}
	return fmt.Sprintf("transport: %v: the peer answers nothing", e.Peer)
}

// Timeout returns true unless the peer has restarted.
func (e *GoneError) Timeout() bool { return !e.Restarted }

// Unwrap lets errors.Is find net.ErrClosed.
func (e *GoneError) Unwrap() error { return net.ErrClosed }

// HandshakeError means that no connection was made: nobody answered in time, or one end rejected the other.
type HandshakeError struct {
	Peer netip.AddrPort
	// Reason is what one end objected to; it is empty if nobody answered in time.
	Reason string
	// Remote reports that it was the peer that objected.
	Remote bool
	// Err is the handshake's own error, if there is one: a *VersionError, what crypto/tls says of the peer,
	// with Remote the tls.AlertError that the peer sent, or why the system did not send to the address.
	Err     error
	timeout bool
}

func (e *HandshakeError) Error() string {
	var versions *VersionError
	switch {
	case errors.As(e.Err, &versions):
		return fmt.Sprintf("transport: %v: handshake failed: %s", e.Peer, versions.advice())
	case e.timeout && e.Err != nil:
		return fmt.Sprintf("transport: %v: no connection within the handshake timeout: %v", e.Peer, e.Err)
	case e.timeout:
		return fmt.Sprintf("transport: %v: no connection within the handshake timeout", e.Peer)
	case e.Err != nil && e.Remote:
		return fmt.Sprintf("transport: %v: handshake refused by the peer: %v", e.Peer, e.Err)
	case e.Err != nil:
		return fmt.Sprintf("transport: %v: handshake failed: %v", e.Peer, e.Err)
	}
	return fmt.Sprintf("transport: %v: handshake failed: %s", e.Peer, e.Reason)
}

// Timeout reports whether nobody answered in time.
func (e *HandshakeError) Timeout() bool { return e.timeout }

// Unwrap returns Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

// VersionError means that the two ends have no protocol version in common. Usually one of them was given
// WithTLS and the other WithPlaintext.
type VersionError struct {
	Peer netip.AddrPort
	// Encrypts and Plain report what the server speaks, as far as this end understands it: TLS, or plaintext.
	Encrypts, Plain bool
}

func (e *VersionError) Error() string { return fmt.Sprintf("transport: %v: %s", e.Peer, e.advice()) }

// advice says what is wrong, and what to write where that can be told.
func (e *VersionError) advice() string {
	switch {
	case e.Encrypts && !e.Plain:
		return "the server encrypts: give Dial transport.WithTLS in place of WithPlaintext"
	case e.Plain && !e.Encrypts:
		return "the server does not encrypt: give it transport.WithTLS, or Dial WithPlaintext"
	}
	return "the server speaks another version of the protocol"
}

// AbortError means that one end aborted the connection.
type AbortError struct {
	Peer netip.AddrPort
	// Abort is what the peer sent, or what was sent to the peer.
	session.Abort
	// Remote reports that the peer aborted. Reason is then the peer's word: show it to people, but act on Code.
	Remote bool
	// Err is the error this end aborted with. It is never sent.
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

// Unwrap lets errors.Is find net.ErrClosed and the error this end aborted with.
func (e *AbortError) Unwrap() []error {
	if e.Err == nil {
		return []error{net.ErrClosed}
	}
	return []error{e.Err, net.ErrClosed}
}

// ProtocolError means that one end broke the rules of the transport: a bug in one of the implementations, not a
// failure of the network or the application.
type ProtocolError struct {
	Peer netip.AddrPort
	// Code and Reason say which rule.
	Code   uint64
	Reason string
	// Remote reports that it was the peer that found this end at fault.
	Remote bool
}

func (e *ProtocolError) Error() string {
	who := "the peer broke the transport's protocol"
	if e.Remote {
		who = "the peer says that this end broke the transport's protocol"
	}
	return fmt.Sprintf("transport: %v: %s: code %#x %q", e.Peer, who, e.Code, e.Reason)
}

// Unwrap lets errors.Is find net.ErrClosed.
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
		return handshakeError(peer, c)
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

// handshakeError is why no connection was made.
func handshakeError(peer netip.AddrPort, c *conn.CloseError) *HandshakeError {
	e := &HandshakeError{Peer: peer, Reason: c.Reason, Remote: c.Remote, Err: c.Err}
	if c.Remote {
		e.Reason = cmp.Or(c.Reason, "the peer refused it") // words do not travel before there are keys
		if c.Reason == "" && packet.Code(c.Code) == packet.ConnectionRefused {
			e.Reason = "the server takes no connections: it is shutting down, most likely"
		}
	}
	var versions *conn.VersionError
	switch code := packet.Code(c.Code); {
	case errors.As(c.Err, &versions):
		e.Err = &VersionError{
			Peer:     peer,
			Encrypts: slices.Contains(versions.Offered, packet.V1),
			Plain:    slices.Contains(versions.Offered, packet.V1Plain),
		}
	case c.Remote && code >= packet.CryptoError && code < packet.CryptoError+256:
		e.Err = tls.AlertError(code - packet.CryptoError)
	}
	return e
}
