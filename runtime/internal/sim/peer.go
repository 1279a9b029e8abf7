package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// peer is one end of a connection, as a driver holds it.
type peer struct {
	w      *world
	index  int
	host   *host
	far    *host
	id     packet.ID
	dials  bool
	core   *conn.Conn
	sight  sight            // of the dialing end
	sealer handshake.Sealer // of the Application level
	driver handshake.Driver
	// partner is the other end: the one that dialed, at the listening end; the one that came up, at the dialing end.
	partner    *peer
	due        mono.Time // when its next timer fires, in the world's time
	connected  bool
	ends       []*end     // of the sessions whose programs run
	opened     []*session // by number of the stream; at the dialing end
	pending    *session   // that OpenStream has to wait for
	openMore   bool       // the program has sessions to open
	closing    bool       // Close was called
	aborted    bool       // Abort was called
	closed     bool       // EventClosed came
	dead       bool       // the process died
	buried     bool
	err        error         // of EventClosed
	endedAfter time.Duration // when it came
	carried    int           // bytes of streams in all packets that were sent
	firedAt    mono.Time     // when its timer fired last, and how often it did then
	fires      int
	begun      int // handshakes
	attended   int // when something happened to the machine last, as the world counts
}

func (p *peer) String() string {
	if p.dials {
		return fmt.Sprintf("connection %d of %s", p.index, p.host)
	}
	return fmt.Sprintf("connection %d of %s from %s", p.index, p.host, p.far)
}

func (w *world) newPeer(at, far *host, core *conn.Conn) *peer {
	p := &peer{w: w, index: len(w.peers), host: at, far: far, core: core, due: mono.Never}
	w.peers = append(w.peers, p)
	return p
}

// attend does what a driver does after every input and command: it hears all events, lets the programs act on
// them, and sends all there is to send. Then it checks.
func (w *world) attend(p *peer) {
	w.attended++
	p.attended = w.attended
	for w.Failure == nil && p.hear() {
	}
	for !p.buried && w.Failure == nil {
		datagram, on, ok := p.core.PollTransmit(p.host.clock(), w.packet[:0])
		w.packet = datagram[:0]
		if !ok {
			break
		}
		p.expose(on.Peer, datagram)
		w.send(p.host, on.Peer, datagram, p.core.Mark())
	}
	p.arm()
	if p.closed && !p.buried {
		p.bury()
	}
	w.check(p)
}

// arm asks when the machine wants to be called.
func (p *peer) arm() {
	p.due = mono.Never
	if p.buried {
		return
	}
	if at := p.core.NextTimeout(); at != mono.Never {
		p.due = max(at-p.host.skew, p.w.now)
	}
}

// expire lets the timers of a machine fire.
func (w *world) expire(p *peer) {
	if w.logging {
		w.logf("%s: timer", p)
	}
	if p.fires++; w.now > p.firedAt {
		p.firedAt, p.fires = w.now, 1
	}
	if p.fires > 5 {
		w.fail("%s: its timer fires without end while no time passes", p)
	}
	p.core.HandleTimeout(p.host.clock())
	w.attend(p)
}

// hear does what the events ask for, and lets the programs act; it reports whether anything happened.
func (p *peer) hear() (heard bool) {
	for {
		e, ok := p.core.PollEvent()
		if !ok {
			break
		}
		heard = true
		if p.closed {
			p.w.fail("%s: event %d after the last one", p, e.Kind)
			return false
		}
		p.event(e)
	}
	for i := 0; i < len(p.ends); i++ {
		if e := p.ends[i]; e.ready() {
			e.act()
			heard = true
		}
	}
	p.ends = keep(p.ends, func(e *end) bool { return e.fate == running })
	if p.dials && p.connected && !p.closed && p.openMore {
		heard = p.open() || heard
	}
	return heard
}

