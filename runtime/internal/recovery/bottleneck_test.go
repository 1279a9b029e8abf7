package recovery

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// link is a path in virtual time that flows share: a drop-tail bottleneck on the way there, random
// loss both ways.
type link struct {
	t      *testing.T
	rate   float64 // bytes a second
	queue  int     // bytes that wait for the bottleneck
	delay  time.Duration
	loss   float64
	mark   float64 // share of the queue from which on packets are marked; zero means never
	timers time.Duration
	// reorder is the share of packets that come 2 ms late.
	reorder float64

	now    mono.Time
	busy   mono.Time // when the bottleneck is free
	random *rand.Rand
	events happenings
	count  uint64
	flows  []*flow
	peak   time.Duration // the longest wait in the queue
}

// newLink is a link of so many Mbit/s, with a queue of so many bandwidth-delay products.
func newLink(t *testing.T, mbit float64, rtt time.Duration, bdps, loss float64) *link {
	rate := mbit * 1e6 / 8
	return &link{
		t: t, rate: rate, queue: int(bdps * rate * rtt.Seconds()), delay: rtt / 2, loss: loss,
		timers: 1100 * time.Microsecond, now: mono.Time(time.Second), random: rand.New(rand.NewPCG(1, 9)),
	}
}

// seeds is how many seeds the tests of a shared link run: each begins at another moment and draws other losses.
var seeds = flag.Int("recovery.seeds", 2, "seeds of each cell of the tests of a link")

// seeded is the link as a seed would have it.
func (l *link) seeded(seed int) *link {
	l.random = rand.New(rand.NewPCG(uint64(seed), 9))
	l.now = l.now.Add(l.moment(time.Second))
	return l
}

// moment is a time less than d.
func (l *link) moment(d time.Duration) time.Duration { return time.Duration(l.random.Int64N(int64(d))) }

// spread sorts what several seeds had and says how it is spread.
func spread(figures []float64) string {
	slices.Sort(figures)
	n := len(figures)
	return fmt.Sprintf("least %.3f, quartiles %.3f %.3f %.3f, most %.3f", figures[0], figures[n/4], figures[n/2], figures[3*n/4], figures[n-1])
}

// happening is something that is going to happen.
type happening struct {
	at     mono.Time
	order  uint64
	flow   *flow
	kind   int
	number uint64
	size   int
	marked bool
	ack    *Ack
}

const (
	arrives = iota
	ackArrives
	timerFires
	ackTimerFires
	begins
)

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

func (l *link) schedule(h happening) {
	l.count++
	h.order = l.count
	heap.Push(&l.events, h)
}

// flow sends without end, from one end of the link to the other.
type flow struct {
	*Loss
	link     *link
	name     string
	size     int
	received Received
	ce       Counts
	marks    bool // it is ECN-capable
	got      int  // bytes that arrived
	asked    int
	timerAt  mono.Time
	ackAt    mono.Time
	base     int // got, when measuring began
	// optimist acknowledges so many packets that have not arrived.
	optimist uint64
	split    int // into how many frames an acknowledgement is split
	err      error
	windows  []int
	// kernel is the controller of a flow as kernels send it: clocked by acknowledgements, of every second packet, and in bursts.
	kernel *kernelCubic
}

const linkDatagram = 1200

func (l *link) add(name string, c congestion.Controller, after time.Duration) *flow {
	f := &flow{
		Loss: NewLoss(c, linkDatagram, InitialRTT), link: l, name: name, size: linkDatagram,
		timerAt: mono.Never, ackAt: mono.Never,
	}
	f.Confirmed, f.ProbeApplication, f.MaxAckDelay = true, true, MaxAckDelay
	l.flows = append(l.flows, f)
	l.schedule(happening{at: l.now.Add(after), flow: f, kind: begins})
	return f
}

func (f *flow) FrameAcked(handshake.Level, Ref) {}
func (f *flow) FrameLost(handshake.Level, Ref)  {}

// transmit sends what may be sent.
func (f *flow) transmit(probes int) {
	l := f.link
	if f.kernel != nil && f.BytesInFlight() > 0 && probes == 0 && f.Available() < f.kernel.burst(f.Smoothed()) {
		f.setTimer()
		return
	}
	for f.err == nil && (probes > 0 || f.Available() >= f.size && !f.Paced(l.now)) {
		probes--
		number := f.NextNumber(handshake.Application)
		f.Sent(l.now, handshake.Application, f.size, Ordinary)
		size := f.size + 28
		l.busy = max(l.busy, l.now)
		wait := l.busy.Sub(l.now)
		waiting := int(wait.Seconds()*l.rate) + size
		if waiting > l.queue {
			continue
		}
		l.peak = max(l.peak, wait)
		l.busy = l.busy.Add(time.Duration(float64(size) / l.rate * 1e9))
		if l.random.Float64() < l.loss {
			continue
		}
		marked := l.mark > 0 && f.marks && float64(waiting) > l.mark*float64(l.queue)
		late := time.Duration(0)
		if l.reorder > 0 && l.random.Float64() < l.reorder {
			late = 2 * ms
		}
		l.schedule(happening{at: l.busy.Add(l.delay + late), flow: f, kind: arrives, number: number, size: f.size, marked: marked})
	}
	f.setTimer()
}

