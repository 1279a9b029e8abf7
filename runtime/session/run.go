package session

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Run opens a session of p, runs body on its first step, and closes the session. The body's context ends with
// the session; context.Cause says what ended it. Run returns nil when both roles have finished. Otherwise the
// session has been aborted: because the body failed, because it panicked (and Run panics too), or because it
// returned neither an error nor the end of this session, which is ErrUnfinished.
func Run(ctx context.Context, conn Conn, p *Protocol, body func(context.Context, Step) (Step, error)) error {
	s, err := open(ctx, conn, p)
	if err != nil {
		return err
	}
	return s.run(ctx, body)
}

// Register makes srv run body as the second role of p for each session that a peer opens. The contract of Run's
// body applies, except that a panic ends only its session and is logged, as is a body that returns unfinished.
func Register(srv Registrar, p *Protocol, body func(context.Context, Step) (Step, error)) {
	srv.Handle(p, func(ctx context.Context, stream Stream) {
		s := newSession(p, 1, stream)
		defer s.logPanic()
		if err := s.run(ctx, body); err == ErrUnfinished {
			loggerOf(stream).Error(err.Error(), "protocol", p.Name, "role", p.Roles[1])
		}
	})
}

// run runs body from the session's first step, and closes or aborts the session.
func (s *Session) run(ctx context.Context, body func(context.Context, Step) (Step, error)) (err error) {
	inner, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.stream.Context(), func() { cancel(s.whyEnded()) })
	returned := false
	defer func() {
		stop()
		if !returned { // a panic, or runtime.Goexit: it goes on from here
			err = errPanicked
			s.abort(err, Abort{Code: AbortPanicked})
		}
		if err != nil && s.observer != nil {
			s.observer.Ended(s.protocol, s.role, err)
		}
		cancel(err)
	}()
	end, err := body(inner, Step{s: s})
	stop() // what follows is told by what run returns
	if err == nil {
		err = s.close(ctx, end)
	}
	if err != nil {
		s.abort(err, AbortFor(err))
	}
	returned = true // without a panic, also of the error that body returned
	return err
}

// close closes the session at the end that its body returned, if it is its end.
func (s *Session) close(ctx context.Context, end Step) error {
	if end.s != s {
		return s.unfinished()
	}
	err := end.Close(ctx)
	if errors.Is(err, ErrStateUsed) || errors.Is(err, ErrNoSession) {
		return s.unfinished()
	}
	return err
}

var errPanicked = errors.New("session: the body panicked")

// unfinished ends the session because the body returned before its end.
func (s *Session) unfinished() error {
	if s.stream.Context().Err() != nil {
		return fmt.Errorf("%w; the session was over already: %w", ErrUnfinished, s.whyEnded())
	}
	s.abort(ErrUnfinished, Abort{Code: AbortUnfinished})
	return ErrUnfinished
}

// whyEnded returns what ended a session whose stream is over.
func (s *Session) whyEnded() error {
	if cause := s.over(); cause != nil {
		return cause
	}
	return translate(s.protocol, s.role, context.Cause(s.stream.Context()))
}

// logPanic is deferred. It ends a panic of a registered body.
func (s *Session) logPanic() {
	if r := recover(); r != nil {
		loggerOf(s.stream).Error("session: body panicked", "protocol", s.protocol.Name, "role", s.protocol.Roles[s.role],
			"panic", r, "stack", string(debug.Stack()))
	}
}
