package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// session is one session, with what the programs at its two ends are to do.
type session struct {
	w       *world
	number  int
	scripts [2]script
	ends    [2]*end // the dialing one first; nil where the other end has not heard of it
	lanes   [2]Lane // under the role that sends
	opener  *peer
	id      conn.StreamID
	events  int
	// compared is what the bytes in the buffers at each end were compared after, as the attended of its machine.
	compared [2]int
}

// script is what a program does with its end of a session. It sends so many messages,
// receives until the other end has finished, and finishes.
type script struct {
	dice     dice
	messages int
	// replies: each send waits for one more message from the other end.
	replies bool
	// together: the last message carries the FIN; otherwise it follows when everything was received.
	together      bool
	pause, linger time.Duration
	// abortAt is how many messages, either way, come before the program gives up; negative means never.
	abortAt int
	// deaf: it does not receive. sizes: of the messages, instead of what is drawn.
	deaf  bool
	sizes []int
}

// eager reports whether the session's header goes out by itself: the other end speaks first.
func (s *script) eager(other script) bool { return s.messages == 0 || s.replies && !other.replies }

func (w *world) newSession(p *peer) *session {
	s := &session{w: w, number: w.numbers, opener: p}
	w.numbers++
	d := roll(w.o.Seed, 7, uint64(s.number))
	for i := range s.scripts {
		s.scripts[i] = script{
			dice: roll(w.o.Seed, 8, uint64(s.number), uint64(i)), messages: d.intn(w.o.Messages + 1),
			pause: w.o.Pause, linger: w.o.Linger, together: d.chance(0.5), abortAt: -1,
		}
		if d.chance(w.o.Aborts) {
			s.scripts[i].abortAt = d.intn(2 * w.o.Messages)
		}
	}
	switch replier := d.intn(4); {
	case replier < 2: // an exchange: one end answers what the other says
		s.scripts[replier].replies = true
		s.scripts[replier].messages = s.scripts[1-replier].messages
	}
	for i := range s.lanes {
		s.lanes[i].kept = w.buffer()
	}
	s.lanes[0].Open(s.header())
	if w.script != nil {
		w.script(s)
	}
	return s
}

// clear gives the memory of a session back when its run is over.
func (s *session) clear() {
	for i := range s.lanes {
		l := &s.lanes[i]
		s.w.leave(l.kept)
		l.base, l.kept = l.End(), nil
		if e := s.ends[i]; e != nil {
			s.w.leave(e.message)
			e.message = nil
		}
	}
}

// header is the session's number: the other end must meet the same session.
func (s *session) header() []byte { return binary.BigEndian.AppendUint64(nil, uint64(s.number)) }

func (s *session) String() string { return fmt.Sprintf("session %d", s.number) }

// begin starts the dialing program, serve the other one.
func (s *session) begin(p *peer, id conn.StreamID) { s.id = id; s.start(p, id, 0) }
func (s *session) serve(p *peer, id conn.StreamID) { s.start(p, id, 1) }

func (s *session) start(p *peer, id conn.StreamID, role int) {
	e := &end{session: s, role: role, peer: p, id: id, script: s.scripts[role], wakeAt: mono.Never}
	s.ends[role] = e
	p.ends = append(p.ends, e)
	e.act()
}

// fate is what became of one end of a session.
type fate uint8

const (
	running  fate = iota
	finished      // everything sent was received, both ways
	aborted       // by the program here
	refused       // by the other end: its program, or because its connection is closing
	lost          // with the connection
	died          // with the process
)

func (f fate) String() string {
	return [...]string{"running", "finished", "aborted", "aborted by the other end", "lost", "died"}[f]
}

// end is the program at one end of a session.
type end struct {
	session *session
	role    int
	peer    *peer
	id      conn.StreamID
	script  script
	fate    fate
	endedAt mono.Time

	sent, received int
	sendAt, recvAt mono.Time // not before
	wakeAt         mono.Time // when it acts by itself
	// full and empty: the machine refused the last Send, or Recv, and an event will follow.
	full, empty bool
	message     []byte // that is being sent, if it was drawn
	drawn       bool
	atEnd       bool // Recv returned io.EOF
	saidAll     bool // Finish, or the last message, went through
}

func (e *end) String() string {
	return fmt.Sprintf("%s at the %s", e.session, e.peer.host)
}

// wants are what the program would do next.
func (e *end) wantsSend() bool {
	return !e.full && !e.saidAll && e.sent < e.script.messages && (!e.script.replies || e.sent < e.received)
}

func (e *end) wantsRecv() bool { return !e.empty && !e.atEnd && !e.script.deaf }

