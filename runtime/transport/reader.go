package transport

import (
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// reader is what the role's holder works with.
type reader struct {
	in      *udp.Batch
	replies *udp.Batch // which belong to no connection
	touched []*link
	writing []*link // for the pump
	faults  int     // failed reads in a row
	crowded bool    // what was read last began more than one session, or was more than one datagram, or a long one
	brief   bool    // the last wait was brief
	// others is how many processors the program has beside one.
	others int32
}

// shardsRunning is how many shards the process has. If the leader of each waits in the system, where it keeps a processor for a while, one
// processor must be left.
var shardsRunning atomic.Int32

const (
	// faultsMax is how many reads may fail in a row before the reader pauses between them.
	faultsMax = 100
	// briefWait is how long a wait may be after which the leader waits in the system, as between two programs that answer each
	// other at once, and awaitMax how long it does. A longer wait is Go's, which keeps no thread.
	briefWait, awaitMax = 100 * time.Microsecond, time.Millisecond
	// readsMax is how often a socket that has more is read before what was read is answered: bulk data is
	// acknowledged, and waiting goroutines are woken, once for all of it.
	readsMax = 16
	// bulkSize is the size from which a single datagram is taken as a sign that more have arrived.
	bulkSize = 1200
)

// next reads. It writes for the pump until it sleeps. Its error has udp.FaultNothing if the leader has been
// told to return. The caller has the role.
func (s *shard) next() error {
	s.pump.attend()
	for {
		s.drain()
		if !s.brief || s.crowded {
			if err := s.sock.PollBatch(s.in); err != udp.ErrNothing {
				return err
			}
		}
		recalled, stirred, alone := s.news()
		switch {
		case recalled:
			return udp.ErrNothing
		case stirred:
			// Those who were woken may have something to send, and it goes together.
			runtime.Gosched()
		case s.pump.leave():
			return s.sleep(alone && !s.crowded)
		}
	}
}

// news reports whether the leader has been told to return, and whether goroutines have been woken since it last asked.
func (s *shard) news() (recalled, stirred, alone bool) {
	r := &s.role
	r.mu.Lock()
	defer r.mu.Unlock()
	stirred, r.stirred = r.stirred, false
	return r.recalled(), stirred, r.leader.receives && r.parked.last == nil
}

// sleep reads, and waits if nothing is there. It returns nothing if the leader has been told to return.
func (s *shard) sleep(alone bool) error {
	r := &s.role
	r.mu.Lock()
	if r.recalled() {
		r.mu.Unlock()
		return udp.ErrNothing
	}
	r.reading = true
	r.mu.Unlock()
	begun, err := now(), udp.ErrNothing
	if s.brief && alone && shardsRunning.Load() <= s.others {
		err = s.sock.AwaitBatch(s.in, awaitMax)
	}
	if err == udp.ErrNothing {
		err = s.sock.ReadBatch(s.in)
	}
	s.brief = now().Sub(begun) < briefWait
	r.mu.Lock()
	r.reading = false
	if r.interrupted {
		r.interrupted = false
		s.sock.Resume()
	}
	r.mu.Unlock()
	s.pump.attend()
	return err
}

// drain writes for the pump.
func (s *shard) drain() {
	s.writing = s.pump.takeAttending(s.writing)
	for _, l := range s.writing {
		if l.mu.TryLock() {
			l.pump()
		} else {
			s.pump.putBack(l)
		}
	}
}

// handleRead handles the result of a read, for every connection. The caller has the role.
func (s *shard) handleRead(err error) {
	switch udp.FaultOf(err) {
	case udp.FaultNone:
	case udp.FaultClosed, udp.FaultInterrupted, udp.FaultNothing:
		return
	case udp.FaultRefused:
		s.sock.Unreachable(s.unreachable)
		return
	default:
		// No fault of a socket is for good, and some are made by anyone who can forge an ICMP message.
		if s.sock.Unreachable(s.unreachable) {
			return
		}
		if s.faults++; s.faults > faultsMax {
			time.Sleep(time.Millisecond)
		}
		return
	}
	s.faults, s.crowded = 0, false
	at := now()
	for reads := 1; ; reads++ {
		s.deliver(at)
		bulk := len(s.in.Datagrams) > 1 || len(s.in.Datagrams) == 1 && len(s.in.Datagrams[0].Data) >= bulkSize
		s.crowded = s.crowded || bulk
		if !bulk || reads == readsMax || s.sock.PollBatch(s.in) != nil {
			break
		}
		at = now()
	}
	s.crowded = s.crowded || s.handlers.waiting.Load() > 1
	for _, l := range s.touched {
		l.transmitReading()
	}
	s.report(at)
	clear(s.touched)
	s.touched = s.touched[:0]
}

// deliver gives the datagrams that were read to their connections.
func (s *shard) deliver(at mono.Time) {
	s.replies.Reset()
	var last *link
	held := false // last's lock
	for i := range s.in.Datagrams {
		d := &s.in.Datagrams[i]
		r := s.table.route(at, d, s.replies)
		l := r.Conn
		if r.Verdict == endpoint.Accept {
			if r.Evict {
				l.evict()
			}
			l = s.accept(at, r.Accepted, d.Local)
		}
		if l == nil {
			continue
		}
		if l != last {
			last.delivered(held)
			last, held = l, l.mu.TryLock()
			if held {
				l.takeIn()
			}
			if !slices.Contains(s.touched, l) {
				s.touched = append(s.touched, l)
			}
		}
		if held {
			l.seen = at
			l.machine.HandleMarked(at, pathOf(d), d.Data, conn.Mark(d.ECN))
			l.settle()
		} else {
			l.inbox.put(&s.spare, d)
		}
	}
	last.delivered(held)
	if len(s.replies.Datagrams) > 0 {
		_ = s.sock.WriteBatch(s.replies) // what is lost is asked for again
	}
}

// unreachable tells the connections to an address that nobody seems to be there. The caller has the role.
func (s *shard) unreachable(to netip.AddrPort) {
	for _, l := range s.table.to(to) {
		l.inbox.unreachable.Add(1)
		if l.mu.TryLock() { // else the holder takes it in
			l.unlock()
			l.transmitReading()
		}
	}
}
