package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// bbrCycle is BBR's position in ProbeBW: it goes down until the queue is gone, cruises, refills the pipe, then
// goes up to see whether there is more.
type bbrCycle struct {
	since mono.Time     // of the phase
	wait  time.Duration // from going down until the next probe
	phase ackPhase
	// samples: losses now are those of a probe, and bound what may be in flight in the long run.
	samples bool
	// failed: the current probe met congestion. before is the bandwidth estimate before the probe.
	failed bool
	before int
	// shallow: the last probe met congestion in a shallow queue; if that overflowed, BBR has yet to make room.
	shallow bool
	// upRounds is how many rounds the probe has lasted, growth how many bytes the bound grows by in a round,
	// upAcked how much of that has not been used yet.
	upRounds, growth, upAcked int
}

// ackPhase tells what the acknowledgements at hand are of.
type ackPhase uint8

const (
	acksInit ackPhase = iota
	acksRefilling
	acksProbeStarting
	acksProbeFeedback
	acksProbeStopping
)

const (
	bbrProbeWait   = 2 * time.Second
	bbrProbeSpread = time.Second
	bbrProbeRounds = 10
	bbrUpRounds    = 30
)

func (b *BBR) enterPhase(s Sample, state bbrState, gain, windowGain int) {
	b.state, b.cycle.since = state, s.Now
	b.pacingGain, b.windowGain = gain, windowGain
}

// startDown begins a cycle.
func (b *BBR) startDown(s Sample) {
	b.model.lossInRound, b.model.bwLatest, b.model.inflightLatest = false, 0, 0
	c := &b.cycle
	c.growth = 0
	c.wait = bbrProbeWait + time.Duration(b.draw()%uint64(bbrProbeSpread))
	if c.failed && !b.deep() {
		c.wait = b.comeback(100)
	}
	if b.yielded.from > 0 {
		c.wait = max(c.wait, b.yielded.over)
	}
	c.failed = false
	c.phase = acksProbeStopping
	b.model.startRound(s)
	b.enterPhase(s, bbrDown, bbrDownGain, bbrWindowGain)
}

func (b *BBR) startRefill(s Sample) {
	c := &b.cycle
	c.shallow = false
	b.endYield()
	c.before = b.model.bw()
	if b.noise.clean() {
		// What congestion left is where the probe begins: the highest of two cycles may be half a minute old.
		b.model.keep(c.before)
	}
	b.model.resetLow()
	c.upRounds, c.upAcked, c.phase = 0, 0, acksRefilling
	b.model.lid = unlimited
	b.model.startRound(s)
	b.enterPhase(s, bbrRefill, 100, bbrWindowGain)
}

func (b *BBR) startUp(s Sample) {
	b.cycle.phase = acksProbeStarting
	b.model.startRound(s)
	b.resetFullBW()
	b.fullBW = s.Rate
	b.raiseGrowth()
	b.enterPhase(s, bbrUp, bbrUpGain, bbrUpWindowGain)
}

// updateCycle goes on in the cycle.
func (b *BBR) updateCycle(s Sample) {
	if !b.filled {
		return
	}
	b.adaptHigh(s)
	if b.noise.noisy() {
		// What the path loses anyway holds others back, whatever BBR does.
		b.noWait()
		if b.cut {
			b.cut, b.cycle.wait = false, 0 // Startup ended for that, and may have found a part of the path only
		}
	}
	switch b.state {
	case bbrDown:
		switch {
		case b.probeDue(s):
			b.startRefill(s)
		case s.BytesInFlight <= min(b.withHeadroom(), b.bdp(100)):
			b.enterCruise(s)
		}
	case bbrCruise:
		if b.probeDue(s) {
			b.startRefill(s)
		}
	case bbrRefill:
		if b.model.roundStart {
			b.cycle.samples = true
			b.startUp(s)
		}
	case bbrUp:
		if b.upDone(s) {
			b.startDown(s)
		}
	}
}

func (b *BBR) enterCruise(s Sample) {
	since := b.cycle.since
	b.enterPhase(s, bbrCruise, 100, bbrWindowGain)
	b.cycle.since = since // the wait began with going down
}

// probeDue reports whether it is time to probe for more bandwidth. Where others keep a queue, a probe takes ten round trips, which the queue makes long, to win
// anything. There they count as part of the wait, up to half of it: else a flow that comes late to a long path stays at what it found free.
func (b *BBR) probeDue(s Sample) bool {
	wait := b.cycle.wait
	if b.queueStands() {
		wait = max(wait/2, wait-bbrProbeRounds*b.model.rtt)
	}
	return s.Now.Sub(b.cycle.since) > wait
}

