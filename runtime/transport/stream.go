package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/dense"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/registry"
	"github.com/sessgen/sessgen/runtime/session"
)

// stream carries one session. It implements session.Stream.
type stream struct {
	link *link
	id   conn.StreamID
	ctx  *sessionContext // nil at the dialing end, until somebody asks for it

	spoken *registry.Dialable // at the dialing end: its protocol
	note   []byte             // at the listening end

	// replied is when Reply was called; released: the machine knows that the session's program has come to its
	// end. Both are of the goroutine that serves the session.
	replied  mono.Time
	released bool

	// room is where short messages are received.
	room [roomSize]byte

	recv    waiter // also waits in Close, when nothing more is received
	send    waiter
	patient bool // see Patient; of the goroutine that sends
	ended   bool // see Ended; of who took the last message
	asked   bool // see Conn.OpenSend; of the goroutine that receives
	// users is how many still use the record: the connection, the program that disposes of it, and the goroutine that
	// serves it. Whoever is the last one gives it back.
	users atomic.Int32

	// answered: what Recv returns next is in answer already, where the reader put it.
	answered atomic.Bool
	answer   []byte
	arrived  time.Time

	// What follows is guarded by link.mu.
	over      error // why the machine knows the stream no more
	both      bool  // the sender waits for something to receive, too
	expecting bool  // the reader is to take the next message
}

var _ session.Stream = (*stream)(nil)

// roomSize is the maximum size of messages that are copied when they are received, so that the machine's memory
// is free even if the stream may be over.
const roomSize = 128

// errFinished is the error of a stream that both ends have finished.
var errFinished = errors.New("transport: session finished")

// newStream adds a stream to l, whose lock is held, for so many users.
func newStream(l *link, id conn.StreamID, users int32) *stream {
	s, _ := l.shard.streams.Get().(*stream)
	if s == nil {
		s = new(stream)
		s.recv.init(l.shard)
		s.recv.receives = true
		s.send.init(l.shard)
	}
	s.link, s.id = l, id
	s.users.Store(users)
	if l.streams == nil {
		l.streams = new(dense.Map[stream])
	}
	l.streams.Put(uint64(id), s)
	return s
}

// Dispose says, for package rpc, that the program no longer uses the stream: once it is over, its record is
// reused for another session.
func (s *stream) Dispose() { s.leave() }

// The users of a stream's record.
const (
	dialedUsers = 2 // the connection and the program
	servedUsers = 3 // and the goroutine that serves
)

// leave says that one of the users of s no longer needs it. The last one keeps the record for another session.
func (s *stream) leave() {
	if s.users.Add(-1) > 0 || !s.recv.recycle() || !s.send.recycle() {
		return
	}
	l := s.link
	s.link, s.ctx, s.spoken, s.note, s.replied, s.released = nil, nil, nil, nil, 0, false
	s.patient, s.ended, s.asked, s.answer, s.arrived = false, false, false, nil, time.Time{}
	s.both, s.expecting, s.over = false, false, nil
	s.answered.Store(false)
	l.shard.streams.Put(s)
}

// end records why the stream is over, and tells all who wait. link.mu is held.
func (s *stream) end(why error) {
	if s.over != nil {
		return
	}
	s.over = why
	s.link.streams.Delete(uint64(s.id))
	if s.ctx != nil {
		s.ctx.end(s.cause())
	}
	retire(&s.recv, &s.send)
	s.leave()
}

// cause is the error of a call that needs a stream which is over.
func (s *stream) cause() error {
	if s.over == errFinished {
		return net.ErrClosed
	}
	return s.over
}

// Send implements session.Stream.
func (s *stream) Send(ctx context.Context, message []byte, last bool) error {
	_, err := s.sendOr(ctx, message, last, false, false)
	return err
}

// Reply is a Send of the last message, for package rpc, whose handler returns at once. So the message may be
// sent together with the answers of those served next.
func (s *stream) Reply(ctx context.Context, message []byte) error {
	_, err := s.sendOr(ctx, message, true, false, true)
	return err
}

