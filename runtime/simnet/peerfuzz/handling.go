package peerfuzz

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"testing/synctest"
	"time"

	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// handling is one call as it is served by the implementation under test.
type handling struct {
	method string
	stream bool          // it answers with a run of replies
	done   chan struct{} // closed when the implementation has returned
	err    error         // what it returned
	broke  error         // what ended its run of requests before its time, if it returned no error
}

func (h *handling) returned() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// watch is an interceptor around the implementation.
func (r *calls) watch(ctx context.Context, call *rpc.Call, next rpc.Next) (err error) {
	h := ctx.Value(handlingKey{}).(*handling)
	h.method, h.stream = call.Method().Name, call.Method().StreamReply
	r.mu.Lock()
	r.handled = append(r.handled, h)
	r.mu.Unlock()
	returned := false
	defer func() {
		if v := recover(); v != nil {
			r.wrong("%s panicked: %v\n%s", h.method, v, debug.Stack())
			err = rpc.Errorf(rpc.Internal, "it panicked")
		} else if !returned {
			r.wrong("the goroutine of %s ended in it: runtime.Goexit, or t.FailNow", h.method)
		} else if fault := h.fault(call.Method()); fault != "" {
			r.wrong("%s %s", h.method, fault)
		}
		close(h.done)
	}()
	h.err = next(ctx)
	returned = true
	return h.err
}

// fault is what is wrong with how the implementation returned, "" if nothing is.
func (h *handling) fault(m *rpc.Method) string {
	var contract *session.ContractError
	var encode *session.EncodeError
	var large *session.TooLargeError
	switch {
	case errors.Is(h.err, rpc.ErrInterleaved):
		return fmt.Sprintf("replied too early: %v", rpc.ErrInterleaved)
	case errors.As(h.err, &contract) && contract.Protocol == m.Protocol.Name && contract.Role == m.Protocol.Roles[1]:
		return fmt.Sprintf("replied with what its contract forbids: %v", contract)
	case errors.As(h.err, &encode):
		return fmt.Sprintf("replied with what has no encoding: %v", encode)
	case errors.As(h.err, &large):
		return fmt.Sprintf("replied with more than fits: %v", large)
	case h.broke != nil:
		return fmt.Sprintf("returned no error although its request stream broke off: did it take a part for the whole? %v", h.broke)
	}
	return ""
}

// call makes one call and looks at what has become of it. It may have a deadline, or be given up after a while.
func (r *calls) call(call func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	patience := time.AfterFunc(patience, cancel)
	defer patience.Stop()
	if s := r.peer.source; !s.exhausted() {
		switch s.byte() % 8 {
		case 0:
			limit := s.wait()
			r.story.add("the next call has %v", limit)
			limited, stop := context.WithTimeout(ctx, limit)
			defer stop()
			ctx = limited
		case 1:
			after := s.wait()
			r.story.add("the next call is given up after %v", after)
			defer time.AfterFunc(after, cancel).Stop()
		}
	}
	deviated, before := r.peer.deviant.over(), r.handlings()
	err := call(ctx)
	if err != nil {
		r.story.add("the call ends with: %v", err)
	}
	synctest.Wait()
	if r.peer.deviant.over() != deviated || r.handlings() == before {
		return
	}
	h := r.last()
	switch code := rpc.CodeOf(err); {
	case !h.returned() && !patience.Stop() && !h.stream:
		r.wrong("%s owed an answer for a day, in virtual time", h.method)
	case h.returned() && h.err == nil && err != nil && code != rpc.Canceled && code != rpc.DeadlineExceeded:
		r.wrong("%s returned no error, and its caller got one: %v", h.method, err)
	}
}

func (r *calls) handlings() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.handled)
}

func (r *calls) last() *handling {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.handled[len(r.handled)-1]
}

// await waits for the implementation: nobody calls any more.
func (r *calls) await() {
	late := time.NewTimer(patience)
	defer late.Stop()
	for i := range r.handlings() {
		h := r.handled[i]
		select {
		case <-h.done:
		case <-late.C:
			r.wrong("%s has not returned a day after its caller had gone, in virtual time:\n%s", h.method, r.left())
			return
		}
	}
}

type handlingKey struct{}

// handledSide is where the calls of the implementation under test begin.
type handledSide struct {
	session.Registrar
	r *calls
}

// Handle implements session.Registrar.
func (s *handledSide) Handle(p *session.Protocol, serve func(context.Context, session.Stream)) {
	s.Registrar.Handle(p, func(ctx context.Context, stream session.Stream) {
		h := &handling{done: make(chan struct{})}
		serve(context.WithValue(ctx, handlingKey{}, h), &handledStream{stream, h})
	})
}

// handledStream is the end of the implementation under test.
type handledStream struct {
	session.Stream
	h *handling
}

// RunIgnored implements rpc.Observer.
func (s *handledStream) RunIgnored(err error) { s.h.broke = err }

// callerConn is where the peer's calls begin.
type callerConn struct {
	session.Conn
	r *calls
}

// OpenStream implements session.Conn.
func (c *callerConn) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	d := &deviantStream{nil, c.r.peer.deviant, p}
	s, err := c.Conn.OpenStream(ctx, p, d.renote(note))
	if err != nil {
		return nil, err
	}
	d.Stream = s
	return d, nil
}

// renote spoils what a call says before its first message, if that is how the peer deviates.
func (d *deviantStream) renote(note []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kind != badNote || !d.now() {
		return note
	}
	spoiled := append(d.source.bytes(), note...)
	for i := range spoiled {
		spoiled[i] ^= d.source.byte()
	}
	return spoiled[:min(len(spoiled), session.NoteMax)]
}