func (f *flow) setTimer() {
	at := f.Deadline()
	if f.Available() >= f.size && f.Paced(f.link.now) {
		at = min(at, f.PacedUntil())
	}
	if at != mono.Never {
		// What fires timers is late by up to the coarseness of the system's.
		at = max(at, f.link.now).Add(time.Duration(f.link.random.Int64N(int64(f.link.timers) + 1)))
	}
	if at < f.timerAt {
		f.timerAt = at
		f.link.schedule(happening{at: at, flow: f, kind: timerFires})
	}
}

func (f *flow) arrive(h happening) {
	if f.received.Has(h.number) {
		return
	}
	f.got += h.size
	if f.marks {
		f.ce.ECT0++
		if h.marked {
			f.ce.ECT0--
			f.ce.CE++
		}
	}
	f.received.Add(f.link.now, h.number, Arrival{AckEliciting: true, Immediate: h.marked, Size: h.size, Delay: AckDelay(2 * f.link.delay)})
	f.acknowledge()
}

// acknowledge sends an ACK frame if one is due.
func (f *flow) acknowledge() {
	l := f.link
	if !f.received.Due(l.now) {
		if at := f.received.Deadline(); at < f.ackAt {
			f.ackAt = at
			l.schedule(happening{at: at, flow: f, kind: ackTimerFires})
		}
		return
	}
	ranges, delay := f.received.Ack(l.now, 32)
	f.received.Sent()
	var descending []Range
	for i := len(ranges) - 1; i >= 0; i-- {
		descending = append(descending, ranges[i])
	}
	descending[0].Largest += f.optimist
	// What is split are the numbers of the newest range: each frame acknowledges a few more.
	top := descending[0]
	for i := range max(1, f.split) {
		part := append([]Range(nil), descending...)
		if f.split > 0 {
			span := top.Largest - top.Smallest + 1
			part[0].Largest = top.Smallest + span*uint64(i+1)/uint64(f.split)
			if part[0].Largest == top.Smallest {
				continue
			}
			part[0].Largest--
		}
		if l.random.Float64() < l.loss {
			continue
		}
		l.schedule(happening{at: l.now.Add(l.delay), flow: f, kind: ackArrives, ack: &Ack{Ranges: part, Delay: delay, ECN: f.ce, Counted: f.marks}})
	}
}

// run lets time pass.
func (l *link) run(d time.Duration) {
	until := l.now.Add(d)
	for len(l.events) > 0 && l.events[0].at <= until {
		h := heap.Pop(&l.events).(happening)
		l.now = h.at
		f := h.flow
		switch h.kind {
		case begins:
			if f.marks {
				f.ECN.Start()
			}
			f.transmit(0)
		case arrives:
			f.arrive(h)
		case ackArrives:
			if err := f.Ack(l.now, handshake.Application, h.ack, f); err != nil {
				f.err = err
			}
			f.windows = append(f.windows, f.Controller.Window())
			f.askThreshold()
			f.transmit(0)
		case timerFires:
			if h.at == f.timerAt {
				f.timerAt = mono.Never
			}
			f.transmit(f.Timeout(l.now, f).Count)
		case ackTimerFires:
			if h.at == f.ackAt {
				f.ackAt = mono.Never
			}
			f.acknowledge()
		}
	}
	l.now = until
}

// askThreshold is what a connection does with ACK_FREQUENCY frames, but that the peer hears of it at once.
func (f *flow) askThreshold() {
	if f.kernel != nil || f.asked == 0 && f.Controller.SlowStart() {
		return
	}
	f.asked = min(f.Controller.Window()/4, 256<<10)
	f.received.SetThreshold(uint64(f.asked))
}

// measure returns the share of the link that each flow has of it over d, from the state that it is in.
func (l *link) measure(d time.Duration) (shares []float64) {
	for _, f := range l.flows {
		f.base = f.got
	}
	l.run(d)
	for _, f := range l.flows {
		shares = append(shares, float64(f.got-f.base)/float64(linkDatagram)*(linkDatagram+28)/l.rate/d.Seconds())
	}
	return shares
}

// BBR fills a link that loses packets at random, whatever the seed: the share of what the link delivers, not of what it loses. What is
// easily taken for congestion, a few losses in a round, is run more often.
func TestBBRFillsTheLink(t *testing.T) {
	for _, c := range []struct {
		rtt   time.Duration
		loss  float64
		least float64
		times int
	}{
		{20 * ms, 0, 0.97, 1},
		{20 * ms, 0.001, 0.93, 2},
		{20 * ms, 0.01, 0.9, 8},
		{20 * ms, 0.05, 0.88, 1},
		{20 * ms, 0.1, 0.85, 1},
		{100 * ms, 0, 0.97, 1},
		{100 * ms, 0.001, 0.9, 1},
		{100 * ms, 0.01, 0.92, 1},
		{100 * ms, 0.05, 0.92, 1},
		{100 * ms, 0.1, 0.88, 1},
	} {
		t.Run(fmt.Sprintf("%v %v%%", c.rtt, c.loss*100), func(t *testing.T) {
			var all []float64
			for seed := range *seeds * c.times {
				l := newLink(t, 100, c.rtt, 1, c.loss).seeded(seed)
				f := l.add("bbr", congestion.NewBBR(linkDatagram, uint64(seed)), 0)
				l.run(time.Second + 20*c.rtt)
				share := l.measure(5 * time.Second)[0] / (1 - c.loss)
				require.Greater(t, share, c.least, "seed %d: round trip %v, lost %d, spurious %d", seed, f.Smoothed(), f.LostPackets(), f.SpuriousLosses())
				all = append(all, share)
			}
			t.Log(spread(all))
		})
	}
}
