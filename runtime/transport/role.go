package transport

import (
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// role is the right to read a shard's socket. Waking a goroutine on another core costs more than a round trip
// over loopback, so a goroutine that waits for a message reads the socket itself: it takes the role if nobody
// has it, handles what arrives for every connection of the shard, and gives the role up as soon as it has what
// it waits for. The others are parked; one of them is handed the role when it becomes free. If there is none,
// the stand-by reader takes it after a while.
type role struct {
	mu sync.Mutex
	// leader has the role; it is free if nil.
	leader *waiter
	// reading: the leader is in a read that may wait, or about to enter it.
	reading bool
	// interrupted: that read was told to return.
	interrupted bool
	// urgent is to get the role next, before all that are parked.
	urgent *waiter
	// parked wait for something that the leader will find. The last to park is handed the role first: its
	// memory is still in the cache.
	parked parking
	// woken: a waiter that was parked has been told that it is ready. stirred: the same, since the leader last looked.
	woken, stirred bool

	turns   uint64 // how often the role fell free
	armed   bool   // standBy runs
	since   uint64 // turns, when it was started
	standBy *time.Timer
	closed  bool
}

// standByDelay is how long the role is free before the stand-by reader takes it.
const standByDelay = time.Millisecond

// take gives the role to w if it is free. r.mu is held.
func (r *role) take(w *waiter) bool {
	if r.leader != nil || r.closed {
		return false
	}
	r.leader = w
	return true
}

// release ends the leader's turn. role.mu is held.
func (s *shard) release() {
	s.role.release()
	if s.role.leader == nil {
		s.pump.abandon()
	}
}

func (r *role) release() {
	r.leader = nil
	r.turns++
	if r.closed {
		return
	}
	next := r.urgent
	if next == nil {
		next = r.parked.last
	}
	r.urgent = nil
	switch {
	case next != nil:
		r.leader = next
		r.unpark(next)
	case !r.armed:
		r.armed, r.since = true, r.turns
		r.standBy.Reset(standByDelay)
	}
}

// close ends all reading. r.mu is held.
func (r *role) close() {
	r.closed = true
	if r.urgent != nil {
		r.unpark(r.urgent)
	}
	r.standBy.Reset(0)
}

// wanted reports whether somebody waits for the role. r.mu is held.
func (r *role) wanted() bool { return r.urgent != nil || r.parked.last != nil }

// unpark wakes w if it is parked. r.mu is held.
func (r *role) unpark(w *waiter) {
	if w.parked {
		r.parked.remove(w)
		w.wake <- struct{}{} // there is room: each parking takes out what it is sent
	}
}

// interrupt makes the leader return from its read. r.mu is held.
func (s *shard) interrupt() {
	if r := &s.role; r.reading && !r.interrupted {
		r.interrupted = true
		s.sock.Interrupt()
	}
}

// recalled reports whether the leader has something else to do than read. r.mu is held.
func (r *role) recalled() bool { return r.leader.ready || r.urgent != nil || r.closed }

// read lets the leader read once and handle what arrived. If the leader is one of by, it must then look for
// sessions to serve. role.mu is held, but released meanwhile.
func (s *shard) read(by *handlers) {
	r := &s.role
	r.mu.Unlock()
	err := s.next()
	if by != nil {
		by.expect()
	}
	s.handleRead(err)
	r.mu.Lock()
	if udp.FaultOf(err) == udp.FaultClosed {
		r.close() // whoever still waits is told by a timeout
	}
}

// readDry reads until nothing more has arrived, ahead of every other reader.
func (s *shard) readDry(self *waiter) {
	if s.preempt(self) {
		s.readAll()
		s.yield()
	}
}

// yield ends the turn of a leader that has preempted others.
func (s *shard) yield() {
	s.role.mu.Lock()
	s.release()
	s.role.mu.Unlock()
}

// preempt makes self the leader, next after who is it now. It is false if nobody reads any more.
func (s *shard) preempt(self *waiter) bool {
	r := &s.role
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.take(self) && !r.closed {
		r.urgent = self
		s.interrupt()
		for r.leader != self && !r.closed {
			self.park()
		}
	}
	return r.leader == self
}

// readAll reads all that has arrived. A fault that is not for good, such as one peer's ICMP message, hides nothing. The caller has the role.
func (s *shard) readAll() {
	for range dryReadsMax {
		err := s.readThere()
		switch udp.FaultOf(err) {
		case udp.FaultClosed, udp.FaultInterrupted, udp.FaultNothing:
			return
		}
		s.handleRead(err)
	}
}

// readThere reads what has arrived.
func (s *shard) readThere() error {
	if s.sock.Polls() {
		return s.sock.PollBatch(s.in)
	}
	s.sock.ResumeFor(time.Millisecond)
	defer s.sock.Resume()
	return s.sock.ReadBatch(s.in)
}

// dryReadsMax bounds readAll when datagrams keep arriving.
const dryReadsMax = 1 << 14

// served is how often a goroutine was woken to serve sessions: it may read next.
func (s *shard) served() uint32 {
	return s.handlers.calls.Load()
}

// standBy reads when nobody else does. It keeps the role while nobody waits, and gives it up when it has woken
// a waiter: a goroutine that got one message may soon wait for the next.
func (s *shard) standBy() {
	r, self := &s.role, newWaiter(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closed {
		r.armed = false
		switch {
		case r.leader != nil: // its release starts the timer again
		case r.turns != r.since:
			r.armed, r.since = true, r.turns
			r.standBy.Reset(standByDelay)
		case r.take(self):
			for r.leader == self {
				r.woken = false
				calls := s.served()
				s.read(nil)
				if r.woken || r.wanted() || r.closed || calls != s.served() {
					s.release()
				}
			}
		}
		r.mu.Unlock()
		<-r.standBy.C
		r.mu.Lock()
	}
}
