package sim

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Outcome is what became of a run.
type Outcome struct {
	// Failure says what was wrong, nil if nothing was.
	Failure error
	// Hash is of every datagram's size, way, and times of setting out and arrival, in order, not of its bytes.
	Hash uint64
	// Elapsed is how long the run took in virtual time.
	Elapsed time.Duration
	// Datagrams counts those that were sent, Lost those of them that did not arrive, Forged those of the attacker.
	Datagrams, Lost, Forged int
	// Sessions counts those that were opened, Finished those that both ends finished, Messages what was received.
	Sessions, Finished, Messages int
	// Connections counts those that were dialed, Connected those whose dialing end was connected.
	Connections, Connected int
	// hurt are the datagrams, by number, whose fate was not good.
	hurt []int
	// log holds what happened last.
	log []string
}

// world is one run: hosts with a network between them, in virtual time. One thing happens at a
// time; after each, the machines are asked for all outputs, and everything that may be checked is.
type world struct {
	Outcome
	o   Options
	now mono.Time
	*lent
	hosts    []*host
	peers    []*peer
	sessions []*session
	numbers  int  // of sessions
	random   dice // of the endpoints and handshakes
	attacker attacker
	mtu      int
	calm     mono.Time // from when on nothing bad happens
	spared   map[int]bool
	version  packet.Version
	tls      func(dials bool) handshake.Driver // of the lane of that name
	// A test may have a hand in a run: script changes what the programs of a session do, fate decides what becomes of a
	// datagram, by its number in its direction: how many copies arrive, and how much later than others.
	script func(s *session)
	fate   func(number int, from, to *host, data []byte) (copies int, late time.Duration)
	// apart: each handshake draws from dice of its own, so that the order in which things happen changes no key.
	apart    bool
	events   int
	attended int // how often something has happened to any machine
	logging  bool
}

// happening is something on the agenda: a datagram arrives, or anything else.
type happening struct {
	flight *flight
	do     func()
}

// at puts something on the agenda.
func (w *world) at(t time.Duration, do func()) { w.agenda.Push(mono.Time(t), happening{do: do}) }

// memory is what runs leave for the next ones.
var memory = sync.Pool{New: func() any { return &lent{packet: make([]byte, 0, 2048), reply: make([]byte, 0, 2048)} }}

type lent struct {
	flights       []*flight
	agenda        Queue[happening]
	packet, reply []byte
	views         [2]conn.View
	free          [][]byte // what messages and lanes are kept in
	freeBytes     int
	eavesdropped  [32][]byte // what the attacker has seen
}

// buffer returns an empty slice that may have room.
func (l *lent) buffer() (b []byte) {
	if n := len(l.free); n > 0 {
		b, l.free = l.free[n-1], l.free[:n-1]
		l.freeBytes -= cap(b)
	}
	return b
}

// leave takes back a slice that began as a buffer.
func (l *lent) leave(b []byte) {
	if n := l.freeBytes + cap(b); n <= freeBytesMax && cap(b) > 0 {
		l.free, l.freeBytes = append(l.free, b[:0]), n
	}
}

// freeBytesMax bounds what is kept: more of it would only be in the way of what is used all the time.
const freeBytesMax = 1 << 20

// realTLS makes what makes the handshakes of the lane TLS. It is set by the tests of that lane, because crypto/tls draws from one
// source of randomness for the whole process, which only a test can make predictable.
var realTLS func(w *world) func(dials bool) handshake.Driver

// eventsMax bounds a run: a machine that spins is found out.
const eventsMax = 2_000_000

// livenessBound is how long after the last fault everything must have come to its end.
const livenessBound = 30 * time.Minute

// Run runs the simulation of the options. Panics of what is simulated are failures.
func Run(o Options) Outcome { return run(o, false) }

// Trace is Run, and returns what happened last in words.
func Trace(o Options) (Outcome, []string) {
	out := run(o, true)
	return out, out.log
}

func run(o Options, logging bool) Outcome {
	w := newWorld(o)
	w.logging = logging
	w.play()
	return w.Outcome
}

