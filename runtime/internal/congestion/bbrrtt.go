package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// bbrProbeRTT is how BBR keeps its estimate of the round trip current: when it has not seen one as short for a
// while, it keeps little in flight for a moment, so that no queue of its own gets in the way. As short means within
// bbrSameRTT: a flow that has the path to itself sees such a round trip all the time (the draft wants a shorter one). But a
// queue that never drains looks the same, so BBR probes every bbrProbeRTTMost anyway.
type bbrProbeRTT struct {
	min       time.Duration
	minAt     mono.Time
	expired   bool
	lastAt    mono.Time // when ProbeRTT ended last
	doneAt    mono.Time // zero: not begun
	roundDone bool
}

const (
	bbrMinRTTWindow     = 10 * time.Second
	bbrProbeRTTInterval = 5 * time.Second
	bbrProbeRTTMost     = 20 * time.Second
	bbrProbeRTTTime     = 200 * time.Millisecond
	bbrSameRTT          = 3 // percent
)

// updateMinRTT takes in the round trip.
func (b *BBR) updateMinRTT(s Sample) {
	p := &b.probe
	if p.min == 0 {
		p.lastAt = s.Now
	}
	p.expired = p.min > 0 && (s.Now > p.minAt.Add(bbrProbeRTTInterval) || s.Now > p.lastAt.Add(bbrProbeRTTMost))
	switch {
	case s.RTT == 0:
	case s.RTT < p.min, p.min == 0, p.expired:
		p.min, p.minAt = s.RTT, s.Now
	case s.RTT*100 <= p.min*(100+bbrSameRTT):
		p.minAt = s.Now
	}
	m := &b.model
	if p.min > 0 && (p.min < m.minRTT || m.minRTT == 0 || s.Now > m.minRTTAt.Add(bbrMinRTTWindow)) {
		m.minRTT, m.minRTTAt = p.min, p.minAt
	}
}

// checkProbeRTT begins and ends ProbeRTT.
func (b *BBR) checkProbeRTT(s Sample) {
	p := &b.probe
	if b.state != bbrProbeRTTState && p.expired && !b.idleRestart {
		b.saveWindow()
		p.doneAt = 0
		b.cycle.phase = acksProbeStopping
		b.model.startRound(s)
		since := b.cycle.since
		b.enterPhase(s, bbrProbeRTTState, 100, bbrProbeRTTGain)
		b.cycle.since = since // of the cycle that goes on behind it
	}
	if b.state != bbrProbeRTTState {
		return
	}
	switch {
	case p.doneAt == 0 && s.BytesInFlight <= b.probeRTTWindow():
		p.doneAt, p.roundDone = s.Now.Add(bbrProbeRTTTime), false
		b.model.startRound(s)
	case p.doneAt > 0:
		p.roundDone = p.roundDone || b.model.roundStart
		if p.roundDone && s.Now > p.doneAt {
			b.endProbeRTT(s)
		}
	}
}

func (b *BBR) endProbeRTT(s Sample) {
	b.probe.minAt, b.probe.lastAt = s.Now, s.Now
	b.window = max(b.window, b.priorWindow)
	b.priorWindow = 0
	b.model.resetLow()
	if !b.filled {
		b.enterStartup()
		return
	}
	// The next probe is due when it was.
	since, wait := b.cycle.since, b.cycle.wait
	b.startDown(s)
	b.cycle.since, b.cycle.wait = since, wait
	b.enterCruise(s)
}

// probeRTTWindow is half a bandwidth-delay product.
func (b *BBR) probeRTTWindow() int {
	return max(b.bdp(bbrProbeRTTGain), bbrMinWindow*b.maxDatagram)
}
