package session

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"
)

// Session is one run of a protocol, as one role sees it. Each of its Steps is a place that the run has reached.
type Session struct {
	// turn is even while the session waits for its next step, and odd while that step is in progress. A Step is
	// valid in the turn in which it was handed out. The goroutine that makes it odd owns the fields below until
	// it is even again.
	turn atomic.Uint64
	// cause is what ended the session early, nil while it lives.
	cause atomic.Pointer[error]

	protocol *Protocol
	table    *table
	stream   Stream
	observer Observer
	role     int

	state    int
	closed   bool            // Close has succeeded
	cleanup  runtime.Cleanup // tells of a session that was dropped; stopped at the end of one that was not
	peerDone bool            // the peer said that nothing more comes
	out      Outbound
	in       Inbound
	entered  time.Time // when the place was entered, if it has time limits
	deferred deferral  // the deferred receives
	arrived  time.Time // when the last of them came that has been taken in

	first [64]byte // where out begins, so that small messages need nothing else
}

func newSession(p *Protocol, role int, stream Stream) *Session {
	s := &Session{protocol: p, table: tableOf(p), stream: stream, role: role}
	s.observer, _ = stream.(Observer)
	s.out.s, s.in.s = s, s
	s.out.buf = s.first[:0]
	s.enter(0)
	return s
}

// Open opens a session of p on conn for the first role and returns its first step. A session that is dropped
// before its end is aborted and logged when the garbage collector finds it.
func Open(ctx context.Context, conn Conn, p *Protocol) (Step, error) {
	s, err := open(ctx, conn, p)
	if err != nil {
		return Step{}, err
	}
	s.cleanup = runtime.AddCleanup(s, dropped.end, dropped{stream: s.stream, protocol: p})
	return Step{s: s}, nil
}

func open(ctx context.Context, conn Conn, p *Protocol) (*Session, error) {
	stream, err := conn.OpenStream(ctx, p, nil)
	if err != nil {
		return nil, translate(p, 0, err)
	}
	return newSession(p, 0, stream), nil
}

// dropped is what is left of a session that is no longer reachable.
type dropped struct {
	stream   Stream
	protocol *Protocol
}

func (d dropped) end() {
	if d.stream.Context().Err() != nil {
		return
	}
	d.stream.Abort(Abort{Code: AbortDropped})
	loggerOf(d.stream).Warn("session: dropped before its end, and aborted", "protocol", d.protocol.Name, "role", d.protocol.Roles[0])
}

// loggerOf returns where the faults of the program that runs a session on stream are logged: the carrier's
// logger, if it has one (transport.WithLogger), else slog.Default.
func loggerOf(stream Stream) *slog.Logger {
	if c, ok := stream.(interface{ Logger() *slog.Logger }); ok {
		if l := c.Logger(); l != nil {
			return l
		}
	}
	return slog.Default()
}

// end ends the session early because of err, unless it has ended already, and returns what ended it. The peer
// learns a.
func (s *Session) end(err error, a Abort) error {
	if s.cause.CompareAndSwap(nil, &err) {
		s.cleanup.Stop()
		s.stream.Abort(a)
	}
	return *s.cause.Load()
}

// over returns what ended the session early, nil while it lives.
func (s *Session) over() error {
	if cause := s.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// abort ends the session because this end's program says so.
func (s *Session) abort(err error, a Abort) {
	if s.stream.Context().Err() == nil {
		s.end(&AbortError{Abort: a, Err: err}, a)
	} else {
		s.cleanup.Stop()
	}
}

// failed translates an error of the stream into what the step returns: an error of the context leaves the
// session as it was, any other has ended it.
func (s *Session) failed(ctx context.Context, err error) error {
	if cause := s.over(); cause != nil {
		return cause
	}
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		if s.stream.Context().Err() == nil {
			return err
		}
		err = s.whyEnded() // the body's context ends with the session
	}
	if err == io.EOF {
		return s.violated(EndedEarly, nil, "", nil)
	}
	return s.end(translate(s.protocol, s.role, err), Abort{Code: AbortFailed})
}

// violated ends the session because the peer broke rule, with the message m if it
// was one of the protocol.
func (s *Session) violated(rule Rule, m *Message, detail string, values []Value) error {
	err := &PeerError{Protocol: s.protocol.Name, Role: s.protocol.Roles[1-s.role], Rule: rule, Detail: detail, Values: values}
	if m != nil {
		err.Label, err.Pos = m.Label, m.Pos
		if rule == FalsePredicate {
			err.Where = m.Where
		}
	}
	return s.end(err, Abort{Code: AbortCode(rule), Reason: err.Label})
}

// translate makes of what a stream says that the peer aborted with what it means
// to a session of p in the given role.
func translate(p *Protocol, role int, err error) error {
	var aborted *AbortError
	if !errors.As(err, &aborted) || !aborted.Remote {
		return err
	}
	if aborted.Code == AbortMismatch {
		return mismatch(p, aborted.Reason)
	}
	rule := Rule(aborted.Code)
	if !rule.known() {
		return err
	}
	peer := &PeerError{Protocol: p.Name, Role: p.Roles[role], Rule: rule, Remote: true}
	for _, m := range p.Messages {
		if m.Label != aborted.Reason || m.Sender != role {
			continue
		}
		if peer.Label != "" { // the label stands in several places, and the peer does not say which
			peer.Where, peer.Pos = "", ""
			break
		}
		peer.Label, peer.Pos = m.Label, m.Pos
		if rule == FalsePredicate {
			peer.Where = m.Where
		}
	}
	return peer
}

// enter makes state the session's place.
func (s *Session) enter(state int) {
	s.state = state
	if s.table.timed && s.table.places[state].timed {
		s.entered = time.Now()
	}
}
