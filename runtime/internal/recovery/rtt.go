package recovery

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

const (
	// granularity is the coarsest step of the timers that drive a connection
	// (RFC 9002 §6.1.2, kGranularity).
	granularity = time.Millisecond
	// InitialRTT stands for the round trip until the first sample (RFC 9002 §6.2.2 allows a better guess than its 333 ms).
	InitialRTT = 100 * time.Millisecond
)

// RTT estimates the round-trip time of a path (RFC 9002 §5).
type RTT struct {
	latestRTT, minRTT, smoothedRTT, rttvar time.Duration
	firstSample                            mono.Time
	sampled                                bool
}

// newRTT returns the estimate of a path that nothing is known of.
func newRTT(initial time.Duration) RTT {
	// RFC 9002 §5.3: "smoothed_rtt = kInitialRtt, rttvar = kInitialRtt / 2".
	return RTT{smoothedRTT: initial, rttvar: initial / 2}
}

// Latest, Min, Smoothed and Variation are the values of RFC 9002 §5; Min is zero before the first sample.
func (r *RTT) Latest() time.Duration    { return r.latestRTT }
func (r *RTT) Min() time.Duration       { return r.minRTT }
func (r *RTT) Smoothed() time.Duration  { return r.smoothedRTT }
func (r *RTT) Variation() time.Duration { return r.rttvar }

// update takes in a sample. ackDelay is how long the peer held the acknowledgement back, already limited to
// what may be believed. RFC 9002 §5.2: "min_rtt MUST be set to the latest_rtt on the first RTT sample", afterwards "to the
// lesser of min_rtt and latest_rtt".
func (r *RTT) update(now mono.Time, latest, ackDelay time.Duration) {
	// RFC 9002 §5.1 takes the time between sending and acknowledgement; a clock as
	// coarse as a path is short still has to count forwards.
	latest = max(latest, time.Microsecond)
	r.latestRTT = latest
	if !r.sampled {
		r.sampled, r.firstSample = true, now
		r.minRTT = latest
		// RFC 9002 §5.3: "smoothed_rtt = latest_rtt, rttvar = latest_rtt / 2".
		r.smoothedRTT = latest
		r.rttvar = latest / 2
		return
	}
	r.minRTT = min(r.minRTT, latest)
	adjusted := latest
	// RFC 9002 §5.3: "MUST NOT subtract the acknowledgment delay from the RTT sample
	// if the resulting value is smaller than the min_rtt."
	if latest-ackDelay >= r.minRTT {
		adjusted = latest - ackDelay
	}
	r.rttvar = (3*r.rttvar + (r.smoothedRTT - adjusted).Abs()) / 4
	r.smoothedRTT = (7*r.smoothedRTT + adjusted) / 8
}

// PTO is the probe timeout without back-off (RFC 9002 §6.2.1): "smoothed_rtt +
// max(4*rttvar, kGranularity) + max_ack_delay".
func (r *RTT) PTO(maxAckDelay time.Duration) time.Duration {
	return r.smoothedRTT + max(4*r.rttvar, granularity) + maxAckDelay
}