func (e *end) wantsFinish() bool {
	return !e.saidAll && e.sent == e.script.messages && (!e.script.together || e.script.messages == 0)
}

// ready reports whether the program can do something now.
func (e *end) ready() bool {
	if e.fate != running {
		return false
	}
	now := e.session.w.now
	return e.wantsSend() && e.sendAt <= now || e.wantsRecv() && e.recvAt <= now || e.wantsFinish()
}

// wake lets a program act whose pause is over.
func (w *world) wake(e *end) {
	e.wakeAt = mono.Never
	e.act()
	w.attend(e.peer)
}

// act lets the program do what it can now, and says when it wants to do more.
func (e *end) act() {
	now := e.session.w.now
	for e.fate == running && e.session.w.Failure == nil {
		switch {
		case e.script.abortAt >= 0 && e.sent+e.received >= e.script.abortAt:
			e.session.w.logf("%s: AbortStream", e)
			e.peer.core.AbortStream(e.peer.host.clock(), e.id, 9, "no more")
			e.end(aborted)
		case e.wantsSend() && e.sendAt <= now:
			e.send()
		case e.wantsRecv() && e.recvAt <= now:
			e.recv()
		case e.wantsFinish():
			e.finish()
		default:
			e.wakeAt = mono.Never
			if e.wantsSend() {
				e.wakeAt = e.sendAt
			}
			if e.wantsRecv() {
				e.wakeAt = min(e.wakeAt, e.recvAt)
			}
			return
		}
	}
}

func (e *end) send() {
	w, d := e.session.w, &e.script.dice
	if !e.drawn {
		n := d.intn(w.o.Size + 1)
		if n > 1500 && d.chance(0.5) {
			n = 1100 + d.intn(300) // about a packet
		}
		if e.script.sizes != nil {
			n = e.script.sizes[e.sent]
		}
		if e.message == nil {
			e.message = w.buffer()
		}
		e.message = slices.Grow(e.message[:0], n)[:n]
		d.fill(e.message)
		e.drawn = true
	}
	last := e.script.together && e.sent+1 == e.script.messages
	switch err := e.peer.core.Send(e.peer.host.clock(), e.id, e.message, last); {
	case err == conn.ErrBlocked:
		e.full = true
	case err != nil:
		e.failed("Send", err)
	default:
		e.session.lanes[e.role].Send(e.message)
		e.drawn = false
		e.sent++
		e.saidAll = last
		if e.script.pause > 0 {
			e.sendAt = w.now + mono.Time(d.upTo(e.script.pause))
		}
	}
}

func (e *end) recv() {
	w := e.session.w
	message, _, err := e.peer.core.Recv(e.peer.host.clock(), e.id)
	switch {
	case err == conn.ErrBlocked:
		e.empty = true
	case err == io.EOF:
		e.atEnd = true
	case err != nil:
		e.failed("Recv", err)
	default:
		w.Messages++
		e.received++
		if err := e.session.lanes[1-e.role].Receive(message); err != nil {
			w.fail("%s: %v", e, err)
		}
		if e.script.linger > 0 {
			e.recvAt = w.now + mono.Time(e.script.dice.upTo(e.script.linger))
		}
	}
}

func (e *end) finish() {
	e.saidAll = true
	if err := e.peer.core.Finish(e.peer.host.clock(), e.id); err != nil {
		e.failed("Finish", err)
	}
}

// failed judges the error of a command: the stream is gone, and an event has said why, or will.
func (e *end) failed(command string, err error) {
	var a *conn.AbortError
	var c *conn.CloseError
	if err == conn.ErrNoStream || err == conn.ErrClosing || errors.As(err, &a) || errors.As(err, &c) {
		e.full, e.empty, e.saidAll = true, true, true
		return
	}
	e.session.w.fail("%s: %s: %v", e, command, err)
}

func (e *end) event(ev conn.Event) {
	switch ev.Kind {
	case conn.EventReadable:
		e.empty = false
	case conn.EventWritable:
		e.full = false
	case conn.EventFinished:
		e.end(finished)
	case conn.EventAborted:
		var a *conn.AbortError
		if !errors.As(ev.Err, &a) || !a.Remote {
			e.session.w.fail("%s: %v, and the other end broke no rule", e, ev.Err)
		}
		e.end(refused)
	}
}

// end notes what became of the program.
func (e *end) end(f fate) {
	w := e.session.w
	if e.fate != running {
		return
	}
	e.fate, e.endedAt, e.wakeAt = f, w.now, mono.Never
	if e.role == 1 && f != died {
		e.peer.core.Release(e.peer.host.clock(), e.id)
	}
	w.logf("%s: %s", e, f)
}
