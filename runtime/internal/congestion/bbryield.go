package congestion

import (
	"math"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// bbrYield is how BBR makes room for others where the bottleneck's queue is shallow. Such a queue overflows before it tells of
// anybody by its length, and each overflow costs a CUBIC flow three tenths of its window and seconds to come back, while BBR would go on as before. So BBR
// does what CUBIC does: its bandwidth falls to bbrBeta of what it was and comes back along CUBIC's curve, by the time of the next probe.
// A path that loses packets anyway is left out: there it is not BBR that holds a CUBIC flow back.
type bbrYield struct {
	at   mono.Time
	from int           // what the bandwidth was, and will be again; zero means that nothing is yielded
	over time.Duration // until then
	rtt  time.Duration // the round trip at the overflow
}

const (
	// bbrShallow is the round trip, in percent of the path's, up to which the queue that overflowed is shallow.
	bbrShallow = 120
	// bbrPatience is how long BBR makes room, in percent of the time that CUBIC takes with half the path: with less than half, it has farther to go.
	bbrPatience = 140
	// bbrLeastWait is how long a probe behind a failed one is put off at least.
	bbrLeastWait = 500 * time.Millisecond
)

// shallow reports whether what overflows now is a shallow queue.
func (b *BBR) shallow() bool { return b.model.rtt*100 < b.model.minRTT*bbrShallow }

// deep reports whether what overflows now is so deep a queue that seven tenths of what is in flight still fill the path. There a CUBIC flow
// that has reduced its window has what it had, so nobody has to be waited for, and who waits goes without.
func (b *BBR) deep() bool { return b.model.rtt*bbrBeta >= b.model.minRTT*100 }

// queueStands reports whether others keep a queue that is not shallow: between two probes, BBR keeps none.
func (b *BBR) queueStands() bool { return b.noise.queued >= noiseQueued && !b.shallow() }

// yield gives way, from now until others have come back, and puts the next probe off until then.
func (b *BBR) yield(now mono.Time) {
	b.endYield()
	b.yielded = bbrYield{now, b.model.bw(), b.comeback(bbrPatience), b.model.rtt}
	if b.state == bbrDown || b.state == bbrCruise {
		b.cycle.since, b.cycle.wait = now, max(b.cycle.wait, b.yielded.over)
	}
	b.regain(now)
}

func (b *BBR) endYield() {
	b.yielded = bbrYield{}
	b.model.ceiling = unlimited
}

// noWait waits for nobody: the next probe comes when it does where nothing was met.
func (b *BBR) noWait() {
	b.cycle.wait = min(b.cycle.wait, bbrProbeWait+bbrProbeSpread)
	b.endYield()
}

// regain is the way back: what is missing shrinks as the cube of the time that is left (RFC 9438 §4.2).
func (b *BBR) regain(now mono.Time) {
	y := &b.yielded
	if y.from == 0 {
		return
	}
	if y.rtt*100 >= b.model.minRTT*bbrShallow {
		// Others had filled a deep queue when the path's round trip was learnt: it is shorter than was thought.
		b.noWait()
		return
	}
	left := 1 - now.Sub(y.at).Seconds()/y.over.Seconds()
	if left <= 0 {
		b.endYield()
		return
	}
	missing := float64(y.from) * (100 - bbrBeta) / 100
	b.model.ceiling = y.from - int(missing*left*left*left)
}

// yieldStartup gives back what Startup took when it overflowed a shallow queue: all beyond what it had when losses showed that, for each
// round of Startup costs a CUBIC flow three tenths of its window, and whatever came through since then was others'.
func (b *BBR) yieldStartup(now mono.Time) {
	b.arm()
	b.model.keep(b.model.bw())
	b.yield(now)
}

// yieldCruise gives way to another flow that overflowed a shallow queue: what was delivered then is what BBR comes back to,
// and the wait for the next probe begins again.
func (b *BBR) yieldCruise(now mono.Time) {
	b.model.keep(b.model.bw())
	b.model.resetLow()
	b.yield(now)
}

// comeback is how long a CUBIC flow that has half the path is waited for, until it is where it was before a loss. RFC 9438 §4.2 calls K the time to its
// plateau. Fast convergence (§4.7) puts that below where it was, so that it takes as long again to climb there: K for half of the
// way, twice, is 2^(2/3) times K for all of it. Where round trips are short it comes back sooner: in the Reno-friendly region (§4.3)
// it wins alpha_cubic datagrams a round trip, in which the queue counts. The time is stretched to so many percent.
func (b *BBR) comeback(stretch float64) time.Duration {
	m := &b.model
	half := float64(b.bdp(100)/b.maxDatagram) / 2
	cubic := float64(2 * math.Cbrt(half*(1-cubicBeta)/2/cubicC))
	rtt := max(m.rtt, m.minRTT).Seconds()
	reno := half * (1 - cubicBeta) / cubicAlpha * rtt
	if m.minRTT > 0 {
		reno *= rtt / m.minRTT.Seconds()
	}
	wait := min(cubic, reno) * stretch / 100
	return max(bbrLeastWait, time.Duration(wait*float64(time.Second)))
}
