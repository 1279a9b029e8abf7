package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// check compares what a machine holds, when something has happened to it, with what the programs did.
func (w *world) check(p *peer) {
	if w.Failure != nil {
		return
	}
	if !p.buried {
		if err := p.core.CheckInvariants(); err != nil {
			w.fail("%s: %v", p, err)
			return
		}
	}
	opener := p
	if !p.dials {
		opener = p.partner
	}
	if opener != nil {
		for _, s := range opener.opened {
			if err := s.check(p); err != nil {
				w.fail("%s: %v", s, err)
				return
			}
		}
	}
	p.retire()
}

// over reports whether the session has ended at an end before both had finished: its buffers are gone.
func (e *end) over() bool { return e != nil && e.fate > finished }

// contentEvery is how often the bytes of large buffers are compared, in events.
const contentEvery = 64

// check compares both directions of a session with the buffers at its ends, after something happened at p.
func (s *session) check(p *peer) error {
	if s.ends[0].over() || s.ends[1].over() || s.ends[0].fate == finished && s.ends[1] != nil && s.ends[1].fate == finished {
		return nil
	}
	far := s.opener.partner
	if p != s.opener && p != far {
		return nil // a listening end whose cookie came to nothing
	}
	s.events++
	near := s.buffers(0, s.opener)
	other := s.buffers(1, far)
	for role := range s.lanes {
		from, to := near, other
		if role == 1 {
			from, to = to, from
		}
		l := &s.lanes[role]
		if from == nil && !s.done(role) && l.End() > 0 {
			return fmt.Errorf("the core of %s does not know it", s.ends[role])
		}
		var out Outgoing
		if from != nil {
			out = Outgoing{Acked: from.Acked, Next: from.Next, End: from.End, Unacked: from.Unacked}
		}
		var in Incoming
		if to != nil {
			in = Incoming{Read: to.Read, Ready: to.Ready, Unread: to.Unread}
		}
		if s.done(role) {
			out = Outgoing{Acked: l.End(), Next: l.End(), End: l.End()}
		}
		if s.done(1 - role) {
			in = Incoming{Ready: l.End(), Read: l.End()}
		}
		if err := l.Check(out, in); err != nil {
			return fmt.Errorf("from %s: %w", [2]string{"client to server", "server to client"}[role], err)
		}
	}
	return nil
}

func (s *session) done(role int) bool { return s.ends[role] != nil && s.ends[role].fate == finished }

// buffers returns what a machine holds of the session at one end; nil if it does not know it. The bytes are part of it if
// anything has happened to the machine since they were compared last: nothing else changes them, or those that they must be.
func (s *session) buffers(role int, p *peer) *conn.View {
	e := s.ends[role]
	if p == nil || p.dead || e != nil && e.fate == finished {
		return nil
	}
	content := p.attended != s.compared[role] && (s.events%contentEvery == 0 || s.w.o.Size < 1<<12)
	v := &s.w.views[role]
	if !p.core.View(s.id, v, content) {
		return nil
	}
	if content {
		s.compared[role] = p.attended
	}
	return v
}

// watched is a Sealer that looks at what is protected: every packet that is ever sent carries what the
// program has sent there, and has a number of its own.
type watched struct {
	handshake.Sealer
	peer *peer
	next uint64
}

// Seal implements handshake.Sealer.
func (k *watched) Seal(dst, header, payload []byte, pn uint64) []byte {
	k.look(payload, pn)
	return k.Sealer.Seal(dst, header, payload, pn)
}

// look looks at a packet that is about to be protected.
func (k *watched) look(payload []byte, pn uint64) {
	p := k.peer
	if pn < k.next && !p.closed { // a tombstone is made of a packet that is sent many times
		p.w.fail("%s: packet number %d after %d", p, pn, k.next-1)
	}
	k.next = pn + 1
	if err := p.carries(payload); err != nil {
		p.w.fail("%s: packet %d: %v", p, pn, err)
	}
}

// watchedCipher is a watched Sealer whose keys are replaced by others.
type watchedCipher struct {
	handshake.Cipher
	watch *watched
}

// Seal implements handshake.Sealer.
func (k watchedCipher) Seal(dst, header, payload []byte, pn uint64) []byte {
	k.watch.look(payload, pn)
	return k.Cipher.Seal(dst, header, payload, pn)
}

// Next implements handshake.Cipher.
func (k watchedCipher) Next() handshake.Cipher { return watchedCipher{k.Cipher.Next(), k.watch} }

// watch has an eye on what a Sealer protects.
func (p *peer) watch(s handshake.Sealer) handshake.Sealer {
	k := &watched{Sealer: s, peer: p}
	if c, ok := s.(handshake.Cipher); ok {
		return watchedCipher{c, k}
	}
	return k
}

