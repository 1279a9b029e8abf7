package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// hystart ends slow start before it overflows the path (HyStart++, RFC 9406): when the round trip has grown
// over a round, slow start continues slowly for a few more rounds, and stops unless the round trip has shrunk
// again.
type hystart struct {
	roundEnd     uint64 // the delivered count that ends the round
	began        bool
	lastMin, min time.Duration
	samples      int
	// slow: conservative slow start, for so many more rounds. baseline is the round trip that it began with.
	slow     bool
	rounds   int
	baseline time.Duration
}

// The constants of RFC 9406 §4.3.
const (
	hystartMinThresh    = 4 * time.Millisecond
	hystartMaxThresh    = 16 * time.Millisecond
	hystartDivisor      = 8
	hystartSamples      = 8
	hystartGrowth       = 4
	hystartSlowRounds   = 5
	hystartUndetermined = time.Duration(mono.Never)
)

func newHystart() hystart {
	return hystart{lastMin: hystartUndetermined, min: hystartUndetermined}
}

// growth is how much of size the window grows by. RFC 9406 §4.2: in conservative slow start "cwnd = cwnd + (min(N, L * SMSS) / CSS_GROWTH_DIVISOR)".
func (h *hystart) growth(size int) int {
	if h.slow {
		return size / hystartGrowth
	}
	return size
}

// onAck reports whether slow start is over.
func (h *hystart) onAck(s Sample) bool {
	over := false
	if !h.began || s.PriorDelivered >= h.roundEnd {
		over = h.slow && h.endSlowRound()
		h.began, h.roundEnd = true, s.TotalDelivered
		h.lastMin, h.min, h.samples = h.min, hystartUndetermined, 0
	}
	if s.RTT == 0 {
		return over
	}
	h.min = min(h.min, s.RTT)
	h.samples++
	if h.samples < hystartSamples || h.lastMin == hystartUndetermined {
		return over
	}
	switch {
	case h.slow && h.min < h.baseline:
		// RFC 9406 §4.2: the growth was spurious, "resume slow start".
		h.slow, h.baseline = false, hystartUndetermined
	case !h.slow && h.min >= h.lastMin+max(hystartMinThresh, min(h.lastMin/hystartDivisor, hystartMaxThresh)):
		h.slow, h.rounds, h.baseline = true, hystartSlowRounds, h.min
	}
	return over
}

// endSlowRound reports whether that was the last round of conservative slow start.
func (h *hystart) endSlowRound() bool {
	h.rounds--
	return h.rounds <= 0
}