// upDone reports whether the probe has seen what there is.
func (b *BBR) upDone(s Sample) bool {
	if b.windowLimited() && b.window >= b.model.inflightHigh {
		// The bound is what holds it back: it goes on while the bound grows.
		b.resetFullBW()
		b.fullBW = s.Rate
		return false
	}
	return b.fullBWNow
}

// adaptHigh raises what may be in flight in the long run, if that much has been without harm.
func (b *BBR) adaptHigh(s Sample) {
	c := &b.cycle
	if b.model.roundStart {
		switch c.phase {
		case acksProbeStarting:
			c.phase = acksProbeFeedback
		case acksProbeStopping:
			c.samples, c.phase = false, acksInit
			if b.state.probesBW() && !s.AppLimited {
				b.model.advanceMaxBW()
			}
		}
	}
	if b.model.inflightHigh == unlimited || b.noise.tooHigh(s.LostSince, s.TxInFlight, b) {
		return
	}
	b.model.inflightHigh = max(b.model.inflightHigh, s.TxInFlight)
	if b.state == bbrUp {
		b.raiseHigh(s)
	}
}

// raiseHigh lets the bound grow while a probe goes well: a datagram in the first round, then twice as many in each.
func (b *BBR) raiseHigh(s Sample) {
	if !b.windowLimited() || b.window < b.model.inflightHigh {
		return
	}
	c := &b.cycle
	c.upAcked += s.Acked
	grown := int(int64(c.upAcked) * int64(c.growth) / int64(max(1, b.window)))
	if grown >= b.maxDatagram {
		b.model.inflightHigh += grown
		c.upAcked = 0
	}
	if b.model.roundStart {
		b.raiseGrowth()
	}
}

func (b *BBR) raiseGrowth() {
	c := &b.cycle
	c.growth = min(b.maxDatagram<<min(c.upRounds, bbrUpRounds), b.window)
	c.upRounds++
}

// OnLost takes in losses: if they are congestion, they bound what may be in flight.
func (b *BBR) OnLost(l Lost) {
	b.wake(l.Now)
	if l.Fresh {
		b.undo.armed = false
	}
	b.noise.onLost(l, b)
	if !b.cycle.samples {
		return
	}
	lost, inflight := int(l.TotalLost-l.Last.Lost), int(l.Last.InFlight)
	if !b.noise.tooHigh(lost, inflight, b) {
		return
	}
	// Of what was in flight, the part up to where the share of losses became too high.
	before, lostBefore := inflight-l.Size, lost-l.Size
	allowed := b.noise.allowed(before, b)
	if before > 0 && allowed > lostBefore {
		inflight = before + (allowed-lostBefore)*100/(100-bbrLossThreshold)
	} else {
		inflight = max(0, before)
	}
	b.tooHigh(l.Now, l.TotalDelivered, inflight, l.Last.AppLimited)
}

// tooHigh ends a probe that put too much in flight.
func (b *BBR) tooHigh(now mono.Time, delivered uint64, inflight int, appLimited bool) {
	b.arm()
	b.cycle.samples = false
	b.fail()
	if !appLimited {
		b.model.inflightHigh = max(inflight, min(b.bdp(100), b.window)*bbrBeta/100)
	}
	if b.state == bbrUp {
		b.startDown(Sample{Now: now, TotalDelivered: delivered})
	}
}

// OnCE takes in marks: they are congestion, whatever else is seen.
func (b *BBR) OnCE(now, _ mono.Time) {
	b.wake(now)
	b.noise.marked = true
	b.model.lossInRound = true
	if b.cycle.samples {
		b.tooHigh(now, b.model.roundEnd, b.model.inflightLatest, false)
	}
}

// fail notes that the probe met congestion. What it gained was another flow's: half of it is given back, unless the queue is deep, since
// there the other flow goes on as before. A path that has become faster yields the other half at each probe. The probe's losses may show only
// after the next cycle has begun.
func (b *BBR) fail() {
	c := &b.cycle
	if c.failed {
		return
	}
	c.failed, c.shallow = true, b.shallow() && b.noise.clean()
	if b.state == bbrDown || b.state == bbrCruise {
		c.failed = false
		if !b.deep() {
			c.wait = b.comeback(100)
		}
	}
	if c.before == 0 || b.deep() {
		return
	}
	m := &b.model
	won := max(0, m.maxBW[0]-c.before, m.maxBW[1]-c.before)
	m.keep(c.before + won/2)
}