// carries looks at the frames of a packet that is about to be sent.
func (p *peer) carries(payload []byte) error {
	opener, role := p, 0
	if !p.dials {
		opener, role = p.partner, 1
	}
	for f := (packet.Frame{}); len(payload) > 0; {
		var err error
		if payload, err = packet.ParseFrame(&f, payload); err != nil {
			return err
		}
		if f.Type != packet.Stream {
			continue
		}
		if opener == nil || f.ID >= uint64(len(opener.opened)) {
			if role == 0 && opener != nil && f.ID == uint64(len(opener.opened)) {
				continue // it is being opened
			}
			return fmt.Errorf("stream %d was not opened", f.ID)
		}
		p.carried += len(f.Data)
		s := opener.opened[f.ID]
		if s.ends[role].over() {
			return fmt.Errorf("%s is over", s)
		}
		if err := s.lanes[role].Carried(f.Offset, f.Data, f.Fin); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// judge looks at what is left when nothing more happens.
func (w *world) judge() {
	for _, p := range w.peers {
		if err := p.judge(); err != nil {
			w.fail("%s: %v", p, err)
		}
	}
	for _, h := range w.hosts {
		if n := h.table.Len(); n > 0 {
			w.fail("%s: %d connections are left in the table", h, n)
		}
	}
	for _, s := range w.sessions {
		if err := s.judge(); err != nil {
			w.fail("%s: %v", s, err)
		}
		if s.done(0) && s.done(1) {
			w.Finished++
		}
	}
}

// judge says what is wrong with the end of a connection.
func (p *peer) judge() error {
	w := p.w
	switch {
	case p.dead:
		return nil
	case !p.buried:
		return errors.New("it is still there")
	case p.dials && !p.connected && !w.o.lethal():
		return fmt.Errorf("it never came up: %v", p.err)
	case p.connected && p.err != nil && !w.o.lethal():
		return fmt.Errorf("it ended with: %w", p.err)
	}
	var c *conn.CloseError
	if errors.As(p.err, &c) && (c.Cause == conn.Violated || c.Cause == conn.Refused) {
		return fmt.Errorf("nobody broke a rule, and it ended with: %w", p.err)
	}
	return nil
}

// judge compares the two ends of a session.
func (s *session) judge() error {
	dialing, listening := s.ends[0], s.ends[1]
	for role, e := range s.ends {
		switch l := &s.lanes[role]; {
		case e == nil:
		case e.fate == running:
			return fmt.Errorf("%s is told nothing", e)
		case s.done(0) && s.done(1) && !l.Complete():
			return fmt.Errorf("both ends finished after %d of %d messages", l.Received, l.Sent)
		case e.fate == finished && !s.lanes[1-role].Complete():
			return fmt.Errorf("%s finished after %d of %d messages", e, s.lanes[1-role].Received, s.lanes[1-role].Sent)
		}
	}
	if s.done(0) && s.done(1) {
		return nil
	}
	if !s.w.o.lethal() {
		return fmt.Errorf("it did not finish: %s", s.ended())
	}
	switch {
	case listening == nil || s.scripts[0].abortAt >= 0 || s.scripts[1].abortAt >= 0:
		return nil
	case dialing.peer.dead || listening.peer.dead:
		return nil
	case s.done(0) != s.done(1) && !dialing.lostEarly() && !listening.lostEarly():
		return fmt.Errorf("its ends differ: %s", s.ended())
	}
	return nil
}

// lostEarly reports whether the end was lost while the network was bad, or by somebody's will: then the
// other end may have finished, and the last acknowledgement never came.
func (e *end) lostEarly() bool {
	p := e.peer
	if e.fate == finished {
		return false
	}
	if p.aborted || p.partner != nil && p.partner.aborted {
		return true
	}
	if p.w.o.Idle < time.Minute { // less than a probe takes on a path whose round trip was measured across a fault
		return true
	}
	return e.endedAt <= p.w.calm.Add(max(p.w.o.Idle, p.w.o.Death))
}

func (s *session) ended() string {
	var b strings.Builder
	for role, e := range s.ends {
		name := [2]string{"client", "server"}[role]
		if e == nil {
			fmt.Fprintf(&b, "%s: never heard of it; ", name)
			continue
		}
		fmt.Fprintf(&b, "%s: %s, sent %d, received %d (%v); ", name, e.fate, e.sent, e.received, e.peer.err)
	}
	return b.String()
}

// leftovers says what is there that should not be.
func (w *world) leftovers() string {
	var b strings.Builder
	for _, p := range w.peers {
		if b.Len() > 4000 {
			b.WriteString("\n\t…")
			break
		}
		if !p.buried {
			fmt.Fprintf(&b, "\n\t%s: due %v, %+v", p, p.due, p.core.Stats())
		}
		for _, e := range p.ends {
			var v conn.View
			p.core.View(e.id, &v, false)
			fmt.Fprintf(&b, "\n\t%+v", v)
			fmt.Fprintf(&b, "\n\t%s: %s, sent %d of %d, received %d, full %v, empty %v", e, e.fate, e.sent, e.script.messages, e.received, e.full, e.empty)
		}
	}
	return b.String()
}

// describe names the packets of a datagram.
func describe(data []byte) (text string) {
	for len(data) > 0 {
		h, rest, err := packet.ParseHeader(data)
		if err != nil {
			return text + fmt.Sprintf("garbage[%d]", len(data))
		}
		text += fmt.Sprintf("%v[%d]#%d ", h.Type, len(data)-len(rest), h.Number)
		data = rest
	}
	return strings.TrimSuffix(text, " ")
}
