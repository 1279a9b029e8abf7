package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// BBR is draft-ietf-ccwg-bbr (version 3): it measures the path's bandwidth and round trip, and sends at that
// rate with about two bandwidth-delay products in flight, rather than until something is lost. Names are the
// draft's, in this project's spelling.
//
// It deviates in four places: it does not count as congestion what the path loses anyway (noise.go); a probe that met
// congestion keeps only half of what it gained, and the next one waits until a CUBIC flow would have recovered, unless the queue is deep (fail);
// if the queue is shallow, it makes room in the meantime (bbryield.go); and where others keep a queue, it probes sooner (probeDue).
type BBR struct {
	maxDatagram int
	random      uint64
	window      int
	rate        int  // bytes a second
	filled      bool // the pipe was full, once
	rested      bbrRested
	*bbrRun     // nil at rest: see bbrrest.go
}

// bbrRun is BBR's state while packets flow.
type bbrRun struct {
	state      bbrState
	pacingGain int // in percent, as is windowGain
	windowGain int
	// priorWindow is what the window was before ProbeRTT or an episode of nothing.
	priorWindow int

	model bbrModel
	noise noise
	cycle bbrCycle
	probe bbrProbeRTT

	// fullBW and fullBWCount find the plateau of the bandwidth: after three rounds without a quarter more it is reached.
	fullBW, fullBWCount int
	fullBWNow           bool
	idleRestart         bool
	// cut: losses ended Startup, and whether they were the path's own is not known yet.
	cut bool
	// limited: the window was what held packets back, in this round or the one before.
	limited, limitedBefore bool
	yielded                bbrYield
	undo                   bbrUndo
}

// bbrState is what BBR is about.
type bbrState uint8

const (
	bbrStartup bbrState = iota
	bbrDrain
	bbrDown
	bbrCruise
	bbrRefill
	bbrUp
	bbrProbeRTTState
)

func (s bbrState) String() string {
	return [...]string{"Startup", "Drain", "ProbeBW_DOWN", "ProbeBW_CRUISE", "ProbeBW_REFILL", "ProbeBW_UP", "ProbeRTT"}[s]
}

func (s bbrState) probesBW() bool { return s >= bbrDown && s <= bbrUp }

// bbrUndo is what the losses of the current round changed.
type bbrUndo struct {
	bwLow, inflightLow, inflightHigh, lid int
	maxBW                                 [2]int
	armed                                 bool
}

// The draft's constants; gains in percent.
const (
	bbrStartupGain       = 277
	bbrDrainGain         = 50
	bbrDownGain          = 90
	bbrUpGain            = 125
	bbrWindowGain        = 200
	bbrUpWindowGain      = 225
	bbrProbeRTTGain      = 50
	bbrMargin            = 1  // the rate is so many percent less than the bandwidth
	bbrBeta              = 70 // what a reduction leaves
	bbrHeadroom          = 15
	bbrMinWindow         = 4 // datagrams
	bbrLossThreshold     = 2 // percent of a round
	bbrStartupFullRounds = 3
	bbrStartupFullLosses = 6
)

var _ Controller = (*BBR)(nil)

// NewBBR returns a controller for datagrams of at most maxDatagram bytes. The seed decides when it probes, so
// that flows that share a path do not probe in step.
func NewBBR(maxDatagram int, seed uint64) *BBR {
	b := &BBR{
		maxDatagram: maxDatagram,
		random:      seed,
		window:      InitialWindow(maxDatagram),
		bbrRun:      &bbrRun{model: newBBRModel()},
	}
	b.enterStartup()
	return b
}

func (b *BBR) enterStartup() {
	b.state = bbrStartup
	b.pacingGain, b.windowGain = bbrStartupGain, bbrWindowGain
}

