package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/registry"
)

// The limits of a Pipe, in bytes: those that the transport has by default.
const (
	pipeMessageMax = 4 << 20
	// pipeQueueMax is how much may wait for a reader before the writer has to. A larger message goes alone.
	pipeQueueMax = 256 << 10
)

// Pipe joins a client and a server in memory: sessions opened on the Conn are served by what is registered with
// the Registrar. Nothing is lost and nothing takes time. Everything else is as on a network: a message is
// accepted whole or not at all, its limit is 4 MiB, and a slow reader makes its writer wait. A Pipe needs no
// Close: it holds nothing but its sessions.
func Pipe() (Conn, Registrar) {
	p := new(pipe)
	return p, p
}

type pipe struct {
	served registry.Registry[func(context.Context, Stream)]
}

// Handle implements Registrar.
func (p *pipe) Handle(protocol *Protocol, serve func(context.Context, Stream)) {
	p.served.Add(protocol.Name, string(protocol.Fingerprint), serve)
}

// OpenStream implements Conn.
func (p *pipe) OpenStream(ctx context.Context, protocol *Protocol, note []byte) (Stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(note) > NoteMax {
		return nil, fmt.Errorf("session: a note of %d bytes to a new session of %s, and the limit is %d", len(note), protocol.Name, NoteMax)
	}
	if err := registry.Check(protocol.Name, string(protocol.Fingerprint)); err != nil {
		return nil, err
	}
	l := &link{pipe: p, protocol: protocol, note: slices.Clone(note), opened: time.Now(), timed: tableOf(protocol).timed}
	for i := range l.ends {
		e := &l.ends[i]
		e.link, e.peer = l, &l.ends[1-i]
		e.ctx, e.cancel = context.WithCancelCause(context.Background())
		e.readable, e.writable = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	dialer := &l.ends[0]
	if !protocol.DialerSendsFirst() {
		l.start()
	}
	return dialer, nil
}

// link is one session in memory.
type link struct {
	pipe     *pipe
	protocol *Protocol
	note     []byte
	opened   time.Time
	timed    bool // the protocol has time limits, so that times of arrival matter

	mu      sync.Mutex // guards what follows, and the ends
	started bool
	ends    [2]end // the dialing one first
}

// end is the Stream of one end of a link.
type end struct {
	link   *link
	peer   *end
	ctx    context.Context
	cancel context.CancelCauseFunc

	in       queue // what the peer has sent
	finished bool  // nothing more will be sent
	over     error // what ended the session here, net.ErrClosed after Close
	// A goroutine that waits says so first, then receives from the channel.
	readWaits, writeWaits bool
	readable, writable    chan struct{}
}

// start has the header looked up, and what it asks for served.
func (l *link) start() {
	l.mu.Lock()
	started := l.started
	l.started = true
	l.mu.Unlock()
	if started {
		return
	}
	server := &l.ends[1]
	serve, refusal, found := l.pipe.served.Find(l.protocol.Name, string(l.protocol.Fingerprint))
	if !found {
		server.Abort(Abort{Code: AbortMismatch, Reason: refusal})
		return
	}
	go serve(server.ctx, server)
}

// age is how long ago the link was opened, if times matter.
func (l *link) age() time.Duration {
	if !l.timed {
		return 0
	}
	return time.Since(l.opened)
}

var errAfterLast = errors.New("session: a message after the last one")

// Send implements Stream.
func (e *end) Send(ctx context.Context, message []byte, last bool) error {
	for {
		wait, err := e.trySend(message, last)
		if !wait {
			return err
		}
		select {
		case <-e.writable:
		case <-e.ctx.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SendOrReadable implements Stream.
func (e *end) SendOrReadable(ctx context.Context, message []byte, last bool) (sent bool, err error) {
	for {
		wait, err := e.trySend(message, last)
		if !wait {
			return err == nil, err
		}
		if e.hasInput() {
			return false, nil
		}
		select {
		case <-e.writable:
		case <-e.readable:
		case <-e.ctx.Done():
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// hasInput reports whether there is something to receive; if not, it records that the end waits for it.
func (e *end) hasInput() bool {
	e.link.mu.Lock()
	defer e.link.mu.Unlock()
	has := !e.in.empty() || e.peer.finished || e.over != nil
	e.readWaits = !has
	return has
}

func (e *end) trySend(message []byte, last bool) (wait bool, err error) {
	l, to := e.link, &e.peer.in
	l.mu.Lock()
	switch {
	case e.over != nil:
		err = e.over
	case len(message) > pipeMessageMax:
		err = &TooLargeError{Size: len(message), Limit: pipeMessageMax}
	case e.finished:
		err = errAfterLast
	case to.size > 0 && to.size+len(message) > pipeQueueMax:
		wait, e.writeWaits = true, true
	default:
		to.push(message, l.age())
		e.finished = last
		wake(&e.peer.readWaits, e.peer.readable)
	}
	start := !l.started && !wait && err == nil
	l.mu.Unlock()
	if start {
		l.start()
	}
	return wait, err
}

// Recv implements Stream.
func (e *end) Recv(ctx context.Context) (message []byte, arrived time.Time, err error) {
	for {
		message, arrived, ok, err := e.tryRecv(true)
		if ok || err != nil {
			return message, arrived, err
		}
		select {
		case <-e.readable:
		case <-e.ctx.Done():
		case <-ctx.Done():
			return nil, time.Time{}, ctx.Err()
		}
	}
}

// TryRecv implements Stream.
func (e *end) TryRecv() (message []byte, arrived time.Time, ok bool, err error) {
	return e.tryRecv(false)
}

// tryRecv takes the next message if there is one; if not and willWait is set, it records that the end waits for
// it.
func (e *end) tryRecv(willWait bool) (message []byte, arrived time.Time, ok bool, err error) {
	e.link.mu.Lock()
	defer e.link.mu.Unlock()
	if e.over != nil {
		return nil, time.Time{}, false, e.over
	}
	if message, age, ok := e.in.pop(); ok {
		wake(&e.peer.writeWaits, e.peer.writable)
		return message, e.link.opened.Add(age), true, nil
	}
	if e.peer.finished {
		e.link.settle()
		return nil, time.Time{}, false, io.EOF
	}
	e.readWaits = willWait
	return nil, time.Time{}, false, nil
}

// CloseSend implements Stream.
func (e *end) CloseSend() error {
	l := e.link
	l.mu.Lock()
	if e.over != nil {
		defer l.mu.Unlock()
		return e.over
	}
	e.finished = true
	wake(&e.peer.readWaits, e.peer.readable)
	l.mu.Unlock()
	l.start()
	return nil
}

// Close implements Stream.
func (e *end) Close(ctx context.Context) error {
	for {
		done, err := e.tryClose()
		if done || err != nil {
			return err
		}
		select {
		case <-e.readable:
		case <-e.ctx.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryClose ends the session if both directions are finished; if not, it records that the end waits for that.
func (e *end) tryClose() (done bool, err error) {
	e.link.mu.Lock()
	defer e.link.mu.Unlock()
	switch {
	case e.over == net.ErrClosed:
		return true, nil
	case e.over != nil:
		return false, e.over
	case e.finished && e.peer.finished && e.in.empty():
		e.stop(net.ErrClosed)
		return true, nil
	}
	e.readWaits = true
	return false, nil
}

// settle ends the contexts of a session in which everything was sent and received. l.mu is held.
func (l *link) settle() {
	for i := range l.ends {
		if e := &l.ends[i]; !e.finished || !e.in.empty() {
			return
		}
	}
	for i := range l.ends {
		l.ends[i].cancel(net.ErrClosed)
	}
}

// Abort implements Stream.
func (e *end) Abort(a Abort) {
	e.link.mu.Lock()
	defer e.link.mu.Unlock()
	if e.over != nil {
		return
	}
	a.Reason = cutReason(a.Reason)
	e.stop(&AbortError{Abort: a})
	if e.peer.over == nil {
		e.peer.stop(&AbortError{Abort: a, Remote: true})
	}
}

// stop ends the session at this end, and discards what was not read.
func (e *end) stop(cause error) {
	e.over = cause
	e.in = queue{}
	e.cancel(cause)
}

// Note implements Stream.
func (e *end) Note() []byte {
	if e == &e.link.ends[0] {
		return nil
	}
	return e.link.note
}

// Context implements Stream.
func (e *end) Context() context.Context { return e.ctx }

// wake wakes the waiting goroutine, if there is one.
func wake(waits *bool, c chan struct{}) {
	if !*waits {
		return
	}
	*waits = false
	select {
	case c <- struct{}{}:
	default: // it is about to look anyway
	}
}
