package transport

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// reader is what the role's holder works with.
type reader struct {
	in      *udp.Batch
	replies *udp.Batch // which belong to no connection
	touched []*link
	reports report
	faults  int // failed reads in a row
}

// faultsMax is how many reads may fail in a row before the reader pauses between them.
const faultsMax = 100

// handleRead does with what a read returned what there is to do, for every
// connection. The caller has the role.
func (s *shard) handleRead(err error) {
	switch udp.FaultOf(err) {
	case udp.FaultNone:
	case udp.FaultClosed, udp.FaultInterrupted:
		return
	case udp.FaultRefused:
		s.sock.Unreachable(s.unreachable)
		return
	default:
		// No fault of a socket is for good, and some are made by anyone who can forge an ICMP message.
		if s.faults++; s.faults > faultsMax {
			time.Sleep(time.Millisecond)
		}
		return
	}
	s.faults = 0
	at := now()
	s.replies.Reset()
	for i := range s.in.Datagrams {
		d := &s.in.Datagrams[i]
		r := s.table.route(at, d, s.replies)
		l := r.Conn
		if r.Verdict == endpoint.Accept {
			if r.Evict {
				l.evict()
			}
			l = s.accept(at, r.Accepted)
		}
		if l == nil {
			continue
		}
		l.receive(at, d)
		if !slices.Contains(s.touched, l) {
			s.touched = append(s.touched, l)
		}
	}
	if len(s.replies.Datagrams) > 0 {
		_ = s.sock.WriteBatch(s.replies) // what is lost is asked for again
	}
	for _, l := range s.touched {
		l.transmitReading()
	}
	s.report(at)
	clear(s.touched)
	s.touched = s.touched[:0]
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
