package simnet

import (
	"fmt"
	"testing"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Trace is the summary of a run.
type Trace struct {
	// Hash covers every datagram's size, direction, and times of departure and arrival, in order, but not its
	// bytes. Two runs of one seed have the same Hash.
	Hash uint64
	// Elapsed is how long the run took in virtual time.
	Elapsed time.Duration
	// Sent, Lost and Arrived count datagrams. A duplicate arrives twice.
	Sent, Lost, Arrived int
	// Sessions counts the sessions that were opened, Messages the messages that were received.
	Sessions, Messages int
}

// trace makes a Trace of a run.
type trace struct {
	Trace
	log *testing.T // nil without -sim.trace
}

// What the hash is told apart by.
const (
	traceSent = iota + 1
	traceLost
	traceArrived
)

func newTrace(t *testing.T) *trace {
	tr := &trace{Trace: Trace{Hash: 14695981039346656037}}
	if *traceFlag {
		tr.log = t
	}
	return tr
}

// fold mixes numbers into the hash: FNV-1a, a byte at a time.
func (tr *trace) fold(numbers ...uint64) {
	for _, n := range numbers {
		for range 8 {
			tr.Hash = (tr.Hash ^ n&0xff) * 1099511628211
			n >>= 8
		}
	}
}

func (tr *trace) event(kind uint64, now mono.Time, from, to *host, more int) {
	there := uint64(0)
	if to != nil {
		there = uint64(to.index) + 1
	}
	tr.fold(kind, uint64(now), uint64(from.index), there, uint64(more))
}

func (tr *trace) sent(now mono.Time, from, to *host, size int) {
	tr.Sent++
	tr.event(traceSent, now, from, to, size)
	if tr.log != nil {
		tr.print(now, "%s sends %d bytes to %s", from, size, to)
	}
}

func (tr *trace) lost(now mono.Time, from, to *host, cause string) {
	tr.Lost++
	tr.event(traceLost, now, from, to, len(cause))
	if tr.log != nil {
		tr.print(now, "%s to %s: lost: %s", from, to, cause)
	}
}

func (tr *trace) arrived(now mono.Time, f flight, verdict string) {
	tr.Arrived++
	tr.event(traceArrived, now, f.from, f.to, len(f.data))
	if tr.log != nil {
		tr.print(now, "%s gets %d bytes from %s: %s", f.to, len(f.data), f.from, verdict)
	}
}

// print logs one event.
func (tr *trace) print(now mono.Time, format string, args ...any) {
	tr.log.Logf("%12s %s", time.Duration(now), fmt.Sprintf(format, args...))
}

// String returns the host's name.
func (h *host) String() string {
	if h == nil {
		return "nobody"
	}
	return h.name
}