// SendOrReadable implements session.Stream.
func (s *stream) SendOrReadable(ctx context.Context, message []byte, last bool) (sent bool, err error) {
	return s.sendOr(ctx, message, last, true, false)
}

// sendOr sends. If both is set, it gives up where it would wait while there is something to receive. reply: see
// Reply.
func (s *stream) sendOr(ctx context.Context, message []byte, last, both, reply bool) (sent bool, err error) {
	l := s.link
	for {
		l.mu.Lock()
		if s.over != nil {
			defer l.unlock()
			return false, s.cause()
		}
		if s.patient {
			s.patient = false
			l.machine.Patient(s.id)
		}
		idle, at := l.machine.Idle(), now()
		switch err := l.machine.Send(at, s.id, message, last); {
		case err == nil:
			if reply {
				s.replied, s.released = at, true
				l.machine.Release(at, s.id)
				l.pushReply(idle)
			} else {
				l.push(idle)
			}
			return true, nil
		case err != conn.ErrBlocked:
			l.unlock()
			return false, sendError(err)
		}
		if s.both = both; both && l.machine.Readable(at, s.id) {
			l.unlock()
			return false, nil
		}
		l.transmit()
		if err := s.send.wait(ctx); err != nil {
			return false, err
		}
	}
}

// push releases the lock and makes sure that what was just put into the machine is written: here if the line
// was idle, since then there is nothing to pack it with; otherwise by the pump, or by the reader if that is
// about to write for all whom it has woken.
func (l *link) push(idle bool) {
	if idle && !l.shard.pump.isAttended() {
		l.transmit()
		return
	}
	l.wantWrite()
	l.unlockSame()
}

// pushReply is push for the last message of a session's handler, which returns at once.
func (l *link) pushReply(idle bool) {
	h := &l.shard.handlers
	switch {
	case idle && h.waiting.Load() == 0:
		l.transmit()
		return
	case l.writing:
		l.again = true
	default:
		h.keep(l)
	}
	l.unlockSame()
}

func sendError(err error) error {
	var large *conn.TooLargeError
	if errors.As(err, &large) {
		return &session.TooLargeError{Size: large.Size, Limit: large.Limit}
	}
	return err
}

// crowd is the number of sessions from which it pays to leave the writing to the pump.
const crowd = 8

// Recv implements session.Stream.
func (s *stream) Recv(ctx context.Context) (message []byte, arrived time.Time, err error) {
	if s.asked {
		s.asked = false
		if err := s.recv.wait(ctx); err != nil && !s.isOver() {
			return nil, time.Time{}, err
		}
	}
	for {
		if s.answered.Load() {
			return s.takeAnswer()
		}
		s.link.mu.Lock()
		message, arrived, err = s.next(now())
		if err != conn.ErrBlocked {
			s.link.unlockRead()
			return message, arrived, err
		}
		if s.link.streams.Len() < crowd && s.link.machine.Talkative() && !s.link.shard.pump.isAttended() {
			s.link.transmit()
		} else {
			s.link.unlockSame() // the pump packs what many have said
		}
		if err := s.recv.wait(ctx); err != nil && !s.isOver() {
			return nil, time.Time{}, err
		}
	}
}

// isOver reports whether the session is over: then its context has ended too, and the session's error takes
// precedence.
func (s *stream) isOver() bool {
	s.link.mu.Lock()
	defer s.link.unlockSame()
	return s.over != nil
}

// TryRecv implements session.Stream.
func (s *stream) TryRecv() (message []byte, arrived time.Time, ok bool, err error) {
	s.link.mu.Lock()
	message, arrived, err = s.next(now())
	if err == conn.ErrBlocked {
		s.link.unlockSame()
		return nil, time.Time{}, false, nil
	}
	s.link.unlockRead()
	return message, arrived, err == nil, err
}

// takeAnswer returns what the reader has taken in. The caller is the goroutine that receives.
func (s *stream) takeAnswer() (message []byte, arrived time.Time, err error) {
	s.answered.Store(false)
	return s.answer, s.arrived, nil
}