func keep(ends []*end, wanted func(*end) bool) []*end {
	kept := ends[:0]
	for _, e := range ends {
		if wanted(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

func (p *peer) event(e conn.Event) {
	w := p.w
	switch e.Kind {
	case conn.EventStart:
		p.driver = w.driver(p)
		p.say(p.driver.Start(bytes.Clone(e.Data)))
	case conn.EventHandshake:
		p.say(p.driver.Handle(e.Level, bytes.Clone(e.Data)))
	case conn.EventConnected:
		w.logf("%s is up", p)
		if p.connected {
			w.fail("%s is connected twice", p)
		}
		p.connected = true
		if p.dials {
			w.Connected++
			p.openMore = true
		} else if p.partner != nil {
			p.partner.partner = p
		}
		if token, ok := p.core.ResetToken(); ok {
			p.host.table.AddReset(token, p)
		}
	case conn.EventIDWanted:
		id, token := p.host.table.Issue(p, p.id)
		p.core.OfferID(p.host.clock(), id, token)
	case conn.EventIDRetired:
		p.host.table.Retire(e.ID)
	case conn.EventResetToken:
		p.host.table.RemoveReset([packet.TokenLen]byte(e.Data))
		token, _ := p.core.ResetToken()
		p.host.table.AddReset(token, p)
	case conn.EventStreams:
		p.openMore = true
	case conn.EventAccepted:
		p.accept(e.Stream, bytes.Clone(e.Data))
	case conn.EventClosed:
		p.closed, p.err, p.endedAfter = true, e.Err, time.Duration(w.now)
		w.logf("%s is over: %v", p, e.Err)
		for _, s := range p.ends {
			s.end(lost)
		}
		p.ends = nil
	default:
		for _, s := range p.ends {
			if s.id == e.Stream && s.fate == running {
				s.event(e)
				break
			}
		}
	}
}

// say hands the handshake's messages on, and has an eye on the keys that it makes.
func (p *peer) say(messages []handshake.Message) {
	for i, m := range messages {
		k, ok := m.(handshake.Keys)
		if !ok || k.Level != handshake.Application {
			continue
		}
		if k.Sealer != nil {
			p.sealer = k.Sealer
			k.Sealer = p.watch(k.Sealer)
		}
		if k.Opener != nil {
			k.Opener = p.hearing(k.Opener)
		}
		messages[i] = k
	}
	p.core.HandleHandshake(p.host.clock(), messages)
}

// open opens the sessions of a dialing program that are still to be opened, and reports whether it could open any.
func (p *peer) open() (any bool) {
	p.openMore = false
	for len(p.opened) < p.w.o.Sessions && !p.closing {
		if p.pending == nil {
			p.pending = p.w.newSession(p)
		}
		s := p.pending
		id, err := p.core.OpenStream(p.host.clock(), s.header(), s.scripts[0].eager(s.scripts[1]))
		switch {
		case err == conn.ErrBlocked:
			return any
		case err != nil:
			p.w.fail("%s: OpenStream: %v", p, err)
			return any
		case int(id) != len(p.opened):
			p.w.fail("%s: stream %d was opened as %d", p, len(p.opened), id)
		}
		p.opened, p.pending = append(p.opened, s), nil
		p.w.Sessions++
		p.w.sessions = append(p.w.sessions, s)
		s.begin(p, id)
		any = true
	}
	return any
}

// accept begins the served end of a session.
func (p *peer) accept(id conn.StreamID, header []byte) {
	w := p.w
	if len(header) != 8 || p.partner == nil || int(id) >= len(p.partner.opened) {
		w.fail("%s: accepted a session that nobody opened: stream %d, header %x", p, id, header)
		return
	}
	s := p.partner.opened[id]
	switch number := binary.BigEndian.Uint64(header); {
	case number != uint64(s.number):
		w.fail("%s: stream %d is session %d, and was opened as %d", p, id, number, s.number)
	case s.ends[1] != nil:
		w.fail("%s: session %d was accepted twice", p, number)
	default:
		s.serve(p, id)
	}
}

// close begins to close a connection of the dialing program's: it opens no more sessions.
func (p *peer) close() {
	if p.closing || p.buried {
		return
	}
	p.w.logf("%s: Close", p)
	p.closing, p.openMore = true, false
	p.core.Close(p.host.clock())
	p.w.attend(p)
}

func (p *peer) abort() {
	p.w.logf("%s: Abort", p)
	p.aborted = true
	p.core.Abort(p.host.clock(), 7, "enough")
	p.w.attend(p)
}

// die is the end of a process: nothing of it is left, and it tells nobody.
func (p *peer) die() {
	for _, s := range p.ends {
		s.end(died)
	}
	p.ends = nil
	p.dead, p.buried, p.due = true, true, mono.Never
}

// bury forgets a connection that is over.
func (p *peer) bury() {
	p.buried, p.due = true, mono.Never
	if token, ok := p.core.ResetToken(); ok {
		p.host.table.RemoveReset(token)
	}
	tombstone, until := p.core.Tombstone(p.host.clock())
	p.host.table.Remove(p.host.clock(), p.core.IDs(nil), until, tombstone)
	if at := p.core.NextTimeout(); at != mono.Never {
		p.w.fail("%s is over, and has a timer", p)
	}
	if _, _, ok := p.core.PollTransmit(p.host.clock(), nil); ok {
		p.w.fail("%s is over, and sends without being asked", p)
	}
}

// retire closes a connection whose program has done all that it was to do.
func (p *peer) retire() {
	if p.dials && p.connected && len(p.ends) == 0 && len(p.opened) == p.w.o.Sessions && !p.closing && !p.buried {
		p.close()
	}
}

// lostKind tells whether a connection ended for want of an answer, or of memory at the other end.
func lostKind(err error) bool {
	var c *conn.CloseError
	return errors.As(err, &c) && (c.Timeout() || c.Cause == conn.Reset)
}
