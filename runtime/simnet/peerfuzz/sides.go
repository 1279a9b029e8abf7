package peerfuzz

import (
	"context"

	"github.com/sessgen/sessgen/runtime/session"
)

// peerConn and peerSide are where the peer's sessions begin.
type peerConn struct {
	session.Conn
	r *execution
}

type peerSide struct {
	session.Registrar
	r *execution
}

func (c *peerConn) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, err := c.Conn.OpenStream(ctx, p, note)
	if err != nil {
		return nil, err
	}
	return &deviantStream{s, c.r.peer.deviant, p}, nil
}

func (c peerSide) Handle(p *session.Protocol, serve func(context.Context, session.Stream)) {
	c.Registrar.Handle(p, func(ctx context.Context, s session.Stream) {
		serve(ctx, &deviantStream{s, c.r.peer.deviant, p})
	})
}

// subjectConn and subjectSide are where the sessions of the body under test begin.
type subjectConn struct {
	session.Conn
	r *execution
}

type subjectSide struct {
	session.Registrar
	r *execution
}

func (c *subjectConn) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, err := c.Conn.OpenStream(ctx, p, note)
	if err != nil {
		return nil, err
	}
	return &subjectStream{s, c.r}, nil
}

func (c subjectSide) Handle(p *session.Protocol, serve func(context.Context, session.Stream)) {
	c.Registrar.Handle(p, func(ctx context.Context, s session.Stream) { serve(ctx, &subjectStream{s, c.r}) })
}

// subjectStream is the end of the body under test. It tells what becomes of its session.
type subjectStream struct {
	session.Stream
	r *execution
}

// Abort implements session.Stream.
func (s *subjectStream) Abort(a session.Abort) {
	if rule := session.Rule(a.Code); session.UnexpectedLabel <= rule && rule <= session.EndedEarly {
		select {
		case <-s.r.done: // the body has returned; Close found it
		default:
			s.r.broken = true
		}
	}
	s.Stream.Abort(a)
}

// Observe implements session.Observer.
func (s *subjectStream) Observe(*session.Protocol, int, int) {}

// Defer implements session.Observer.
func (s *subjectStream) Defer(*session.Protocol, int, int) {}

// Ended implements session.Observer.
func (s *subjectStream) Ended(_ *session.Protocol, _ int, err error) { s.r.result = err }
