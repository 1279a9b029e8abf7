package simnet

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/sessgen/sessgen/runtime/session"
)

// Roles returns a run for Test and TestSeeds in which two bodies play a protocol once: a client dials a server,
// runs the first role there and closes its connection. run and register are generated functions. The test fails
// if either role does.
//
//	simnet.TestSeeds(t, 100, simnet.Swarm, simnet.Roles(bank.RunBankClient, customer, bank.RegisterBankTeller, teller))
func Roles[First, Second any](
	run func(context.Context, session.Conn, First) error, first First,
	register func(session.Registrar, Second), second Second,
) func(*testing.T, *Net) {
	return func(t *testing.T, n *Net) {
		register(n.Server("server"), second)
		conn, err := n.Dial(t.Context(), "server")
		if err == nil {
			err = run(t.Context(), conn, first)
		}
		if err == nil {
			err = conn.Close(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// Pipe is session.Pipe for tests: its sessions count toward Coverage, and when t has failed, the errors that
// ended the served sessions are logged. For virtual time, call it inside testing/synctest.Test.
func Pipe(t testing.TB) (session.Conn, session.Registrar) {
	conn, srv := session.Pipe()
	p := &watched{conn: conn, srv: srv}
	t.Cleanup(func() {
		if t.Failed() {
			p.ends.log(t)
		}
	})
	return p, p
}

// watched is a Pipe whose sessions report their path.
type watched struct {
	conn session.Conn
	srv  session.Registrar
	ends ends
}

// OpenStream implements session.Conn.
func (w *watched) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, err := w.conn.OpenStream(ctx, p, note)
	if err != nil {
		return nil, err
	}
	return &watchedStream{Stream: s, pipe: w}, nil
}

// Handle implements session.Registrar.
func (w *watched) Handle(p *session.Protocol, serve func(context.Context, session.Stream)) {
	w.srv.Handle(p, func(ctx context.Context, s session.Stream) { serve(ctx, &watchedStream{Stream: s, pipe: w}) })
}

// watchedStream is one end of a session of a Pipe. It implements session.Observer.
type watchedStream struct {
	session.Stream
	pipe  *watched
	place int
	// deferred is how many receives are deferred.
	deferred int
}

func (s *watchedStream) Observe(p *session.Protocol, role, message int) {
	if s.deferred > 0 && p.Messages[message].Sender != role {
		s.deferred--
		return
	}
	covered(p, s.place, message)
	s.place = p.Messages[message].Next
}

func (s *watchedStream) Defer(p *session.Protocol, _, message int) {
	covered(p, s.place, message)
	s.place = p.Messages[message].Next
	s.deferred++
}

func (s *watchedStream) Ended(p *session.Protocol, role int, err error) {
	if err == nil {
		covered(p, s.place, -1)
		return
	}
	s.pipe.ends.add(p, role, err)
}

// ends are the errors of the bodies of served sessions. A test that fails shows them: the client alone learns
// no more than a code of its server's error.
type ends struct {
	mu   sync.Mutex
	said []string
	more int
}

// endsMax bounds how many are shown.
const endsMax = 10

func (e *ends) add(p *session.Protocol, role int, err error) {
	if role == 0 || errors.Is(err, errOver) {
		return // the test's own function has it, or ended the run: that is no failure of the body's
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.said) == endsMax {
		e.more++
		return
	}
	e.said = append(e.said, p.Name+" "+p.Roles[role]+" ended with: "+err.Error())
}

func (e *ends) log(t testing.TB) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, text := range e.said {
		t.Logf("simnet: %s", text)
	}
	if e.more > 0 {
		t.Logf("simnet: and %d more", e.more)
	}
}