// OnSent notices the end of an idle time, and whether the window is what holds packets back.
func (b *BBR) OnSent(now mono.Time, size, bytesInFlight int) {
	b.wake(now)
	if bytesInFlight == 0 && b.model.appLimited {
		b.idleRestart = true
		b.model.restart(now)
		if b.state.probesBW() {
			b.setRate(100)
		}
	}
	if bytesInFlight+size+2*b.maxDatagram > b.window {
		b.limited = true
	}
}

// OnAcked does nothing: the sample of the whole frame counts.
func (b *BBR) OnAcked(Acked) {}

// OnAck takes in a sample, and updates how much and how fast to send.
func (b *BBR) OnAck(s Sample) {
	b.wake(s.Now)
	b.updateModel(s)
	b.noise.onAck(s, b)
	if b.noise.probeFull {
		b.noise.probeFull = false
		b.tooHigh(s.Now, s.TotalDelivered, s.TxInFlight, s.AppLimited)
	}
	if b.noise.overflow {
		b.noise.overflow = false
		if b.cycle.shallow {
			b.cycle.shallow = false
			b.yield(s.Now)
		}
	}
	b.updateCongestionSignals(s)
	b.model.updateAggregation(s, b.window)
	b.checkFullBW(s)
	b.checkStartup(s)
	b.checkDrain(s)
	b.updateCycle(s)
	b.updateMinRTT(s)
	b.checkProbeRTT(s)
	b.model.advance(s)
	if s.Delivered > 0 {
		b.idleRestart = false
	}
	b.setRate(b.pacingGain)
	b.setWindow(s)
	if b.model.roundStart {
		b.limitedBefore, b.limited = b.limited, false
	}
}

// windowLimited reports whether the window was full lately.
func (b *BBR) windowLimited() bool { return b.limited || b.limitedBefore }

// checkFullBW checks whether the bandwidth is still growing.
func (b *BBR) checkFullBW(s Sample) {
	if b.fullBWNow || !b.model.roundStart || s.AppLimited {
		return
	}
	if s.Rate >= b.fullBW*125/100 {
		b.resetFullBW()
		b.fullBW = s.Rate
		return
	}
	b.fullBWCount++
	b.fullBWNow = b.fullBWCount >= bbrStartupFullRounds
	b.filled = b.filled || b.fullBWNow
}

func (b *BBR) resetFullBW() { b.fullBW, b.fullBWCount, b.fullBWNow = 0, 0, false }

// checkStartup ends Startup when the pipe is full: the bandwidth has reached its plateau, or too much was lost.
func (b *BBR) checkStartup(s Sample) {
	if b.state != bbrStartup {
		return
	}
	if b.noise.startupFull {
		b.filled, b.cut = true, true
		b.model.inflightHigh = max(b.bdp(100), b.model.inflightLatest)
		if b.shallow() {
			b.yieldStartup(s.Now)
		}
	}
	if b.filled {
		b.noise.endStartup()
		b.state = bbrDrain
		b.pacingGain, b.windowGain = bbrDrainGain, bbrWindowGain
	}
}

// checkDrain ends Drain when the queue that Startup made is gone.
func (b *BBR) checkDrain(s Sample) {
	if b.state == bbrDrain && s.BytesInFlight <= b.bdp(100) {
		b.startDown(s)
	}
}

// bdp is gain times bandwidth times round trip, in bytes; the initial window while the round trip is unknown.
func (b *BBR) bdp(gain int) int {
	if b.model.minRTT == 0 {
		return InitialWindow(b.maxDatagram)
	}
	return b.model.bdp(b.model.bw()) * gain / 100
}

// target is the gain times the bandwidth-delay product, plus what a window of that size needs to allow for
// bursts.
func (b *BBR) target(gain int) int {
	inflight := max(b.bdp(gain), 3*b.quantum(), bbrMinWindow*b.maxDatagram)
	if b.state == bbrUp {
		inflight += 2 * b.maxDatagram
	}
	return inflight
}

// quantum is what is sent in one burst.
func (b *BBR) quantum() int { return min(max(b.rate/1000, 2*b.maxDatagram), quantumMax) }

