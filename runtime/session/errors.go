package session

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// Errors of a step that is used in a way that its type cannot rule out. The session is as it was.
var (
	// ErrStateUsed: each state is good for one step. Only the state that the last step returned can go on.
	ErrStateUsed = errors.New("session: state already used")
	// ErrNoSession: the state is a zero value, such as a failed step returns, or was made by converting another
	// state.
	ErrNoSession = errors.New("session: state belongs to no session: it is a zero state, as a failed step returns, or was converted from another one")
	// ErrPending: the step needs the value of a deferred receive that has not come in yet.
	ErrPending = errors.New("session: a deferred value that this step needs has not been received yet")
	// ErrTooManyPending: 64 receives are deferred already. Receive one of them first.
	ErrTooManyPending = errors.New("session: too many receives are deferred")
)

// ErrUnfinished is returned by Run when the body returned neither an error nor the end of its own session. The
// session was aborted.
var ErrUnfinished error = unfinishedError{}

type unfinishedError struct{}

func (unfinishedError) Error() string {
	return "session: the body returned no error, but has not brought the protocol to its end"
}

func (unfinishedError) Unwrap() error { return net.ErrClosed }

// MismatchError means that the peer does not serve this protocol: not at all, or only in other versions, in
// which case one of the two programs is older than the other. It unwraps to net.ErrClosed.
type MismatchError struct {
	// Protocol and Fingerprint identify what was asked for.
	Protocol    string
	Fingerprint Fingerprint
	// Served are the fingerprints that the peer serves under that name; none if it does not know the name.
	Served []Fingerprint
}

func (e *MismatchError) Error() string {
	if len(e.Served) == 0 {
		return fmt.Sprintf("session: the peer does not serve %s (fingerprint %s)", e.Protocol, e.Fingerprint)
	}
	served := make([]string, len(e.Served))
	for i, f := range e.Served {
		served[i] = string(f)
	}
	return fmt.Sprintf("session: the peer serves another %s: this end has fingerprint %s, the peer %s; "+
		"the two programs were generated from different schemas", e.Protocol, e.Fingerprint, strings.Join(served, ", "))
}

// Unwrap lets errors.Is find net.ErrClosed.
func (e *MismatchError) Unwrap() error { return net.ErrClosed }

// mismatch translates a peer's refusal. The refusal is the peer's word: whatever is not a fingerprint in it is
// left out.
func mismatch(p *Protocol, refusal string) *MismatchError {
	e := &MismatchError{Protocol: p.Name, Fingerprint: p.Fingerprint}
	for digits := range strings.SplitSeq(refusal, ",") {
		if f := Fingerprint(digits); f.valid() {
			e.Served = append(e.Served, f)
		}
	}
	return e
}

// TooLargeError means that a message is larger than the peer accepts. Nothing was sent, and the step is as it
// was.
type TooLargeError struct {
	// Label is the message's label; empty if a carrier is used by itself.
	Label string
	// Size and Limit are in bytes, of the encoded message.
	Size, Limit int
}

func (e *TooLargeError) Error() string {
	what := "a message"
	if e.Label != "" {
		what = e.Label
	}
	return fmt.Sprintf("session: %s is too large: %d bytes, and the peer takes %d", what, e.Size, e.Limit)
}

// EncodeError means that a value has no encoding: for example, text that is not UTF-8, or a time after the year
// 9999. Nothing was sent, and the step is as it was.
type EncodeError struct {
	// Label is the message's label, and Param the parameter as the schema writes it.
	Label, Param string
	// Err is what is wrong with the value.
	Err error
}

func (e *EncodeError) Error() string {
	return fmt.Sprintf("session: %s cannot be encoded: %s: %v", e.Label, e.Param, e.Err)
}

// Unwrap returns Err.
func (e *EncodeError) Unwrap() error { return e.Err }
