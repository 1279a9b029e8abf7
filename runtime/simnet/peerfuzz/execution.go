package peerfuzz

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// execution is one play of a peer against the body under test, in a bubble.
type execution struct {
	t        *testing.T
	protocol *session.Protocol
	role     int // the body's
	peer     *Peer
	story    *story
	goroutines

	// What the body's goroutines write. It is read when all of them wait.
	started  bool
	done     chan struct{}
	panicked string
	err      error // what the body returned
	result   error // what its session ended with
	broken   bool  // its session refused something of the peer's while the body ran
	owed     bool  // the peer kept to the protocol, and has waited in vain
}

// The patience with a body, in virtual time.
const (
	patience = 24 * time.Hour
	grace    = time.Minute
)

func newExecution(t *testing.T, p *session.Protocol, role int, way *ways, l literals, input []byte) *execution {
	s := newSource(input, l)
	r := &execution{
		t: t, protocol: p, role: role, story: &story{}, done: make(chan struct{}), goroutines: countGoroutines(),
	}
	r.peer = &Peer{protocol: p, source: s, way: way, deviant: newDeviant(1-role, s, r.story, deviations)}
	return r
}

// guard is the body under test, watched.
func guard[S, E any](r *execution, subject Body[S, E]) Body[S, E] {
	return func(ctx context.Context, start S) (end E, err error) {
		r.started = true
		returned := false
		defer func() {
			if v := recover(); v != nil {
				r.panicked, err = fmt.Sprintf("the body panicked: %v\n%s", v, debug.Stack()), errGivenUp
			} else if !returned {
				r.panicked = "the body's goroutine ended in it: runtime.Goexit, or t.FailNow"
			}
			r.err = err
			close(r.done)
		}()
		end, err = subject(ctx, start)
		returned = true
		return end, err
	}
}

// player is the peer.
func player[S, E any](r *execution, play func(context.Context, *Peer, S) (E, error)) Body[S, E] {
	return func(ctx context.Context, start S) (E, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		end, err := play(ctx, r.peer, start)
		r.owed = errors.Is(err, context.DeadlineExceeded) && !r.peer.deviant.over()
		return end, err
	}
}

// judge waits for the body, and says what is wrong with it.
func (r *execution) judge() {
	if !r.started {
		return
	}
	select {
	case <-r.done:
	case <-time.After(patience + grace):
		r.fail("the body has not returned a day after it was called, in virtual time, though its session is over:\n%s", r.left())
		return
	}
	pass(grace)
	if fault := r.fault(); fault != "" {
		r.fail("%s", fault)
		return
	}
	if left := r.left(); len(left) > 0 {
		r.fail("the body has returned, and left goroutines behind that wait:\n%s", left)
	}
}

// pass lets virtual time pass, so that what was set going may come to its end.
func pass(wait time.Duration) {
	time.Sleep(wait)
	synctest.Wait()
}

// fault is what is wrong with how the body ended, "" if nothing is.
func (r *execution) fault() string {
	var contract *session.ContractError
	var encode *session.EncodeError
	var large *session.TooLargeError
	var peer *session.PeerError
	switch {
	case r.panicked != "":
		return r.panicked
	case r.owed:
		return "the body owed a message for a day, in virtual time"
	case errors.Is(r.err, session.ErrStateUsed), errors.Is(r.err, session.ErrNoSession):
		return fmt.Sprintf("the body used a state that it should not: %v", r.err)
	case errors.As(r.err, &contract), errors.As(r.err, &encode), errors.As(r.err, &large):
		return fmt.Sprintf("the body tried to send what it must not: %v", r.err)
	case errors.Is(r.result, session.ErrUnfinished):
		return fmt.Sprintf("the body returned no error, and has not finished: %v", r.result)
	case r.err != nil && r.broken && !errors.As(r.err, &peer):
		return fmt.Sprintf("the body got a *session.PeerError, and returned an error that does not wrap it: %v", r.err)
	case errors.As(r.result, &peer) && !peer.Remote && !r.peer.deviant.over():
		return fmt.Sprintf("the peer kept to the protocol, and was refused; is a predicate not pure? %v", r.result)
	}
	return ""
}

func (r *execution) fail(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf("peerfuzz: %s %s: %s\n%s", r.protocol.Name, r.protocol.Roles[r.role], fmt.Sprintf(format, args...), r.story)
}