// fetch takes the message that has arrived, so that the program need not lock again for it. link.mu is held.
func (s *stream) fetch() {
	s.expecting = false
	message, arrived, err := s.next(s.link.seen)
	if err == nil {
		s.answer, s.arrived = message, arrived
		s.answered.Store(true)
	}
}

// next takes the next message, or returns conn.ErrBlocked if there is none yet. link.mu is held.
func (s *stream) next(at mono.Time) (message []byte, arrived time.Time, err error) {
	if s.answered.Load() {
		return s.takeAnswer()
	}
	switch s.over {
	case nil:
	case errFinished:
		return nil, time.Time{}, io.EOF
	default:
		return nil, time.Time{}, s.over
	}
	message, came, err := s.link.machine.RecvInto(at, s.id, s.room[:])
	if s.link.machine.Pressing() {
		s.link.wantWrite()
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	s.ended = len(message) <= roomSize && s.link.machine.Read(s.id)
	if s.spoken != nil {
		s.spoken.Confirm()
		s.spoken = nil
	}
	return message, instant(came), nil
}

// CloseSend implements session.Stream.
func (s *stream) CloseSend() error {
	l := s.link
	l.mu.Lock()
	switch {
	case s.over == errFinished:
		l.unlock()
		return nil
	case s.over != nil:
		defer l.unlock()
		return s.over
	}
	idle := l.machine.Idle()
	err := l.machine.Finish(now(), s.id)
	if err == conn.ErrFinished {
		err = nil
	}
	l.push(idle)
	return err
}

// Close implements session.Stream.
func (s *stream) Close(ctx context.Context) error {
	for {
		s.link.mu.Lock()
		over := s.over
		if over != nil {
			s.link.unlock()
			if over == errFinished {
				return nil
			}
			return over
		}
		s.link.transmit()
		if err := s.recv.wait(ctx); err != nil {
			return err
		}
	}
}

// Abort implements session.Stream.
func (s *stream) Abort(a session.Abort) {
	l := s.link
	l.mu.Lock()
	if s.over != nil {
		l.unlock()
		return
	}
	l.machine.AbortStream(now(), s.id, uint64(a.Code), a.Reason)
	s.end(&session.AbortError{Abort: a})
	l.transmit()
}

// ConfirmRead makes the stream a channel's, for package channel: Close waits until each end's application, and
// not only its connection, has received everything. Both ends call it, before the first Recv.
func (s *stream) ConfirmRead() {
	s.link.mu.Lock()
	defer s.link.unlock()
	_ = s.link.machine.Confirm(s.id) // of a stream that is over, the next call tells
}

// Ended reports, for package rpc, whether the message that Recv returned last is known to be the peer's last
// one, so that the next Recv is unnecessary. It may return false even if it is.
func (s *stream) Ended() bool { return s.ended }

// Patient says, for package rpc, that nobody at the peer waits until its last message has been acknowledged, so
// the acknowledgement may travel with the next call. It must be called before the first Send.
func (s *stream) Patient() { s.patient = true }

// Logger returns what was given to WithLogger, or nil. Packages session and rpc log the faults of the program
// that runs the session there.
func (s *stream) Logger() *slog.Logger { return s.link.journal().out }

// LocalAddr is the address of this end's socket.
func (s *stream) LocalAddr() net.Addr { return s.link.localAddr() }

// RemoteAddr is the peer's address.
func (s *stream) RemoteAddr() net.Addr { return s.link.remoteAddr() }

// Note implements session.Stream.
func (s *stream) Note() []byte { return s.note }

// Context implements session.Stream.
func (s *stream) Context() context.Context {
	if !s.link.dials {
		return s.ctx
	}
	s.link.mu.Lock()
	defer s.link.unlockSame()
	if s.ctx == nil {
		s.ctx = &sessionContext{values: context.Background()}
		if s.over != nil {
			s.ctx.end(s.cause())
		}
	}
	return s.ctx
}
