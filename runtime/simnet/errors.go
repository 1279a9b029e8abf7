package simnet

import (
	"errors"
	"fmt"
	"net"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

var (
	// errOver is what calls return after the end of a run.
	errOver = fmt.Errorf("simnet: the simulation is over: %w", net.ErrClosed)
	// errClosed is what calls return on a connection that was closed in good order.
	errClosed = fmt.Errorf("simnet: connection closed: %w", net.ErrClosed)
	// errFinished is the error of a stream that both ends have finished.
	errFinished = errors.New("simnet: session finished")
	errTwice    = errors.New("simnet: two goroutines wait in the same call of one session")
)

// lostError is why a connection ended other than by a Close that drained.
type lostError struct {
	where string
	cause *conn.CloseError
	local error // what this end aborted with
}

func (e *lostError) Error() string {
	if e.local != nil {
		return fmt.Sprintf("simnet: %s: aborted: %v", e.where, e.local)
	}
	return fmt.Sprintf("simnet: %s: %v", e.where, e.cause)
}

// Timeout reports whether the peer did not answer.
func (e *lostError) Timeout() bool { return e.cause.Timeout() }

// Unwrap makes errors.Is find net.ErrClosed, and what this end aborted with.
func (e *lostError) Unwrap() []error {
	if e.local != nil {
		return []error{e.local, net.ErrClosed}
	}
	return []error{e.cause, net.ErrClosed}
}

// lost converts why the core ended to what callers see; nil for a Close that drained.
func lost(p *peer, cause error) error {
	var c *conn.CloseError
	if !errors.As(cause, &c) {
		return cause
	}
	e := &lostError{where: p.String(), cause: c}
	if c.Cause == conn.Aborted && !c.Remote {
		e.local = p.aborted
	}
	return e
}

// errorOf converts an error of the core's commands to what callers see.
func errorOf(err error) error {
	var large *conn.TooLargeError
	switch {
	case errors.As(err, &large):
		return &session.TooLargeError{Size: large.Size, Limit: large.Limit}
	case err == conn.ErrClosing:
		return errClosed
	}
	return err
}

// ended is what calls return once the connection is gone.
func (p *peer) ended() error {
	if p.err == nil {
		return errClosed
	}
	return p.err
}
