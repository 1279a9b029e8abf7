package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// bbrModel is what BBR knows of the path.
type bbrModel struct {
	// maxBW is the highest bandwidth of this cycle and of the one before, in bytes a second.
	maxBW [2]int
	// lid bounds the bandwidth estimate until the next probe.
	lid int
	// bwLow and inflightLow bound what congestion lets through for now, inflightHigh what may be in flight in the long run.
	bwLow, inflightLow, inflightHigh int
	// ceiling bounds the bandwidth while BBR makes room for others (bbryield.go).
	ceiling int

	// rtt is the latest round trip.
	rtt, minRTT time.Duration
	minRTTAt    mono.Time

	// A round trip is over when something is acknowledged that was sent after its beginning.
	roundEnd   uint64
	rounds     int
	roundStart bool

	// bwLatest and inflightLatest are the highest of the loss round at hand.
	bwLatest, inflightLatest int
	lossRoundEnd             uint64
	lossRoundStart           bool
	lossInRound              bool

	// What was acknowledged beyond the bandwidth since an epoch began, and the highest of two windows of rounds.
	extraSince mono.Time
	extraBytes int
	extra      [2]int
	extraRound int
	appLimited bool
}

// bbrExtraRounds is how many rounds extra remembers, at least.
const bbrExtraRounds = 5

func newBBRModel() bbrModel {
	return bbrModel{lid: unlimited, ceiling: unlimited, bwLow: unlimited, inflightLow: unlimited, inflightHigh: unlimited}
}

// bw is the bandwidth to count with.
func (m *bbrModel) bw() int { return min(max(m.maxBW[0], m.maxBW[1]), m.bwLow, m.ceiling) }

func (m *bbrModel) bdp(bw int) int {
	return int(int64(bw) * m.minRTT.Microseconds() / int64(time.Second/time.Microsecond))
}

// startRound begins a round now.
func (m *bbrModel) startRound(s Sample) { m.roundEnd = s.TotalDelivered }

// updateModel takes in the rate.
func (b *BBR) updateModel(s Sample) {
	m := &b.model
	m.appLimited = s.AppLimited
	if s.RTT > 0 {
		m.rtt = s.RTT
	}
	b.regain(s.Now)
	m.roundStart = s.PriorDelivered >= m.roundEnd
	if m.roundStart {
		m.startRound(s)
		m.rounds++
	}
	m.bwLatest, m.inflightLatest = max(m.bwLatest, s.Rate), max(m.inflightLatest, s.Delivered)
	if m.lossRoundStart = s.PriorDelivered >= m.lossRoundEnd; m.lossRoundStart {
		m.lossRoundEnd = s.TotalDelivered
	}
	if s.Rate > 0 && (s.Rate >= max(m.maxBW[0], m.maxBW[1]) || !s.AppLimited) {
		m.maxBW[1] = max(m.maxBW[1], min(s.Rate, m.lid))
	}
}

// keep forgets what is more than so much bandwidth, until the next probe.
func (m *bbrModel) keep(bw int) {
	m.lid = bw
	m.maxBW = [2]int{min(m.maxBW[0], bw), min(m.maxBW[1], bw)}
}

// advanceMaxBW ends a cycle of the filter.
func (m *bbrModel) advanceMaxBW() {
	if m.maxBW[1] > 0 {
		m.maxBW = [2]int{m.maxBW[1], 0}
	}
}

// advance begins a loss round.
func (m *bbrModel) advance(s Sample) {
	if m.lossRoundStart {
		m.bwLatest, m.inflightLatest = s.Rate, s.Delivered
	}
}

// updateCongestionSignals lowers the short-term bounds at the end of a round that met congestion.
func (b *BBR) updateCongestionSignals(s Sample) {
	m := &b.model
	if !m.lossRoundStart {
		return
	}
	if m.lossInRound && !b.probing() {
		b.arm()
		if m.bwLow == unlimited {
			m.bwLow = max(m.maxBW[0], m.maxBW[1])
		}
		if m.inflightLow == unlimited {
			m.inflightLow = b.window
		}
		m.bwLow = max(m.bwLatest, m.bwLow*bbrBeta/100)
		m.inflightLow = max(m.inflightLatest, m.inflightLow*bbrBeta/100)
		if b.filled && b.shallow() && b.noise.clean() {
			b.yieldCruise(s.Now)
		}
	}
	m.lossInRound = false
}

// probing reports whether more than what the model says is being tried.
func (b *BBR) probing() bool {
	return b.state == bbrStartup || b.state == bbrRefill || b.state == bbrUp
}

func (m *bbrModel) resetLow() { m.bwLow, m.inflightLow = unlimited, unlimited }

// arm remembers what OnSpurious restores.
func (b *BBR) arm() {
	if !b.undo.armed {
		m := &b.model
		b.undo = bbrUndo{m.bwLow, m.inflightLow, m.inflightHigh, m.lid, m.maxBW, true}
	}
}

// restart forgets the epoch of aggregation: nothing was sent for a while.
func (m *bbrModel) restart(now mono.Time) { m.extraSince, m.extraBytes = now, 0 }

// updateAggregation measures how far acknowledgements run ahead of the bandwidth: they come in lumps, and
// while one is awaited, sending is to go on.
func (m *bbrModel) updateAggregation(s Sample, window int) {
	if m.roundStart {
		if m.extraRound++; m.extraRound >= bbrExtraRounds {
			m.extra, m.extraRound = [2]int{m.extra[1], 0}, 0
		}
	}
	if s.Acked == 0 {
		return
	}
	expected := int(int64(m.bw()) * s.Now.Sub(m.extraSince).Microseconds() / int64(time.Second/time.Microsecond))
	if m.extraBytes <= expected {
		m.extraBytes, m.extraSince, expected = 0, s.Now, 0
	}
	m.extraBytes += s.Acked
	m.extra[1] = max(m.extra[1], min(m.extraBytes-expected, window))
}

// extraAcked is the highest aggregation of the last rounds.
func (m *bbrModel) extraAcked() int { return max(m.extra[0], m.extra[1]) }
