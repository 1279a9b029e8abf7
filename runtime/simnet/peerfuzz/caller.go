package peerfuzz

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// caller runs the program under test.
func (r *calls) caller(subject func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		returned := false
		defer func() {
			if v := recover(); v != nil {
				r.wrong("the program panicked: %v\n%s", v, debug.Stack())
			} else if !returned {
				r.wrong("the program's goroutine ended in it: runtime.Goexit, or t.FailNow")
			}
		}()
		err := subject(ctx)
		returned = true
		if fault := callerFault(err); fault != "" {
			r.wrong("%s", fault)
		}
	}()
	select {
	case <-done:
		return
	case <-time.After(patience):
	}
	r.story.add("the program's context ends")
	cancel()
	select {
	case <-done:
	case <-time.After(grace):
		r.wrong("the program has not returned a minute after its context has ended, in virtual time:\n%s", r.left())
	}
}

// callerFault is what is wrong with the error that a program returned, "" if nothing is.
func callerFault(err error) string {
	var contract *session.ContractError
	var encode *session.EncodeError
	var large *session.TooLargeError
	if errors.As(err, &contract) || errors.As(err, &encode) || errors.As(err, &large) {
		return fmt.Sprintf("the program tried to ask what it must not: %v", err)
	}
	return ""
}

// answererSide is where the peer's answers begin.
type answererSide struct {
	session.Registrar
	r *calls
}

// Handle implements session.Registrar.
func (s *answererSide) Handle(p *session.Protocol, serve func(context.Context, session.Stream)) {
	s.Registrar.Handle(p, func(ctx context.Context, stream session.Stream) {
		serve(ctx, &deviantStream{stream, s.r.peer.deviant, p})
	})
}

// What follows is for generated code: how a peer calls, and how it answers. Several goroutines may answer at once.

// Options draws the options of a call.
func (p *Peer) Options() (opts []rpc.CallOption) {
	p.deviant.mu.Lock()
	defer p.deviant.mu.Unlock()
	if p.source.exhausted() || p.source.byte()%4 > 0 {
		return nil
	}
	for range 1 + p.source.below(3) {
		opts = append(opts, rpc.WithMetadata(p.source.text(), p.source.text()))
	}
	return opts
}

// Fit calls draw to draw values until it reports that they fit. After a number of tries it gives up and returns
// false.
func (p *Peer) Fit(draw func() bool) bool {
	p.deviant.mu.Lock()
	defer p.deviant.mu.Unlock()
	return p.fit(draw)
}

func (p *Peer) fit(draw func() bool) bool {
	for range triesMax {
		if draw() {
			return true
		}
	}
	return false
}

// Heard is Know for values that were received.
func (p *Peer) Heard(values ...any) {
	p.deviant.mu.Lock()
	defer p.deviant.mu.Unlock()
	p.Know(values...)
}

// Enough draws whether to leave a stream early.
func (p *Peer) Enough() bool {
	p.deviant.mu.Lock()
	defer p.deviant.mu.Unlock()
	return !p.source.exhausted() && p.source.byte()%16 == 0
}

// Answer draws the answer to a call, given at once or after a while, or the error that the call ends with. draw
// is nil if there is nothing to draw.
func (p *Peer) Answer(ctx context.Context, draw func() bool) error {
	if err := p.moody(ctx); err != nil {
		return err
	}
	if draw != nil && !p.Fit(draw) {
		return rpc.Errorf(rpc.Unavailable, "no value fits")
	}
	return nil
}

// itemsMax is how many items a run has at most.
const itemsMax = 32

// Items draws a stream of items, each of which send sends, or the error that the stream ends with.
func (p *Peer) Items(ctx context.Context, draw func() bool, send func() error) error {
	for range itemsMax {
		if err := p.moody(ctx); err != nil {
			return err
		}
		if p.ends() || !p.Fit(draw) {
			break
		}
		if err := send(); err != nil {
			return err
		}
	}
	return nil
}

// ends says whether a run has come to its end.
func (p *Peer) ends() bool {
	p.deviant.mu.Lock()
	defer p.deviant.mu.Unlock()
	return p.source.exhausted() || p.source.byte()%6 == 0
}

// moody now and then waits, or has an error. An input that is used up makes neither.
func (p *Peer) moody(ctx context.Context) error {
	p.deviant.mu.Lock()
	var wait time.Duration
	var err error
	if !p.source.exhausted() {
		switch p.source.byte() % 16 {
		case 0:
			wait = p.source.wait()
		case 1:
			err = rpc.Errorf(rpc.Code(1+p.source.below(16)), "%s", p.source.text())
		}
	}
	p.deviant.mu.Unlock()
	if wait == 0 {
		return err
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