// setRate sets the pacing rate. Until the pipe is full it only grows.
func (b *BBR) setRate(gain int) {
	rate := b.model.bw() * gain / 100 * (100 - bbrMargin) / 100
	if b.rate == 0 && b.model.minRTT > 0 {
		// Before anything is known of the bandwidth: the initial window in a round trip.
		rate = max(rate, perRTT(InitialWindow(b.maxDatagram)*bbrStartupGain/100, b.model.minRTT))
	}
	if b.filled || rate > b.rate {
		b.rate = rate
	}
}

// setWindow sets the window.
func (b *BBR) setWindow(s Sample) {
	most := b.target(b.windowGain) + b.model.extraAcked()
	switch {
	case b.filled:
		b.window = min(b.window+s.Acked, most)
	case b.window < most || s.TotalDelivered < uint64(InitialWindow(b.maxDatagram)):
		b.window += s.Acked
	}
	b.window = max(b.window, bbrMinWindow*b.maxDatagram)
	if b.state == bbrProbeRTTState {
		b.window = min(b.window, b.probeRTTWindow())
	}
	b.boundWindow()
}

// boundWindow keeps the window within what the model says is safe.
func (b *BBR) boundWindow() {
	limit := unlimited
	switch {
	case b.state.probesBW() && b.state != bbrCruise:
		limit = b.model.inflightHigh
	case b.state == bbrProbeRTTState, b.state == bbrCruise:
		limit = b.withHeadroom()
	}
	limit = min(limit, b.model.inflightLow)
	b.window = min(b.window, max(limit, bbrMinWindow*b.maxDatagram))
}

// withHeadroom is what may be in flight while others must find room as well.
func (b *BBR) withHeadroom() int {
	high := b.model.inflightHigh
	if high == unlimited {
		return unlimited
	}
	return max(high-max(b.maxDatagram, high*bbrHeadroom/100), bbrMinWindow*b.maxDatagram)
}

// OnPersistentCongestion keeps the model, and sends the minimum until something comes back.
func (b *BBR) OnPersistentCongestion(now mono.Time) {
	b.wake(now)
	b.saveWindow()
	// RFC 9002 §7.6.2: "When persistent congestion is declared, the sender's
	// congestion window MUST be reduced to the minimum congestion window".
	b.window = minimumPackets * b.maxDatagram
}

func (b *BBR) saveWindow() {
	b.priorWindow = max(b.priorWindow, b.window)
}

// OnSpurious takes back what the last losses changed.
func (b *BBR) OnSpurious(mono.Time) {
	if b.bbrRun == nil || !b.undo.armed {
		return
	}
	u := b.undo
	b.undo = bbrUndo{}
	b.resetFullBW()
	b.endYield()
	b.model.lossInRound = false
	b.model.bwLow = max(b.model.bwLow, u.bwLow)
	b.model.inflightLow = max(b.model.inflightLow, u.inflightLow)
	b.model.inflightHigh = max(b.model.inflightHigh, u.inflightHigh)
	b.model.lid = max(b.model.lid, u.lid)
	b.model.maxBW[1] = max(b.model.maxBW[1], u.maxBW[0], u.maxBW[1])
}

// SetMaxDatagram hears how large datagrams may be.
func (b *BBR) SetMaxDatagram(bytes int) {
	b.window = rescale(b.window, b.maxDatagram, bytes)
	b.maxDatagram = bytes
}

// Window is the congestion window in bytes.
func (b *BBR) Window() int { return b.window }

// Rate is the pacing rate. It is never too low for the minimum window to be sent in a round trip.
func (b *BBR) Rate(smoothedRTT time.Duration) int {
	return max(b.rate, perRTT(bbrMinWindow*b.maxDatagram, smoothedRTT))
}

// SlowStart reports whether the pipe has not been filled yet.
func (b *BBR) SlowStart() bool { return !b.filled }

// draw is the next random number (splitmix64).
func (b *BBR) draw() uint64 {
	b.random += 0x9e3779b97f4a7c15
	z := b.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
