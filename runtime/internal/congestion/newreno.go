package congestion

import "github.com/sessgen/sessgen/runtime/internal/mono"

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
}

const (
	// initialPackets: "Endpoints SHOULD use an initial congestion window of ten
	// times the maximum datagram size" (RFC 9002 §7.2).
	initialPackets = 10
	// minimumPackets: "The RECOMMENDED value is 2 * max_datagram_size" (RFC 9002 §7.2).
	minimumPackets = 2
	unlimited      = int(^uint(0) >> 1)
)

var _ Controller = (*NewReno)(nil)

// NewNewReno returns a controller for datagrams of at most maxDatagram bytes.
func NewNewReno(maxDatagram int) *NewReno {
	return &NewReno{
		maxDatagram: maxDatagram,
		window:      initialPackets * maxDatagram,
		ssthresh:    unlimited,
	}
}

// OnSent does nothing: the window depends on what comes back.
func (r *NewReno) OnSent(mono.Time, int, int) {}

// OnAcked grows the window, by bytes and never by the number of ACK frames, so
// that splitting an ACK gains nothing.
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
	if r.inRecovery(l.LastSentAt) {
		return
	}
	r.recoveryStart, r.recovered = l.Now, true
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
}

// Window is the congestion window in bytes.
func (r *NewReno) Window() int { return r.window }

// SlowStart reports whether the window is below the threshold.
func (r *NewReno) SlowStart() bool { return r.window < r.ssthresh }

func (r *NewReno) minimum() int { return minimumPackets * r.maxDatagram }

func (r *NewReno) inRecovery(sentAt mono.Time) bool {
	return r.recovered && sentAt <= r.recoveryStart
}

// utilized tells whether what was in flight filled the window well enough for an
// acknowledgement to say that more would go through. RFC 9002 §7.8: "When bytes
// in flight is smaller than the congestion window and sending is not pacing
// limited, the congestion window is underutilized. […] the congestion window
// SHOULD NOT be increased". In slow start half is enough: it doubles each round trip.
func (r *NewReno) utilized(bytesInFlight int) bool {
	if r.SlowStart() && bytesInFlight > r.window/2 {
		return true
	}
	return bytesInFlight+3*r.maxDatagram >= r.window
}
