package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// bbrRested is what BBR knows of the path when it returns from a rest: its speed, its round trip, how much it
// holds, and what it loses anyway.
type bbrRested struct {
	maxBW        [2]int
	inflightHigh int
	minRTT       time.Duration
	minRTTAt     mono.Time
	share        float64
	stretches    int
}

// Rest keeps the model. Rounds, the place in the cycle and the congestion of the moment are forgotten.
func (b *BBR) Rest() {
	if b.bbrRun == nil {
		return
	}
	m := &b.model
	if b.state == bbrProbeRTTState {
		b.window = max(b.window, b.priorWindow)
	}
	share, stretches := b.noise.known()
	b.rested = bbrRested{m.maxBW, m.inflightHigh, m.minRTT, m.minRTTAt, share, stretches}
	b.bbrRun = nil
}

// wake goes on after a rest as the draft does after an idle time: at the rate of the model, with
// the next probe for more a while away. Where the pipe has not been full yet, Startup goes on.
func (b *BBR) wake(now mono.Time) {
	if b.bbrRun != nil {
		return
	}
	r := &b.rested
	b.bbrRun = &bbrRun{model: newBBRModel()}
	m := &b.model
	m.maxBW, m.inflightHigh, m.minRTT, m.minRTTAt = r.maxBW, r.inflightHigh, r.minRTT, r.minRTTAt
	m.appLimited = true
	b.probe.min, b.probe.minAt, b.probe.lastAt = r.minRTT, r.minRTTAt, now
	b.noise.recall(r.share, r.stretches)
	if !b.filled {
		b.enterStartup()
		return
	}
	s := Sample{Now: now}
	b.startDown(s)
	b.enterCruise(s)
}
