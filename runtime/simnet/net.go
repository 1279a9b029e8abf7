package simnet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Net is a simulated network with servers and clients on it. Its methods may be called by any goroutine of the
// test's function, until that function returns.
type Net struct {
	t       *testing.T
	options Options
	origin  time.Time
	outside int64 // a time, in Unix seconds, that the bubble's clock never shows
	ctx     context.Context
	cancel  context.CancelCauseFunc
	root    actor          // the test's function
	going   sync.WaitGroup // the goroutines of Go
	running sync.WaitGroup // those of served sessions
	ends    ends

	mu       sync.Mutex // guards what follows
	calls    []*call
	posts    int
	observed []observation
	over     bool // the loop's alone to set
	bodies   int  // served sessions whose body runs

	wake  chan struct{} // a call was posted
	timer *time.Timer
	done  chan struct{} // the loop has returned

	// What follows is the loop's own.

	now      mono.Time
	progress mono.Time // when a program last did something
	instant  int       // calls at now
	random   *rand.Rand
	wire     *network
	trace    *trace
	hosts    []*host
	byName   map[string]*host
	byAddr   map[netip.AddrPort]*host
	peers    []*peer
	packet   []byte // where datagrams are built
	taken    []*call
	ending   bool // the test's function has returned
	muddled  bool // it was said that an order was the scheduler's

	// What the next pause lets go on.

	answers []*call
	ended   []*stream
	started []*stream
}

const (
	// standstill is how long the programs may call nothing.
	standstill = 24 * time.Hour
	// instantMax is how many calls may be made while no time passes.
	instantMax = 1_000_000
	// packetMax has room for the largest datagram that a connection tries.
	packetMax = 9 << 10
)

func newNet(t *testing.T, options Options, outside int64) *Net {
	options = options.withDefaults()
	n := &Net{
		t: t, options: options, outside: outside, origin: time.Now(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		random: rand.New(rand.NewPCG(options.Seed, 0x5e55)),
		trace:  newTrace(t), byName: map[string]*host{}, byAddr: map[netip.AddrPort]*host{}, packet: make([]byte, 0, packetMax),
	}
	n.timer = time.NewTimer(0)
	<-n.timer.C
	n.wire = newNetwork(options, n.trace)
	n.ctx, n.cancel = context.WithCancelCause(context.Background())
	return n
}

// Now returns how long the run has lasted, in virtual time.
func (n *Net) Now() time.Duration { return time.Since(n.origin) }

// Seed returns the seed of the run.
func (n *Net) Seed() uint64 { return n.options.Seed }

// loop runs the simulation: one event at a time, and after each the programs until all wait.
func (n *Net) loop() {
	defer close(n.done)
	for n.pause(); !n.over; n.pause() {
		if n.ending && n.drained() {
			n.stop()
		} else if at := n.next(); at > n.now {
			n.sleep(at)
		} else {
			n.happen()
		}
	}
	n.release()
	n.trace.Elapsed = time.Duration(n.now)
}

// pause lets the programs go on until all of them wait and have no calls left, and
// then sends what there is to send.
func (n *Net) pause() {
	n.release()
	for synctest.Wait(); n.apply(); synctest.Wait() {
		n.settle()
		n.release()
	}
	n.observe()
	n.wire.watchCalm(n.now)
	for _, p := range n.peers {
		n.transmit(p)
	}
	n.check()
}

// apply does what the programs called for, and reports whether they called for anything.
func (n *Net) apply() bool {
	calls := n.take()
	for _, c := range calls {
		c.since = n.now
		n.perform(c)
	}
	if len(calls) == 0 {
		return false
	}
	n.progress = n.now
	if n.instant += len(calls); n.instant > instantMax {
		n.fail("the programs call without end while no time passes; a loop around TryRecv has to sleep")
	}
	return true
}

// release lets those go on whose wait is over.
func (n *Net) release() {
	for _, s := range n.started {
		n.serve(s)
	}
	for _, s := range n.ended {
		s.cancel(s.cause())
	}
	for _, c := range n.answers {
		if c.done != nil {
			close(c.done)
		}
	}
	if len(n.answers) > 0 {
		n.progress = n.now
	}
	clear(n.answers)
	n.started, n.ended, n.answers = n.started[:0], n.ended[:0], n.answers[:0]
}

// next is when something happens next on the network.
func (n *Net) next() mono.Time {
	at := n.wire.flying.Next()
	for _, p := range n.peers {
		at = min(at, p.timeout)
	}
	return at
}

// sleep lets time pass until at, or until a program calls.
func (n *Net) sleep(at mono.Time) {
	quiet := n.progress.Add(standstill)
	if at >= quiet && n.now >= quiet {
		n.standstill()
		return
	}
	n.timer.Reset(min(at, quiet).Sub(n.now))
	select {
	case <-n.timer.C:
	case <-n.wake:
	}
	n.now = mono.Time(time.Since(n.origin))
	n.instant = 0
}

// happen lets one due thing happen: the earliest datagram arrives, or a timer fires.
func (n *Net) happen() {
	if n.wire.flying.Next() <= n.now {
		f := n.wire.flying.Pop()
		n.arrive(f)
		n.wire.landed(f)
	} else {
		for _, p := range n.peers {
			if p.timeout <= n.now {
				n.expire(p)
				break
			}
		}
	}
	n.settle()
}

// expire lets the timers of a connection fire.
func (n *Net) expire(p *peer) {
	p.dirty = true
	p.core.HandleTimeout(n.now)
	if n.instant++; n.instant > instantMax {
		n.fail("the timers of %s fire without end while no time passes", p)
	}
}

// settle handles the events of the connections.
func (n *Net) settle() {
	for _, p := range n.peers {
		n.hear(p)
	}
}

// fail fails the test and ends the run.
func (n *Net) fail(format string, args ...any) {
	n.t.Errorf("simnet: after %s: %s", time.Duration(n.now), fmt.Sprintf(format, args...))
	n.stop()
}