func newWorld(o Options) *world {
	w := &world{
		o: o, mtu: o.MTU,
		random: roll(o.Seed, 1), lent: memory.Get().(*lent),
	}
	w.Hash = 14695981039346656037
	w.version = packet.V1Plain
	if o.Lane == TLS {
		w.version, w.tls = packet.V1, realTLS(w)
	}
	w.attacker = attacker{seen: &w.eavesdropped, version: w.version, dice: roll(o.Seed, 2), doubts: o.Drop+o.Corrupt+o.Truncate == 0 && len(o.Faults) == 0}
	if len(o.Spared) > 0 {
		w.spared = map[int]bool{}
		for _, n := range o.Spared {
			w.spared[n] = true
		}
	}
	w.calm = mono.Time(o.Heal)
	w.newHost(true)
	for range o.Clients {
		w.newHost(false)
	}
	for i := range o.Faults {
		f := &o.Faults[i]
		if f.Host >= len(w.hosts) {
			continue
		}
		w.calm = max(w.calm, mono.Time(f.At+f.For))
		w.at(f.At, func() { w.beginFault(f) })
		if f.For > 0 && f.Kind != Jump {
			w.at(f.At+f.For, func() { w.endFault(f) })
		}
	}
	for _, h := range w.hosts[1:] {
		for range o.Conns {
			w.at(time.Duration(h.dice.intn(int(50*time.Millisecond))), func() { w.dial(h) })
		}
	}
	return w
}

// play lets things happen until nothing is left to happen, and judges what came of it.
func (w *world) play() {
	defer func() {
		if r := recover(); r != nil {
			w.fail("panic: %v\n%s", r, debug.Stack())
		}
		w.Elapsed = time.Duration(w.now)
		for w.agenda.Len() > 0 {
			if f := w.agenda.Pop().flight; f != nil {
				w.land(f)
			}
		}
		for _, s := range w.sessions {
			s.clear()
		}
		memory.Put(w.lent)
	}()
	for w.Failure == nil {
		at, p, e := w.next()
		if at == mono.Never {
			break
		}
		if at > w.calm.Add(livenessBound) {
			w.fail("it goes on without end:%s", w.leftovers())
			return
		}
		if w.events++; w.events > eventsMax {
			w.fail("too much happens:%s", w.leftovers())
			return
		}
		w.now = max(w.now, at)
		switch {
		case p != nil:
			w.expire(p)
		case e != nil:
			w.wake(e)
		default:
			w.happen(w.agenda.Pop())
		}
	}
	if w.Failure == nil {
		w.judge()
	}
}

// next is when something happens next, and at whom: a timer of p, or a program's at e, or what is next on the agenda.
func (w *world) next() (at mono.Time, p *peer, e *end) {
	at = w.agenda.Next()
	for _, q := range w.peers {
		if q.due < at && !q.host.stopped {
			at, p = q.due, q
		}
		if q.host.stopped {
			continue
		}
		for _, s := range q.ends {
			if s.wakeAt < at {
				at, p, e = s.wakeAt, nil, s
			}
		}
	}
	return at, p, e
}

func (w *world) happen(h happening) {
	if h.do != nil {
		h.do()
	} else {
		w.arrive(h.flight)
	}
}

// fail ends the run.
func (w *world) fail(format string, args ...any) {
	if w.Failure == nil {
		w.Failure = fmt.Errorf("after %s: %s", time.Duration(w.now), fmt.Sprintf(format, args...))
	}
}

// logf notes what happened, if somebody asks.
func (w *world) logf(format string, args ...any) {
	const most = 20_000
	if !w.logging {
		return
	}
	if len(w.log) >= 2*most {
		w.log = append(w.log[:0], w.log[most:]...)
	}
	w.log = append(w.log, fmt.Sprintf("%14s ", time.Duration(w.now))+fmt.Sprintf(format, args...))
}

// fold mixes numbers into the hash.
func (w *world) fold(numbers ...uint64) {
	h := w.Hash
	for _, n := range numbers {
		h = (h ^ n) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	w.Hash = h
}
