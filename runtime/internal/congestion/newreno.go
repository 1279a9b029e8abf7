package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// NewReno is the algorithm of RFC 9002 §7: the window doubles each round trip
// until something is lost, then grows by a datagram each round trip and halves
// once for each round trip with losses.
type NewReno struct {
	maxDatagram int
	window      int
	// ssthresh is the window at which slow start ends.
	ssthresh int
	// ackedBytes counts towards the next datagram of growth in congestion avoidance.
	ackedBytes int
	// recoveryStart is when the last recovery period began: losses of packets sent before it change nothing more.
	recoveryStart mono.Time
	recovered     bool
	// undo is what the window and the threshold were before the last recovery period; zero means nothing to undo.
	undoWindow, undoThreshold int
}

var _ Controller = (*NewReno)(nil)

// NewNewReno returns a controller for datagrams of at most maxDatagram bytes.
func NewNewReno(maxDatagram int) *NewReno {
	return &NewReno{
		maxDatagram: maxDatagram,
		window:      InitialWindow(maxDatagram),
		ssthresh:    unlimited,
	}
}

// OnSent does nothing: the window depends on what comes back.
func (r *NewReno) OnSent(mono.Time, int, int) {}

// OnAcked grows the window, by bytes and never by the number of ACK frames, so
// that splitting an ACK gains nothing. RFC 9002 §7.3.3: increase "to at most one maximum datagram size for each congestion
// window that is acknowledged".
func (r *NewReno) OnAcked(a Acked) {
	// RFC 9002 §7.3.2: "A recovery period ends and the sender enters congestion
	// avoidance when a packet sent during the recovery period is acknowledged."
	// Until then the window stays.
	if r.inRecovery(a.SentAt) || !r.utilized(a.BytesInFlight) {
		return
	}
	if r.SlowStart() {
		r.window = min(r.window+a.Size, max(r.ssthresh, r.window))
		return
	}
	r.ackedBytes += a.Size
	if r.ackedBytes >= r.window {
		r.ackedBytes -= r.window
		r.window += r.maxDatagram
	}
}

// OnLost halves the window, once a recovery period.
func (r *NewReno) OnLost(l Lost) {
	r.congested(l.Now, l.LastSentAt)
}

// OnCE halves the window as a loss does. RFC 9002 §7.1: "If a path has been validated to support Explicit
// Congestion Notification […] QUIC treats a Congestion Experienced (CE) codepoint in the IP header as a signal of
// congestion." RFC 8085 §3.1.7: "MUST provide an appropriate congestion reaction when it receives feedback indicating that
// congestion has been experienced".
func (r *NewReno) OnCE(now, sentAt mono.Time) {
	r.congested(now, sentAt)
	r.undoWindow = 0 // a mark is never spurious
}

// RFC 9002 §7.3.1: "The sender MUST exit slow start and enter a recovery period when a packet is lost or when the ECN-CE
// count reported by its peer increases."
func (r *NewReno) congested(now, sentAt mono.Time) {
	if r.inRecovery(sentAt) {
		return
	}
	r.undoWindow, r.undoThreshold = r.window, r.ssthresh
	r.recoveryStart, r.recovered = now, true
	r.ackedBytes = 0
	// RFC 9002 §7.3.2: "On entering a recovery period, a sender MUST set the slow
	// start threshold to half the value of the congestion window when loss is detected."
	r.ssthresh = max(r.window/2, r.minimum())
	r.window = r.ssthresh
}

// OnPersistentCongestion falls back to the minimum window.
func (r *NewReno) OnPersistentCongestion(mono.Time) {
	// RFC 9002 §7.6.2: "When persistent congestion is declared, the sender's
	// congestion window MUST be reduced to the minimum congestion window."
	r.window = r.minimum()
	r.ackedBytes = 0
	r.recovered = false
	r.undoWindow = 0
}

// OnAck does nothing: what counts are the packets.
func (r *NewReno) OnAck(Sample) {}

// OnSpurious takes the last reduction back.
func (r *NewReno) OnSpurious(mono.Time) {
	if r.undoWindow == 0 {
		return
	}
	r.window, r.ssthresh = max(r.window, r.undoWindow), r.undoThreshold
	r.undoWindow, r.recovered = 0, false
}

// SetMaxDatagram hears how large datagrams may be.
func (r *NewReno) SetMaxDatagram(bytes int) {
	r.window = rescale(r.window, r.maxDatagram, bytes)
	r.maxDatagram = bytes
}

// Rest does nothing: there is little.
func (r *NewReno) Rest() {}

// Rate is a little more than a window a round trip.
func (r *NewReno) Rate(smoothedRTT time.Duration) int {
	return windowRate(r.window, smoothedRTT, r.SlowStart())
}

// Window is the congestion window in bytes.
func (r *NewReno) Window() int { return r.window }

// SlowStart reports whether the window is below the threshold.
func (r *NewReno) SlowStart() bool { return r.window < r.ssthresh }

func (r *NewReno) minimum() int { return minimumPackets * r.maxDatagram }

func (r *NewReno) inRecovery(sentAt mono.Time) bool {
	return r.recovered && sentAt <= r.recoveryStart
}

func (r *NewReno) utilized(bytesInFlight int) bool {
	return utilized(r.window, bytesInFlight, r.maxDatagram, r.SlowStart())
}

// utilized tells whether what was in flight filled the window well enough for an
// acknowledgement to say that more would go through. RFC 9002 §7.8: "When bytes
// in flight is smaller than the congestion window and sending is not pacing
// limited, the congestion window is underutilized. […] the congestion window
// SHOULD NOT be increased". In slow start half is enough: it doubles each round trip.
func utilized(window, bytesInFlight, maxDatagram int, slowStart bool) bool {
	if slowStart && bytesInFlight > window/2 {
		return true
	}
	return bytesInFlight+3*maxDatagram >= window
}

// rescale is what a window becomes when datagrams change their size. RFC 9002 §7.2: "If the maximum datagram size changes during
// the connection, the initial congestion window SHOULD be recalculated with the new size." A window that is still the initial one
// shrinks with it, and none is less than the minimum. None grows but for that: RFC 8899 §3, "An update to the PLPMTU (or MPS) MUST
// NOT increase the congestion window measured in bytes".
func rescale(window, from, to int) int {
	if to < from && window == InitialWindow(from) {
		return InitialWindow(to)
	}
	return max(window, minimumPackets*to)
}
