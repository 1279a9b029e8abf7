package recovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

// RFC 9002 §5.3: "Before any RTT samples are available for a new path or when the
// estimator is reset, the estimator is initialized using the initial RTT",
// with "smoothed_rtt = kInitialRtt" and "rttvar = kInitialRtt / 2".
func TestRTTInitial(t *testing.T) {
	r := newRTT(InitialRTT)
	require.Equal(t, 100*ms, r.Smoothed())
	require.Equal(t, 50*ms, r.Variation())
	require.Zero(t, r.Min())
	require.Equal(t, 300*ms, r.PTO(0))
}

// RFC 9002 §5.3: "On the first RTT sample after initialization, the estimator is reset using that
// sample. This ensures that the estimator retains no history of past samples."
func TestRTTFirstSample(t *testing.T) {
	r := newRTT(InitialRTT)
	r.update(1, 20*ms, 15*ms)
	require.Equal(t, 20*ms, r.Smoothed(), "the delay is not taken off the first sample")
	require.Equal(t, 10*ms, r.Variation())
	require.Equal(t, 20*ms, r.Min())
}

// RFC 9002 §5.3: "adjusted_rtt = latest_rtt, if (latest_rtt >= min_rtt +
// ack_delay): adjusted_rtt = latest_rtt - ack_delay, smoothed_rtt = 7/8 *
// smoothed_rtt + 1/8 * adjusted_rtt, rttvar_sample = abs(smoothed_rtt -
// adjusted_rtt), rttvar = 3/4 * rttvar + 1/4 * rttvar_sample".
func TestRTTSample(t *testing.T) {
	r := newRTT(InitialRTT)
	r.update(1, 16*ms, 0)
	r.update(2, 40*ms, 8*ms)
	require.Equal(t, (7*16*ms+32*ms)/8, r.Smoothed())
	require.Equal(t, (3*8*ms+16*ms)/4, r.Variation())
	require.Equal(t, 16*ms, r.Min())
	require.Equal(t, 40*ms, r.Latest())
}

// RFC 9002 §5.3: "MUST NOT subtract the acknowledgment delay from the RTT sample if
// the resulting value is smaller than the min_rtt."
func TestRTTDelayNeverBelowMinimum(t *testing.T) {
	r := newRTT(InitialRTT)
	r.update(1, 16*ms, 0)
	r.update(2, 20*ms, 8*ms)
	require.Equal(t, (7*16*ms+20*ms)/8, r.Smoothed())
}

// RFC 9002 §5.2: "min_rtt MUST be set to the lesser of min_rtt and latest_rtt".
func TestRTTMinimum(t *testing.T) {
	r := newRTT(InitialRTT)
	r.update(1, 16*ms, 0)
	r.update(2, 9*ms, 5*ms)
	require.Equal(t, 9*ms, r.Min(), "the peer's delay does not count")
}

// RFC 9002 §6.2.1: "PTO = smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay".
func TestPTOPeriod(t *testing.T) {
	r := newRTT(InitialRTT)
	for range 100 {
		r.update(1, 10*ms, 0)
	}
	require.Less(t, r.Variation(), ms/4)
	require.Equal(t, r.Smoothed()+ms+5*ms, r.PTO(5*ms))
}

// Whatever is measured, the estimate lies between the smallest and the largest sample.
func TestRTTStaysWithinSamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRTT(InitialRTT)
		low, high := time.Hour, time.Duration(0)
		for range rapid.IntRange(1, 50).Draw(t, "samples") {
			latest := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "latest"))
			delay := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "delay"))
			r.update(1, latest, delay)
			latest = max(latest, time.Microsecond)
			low, high = min(low, latest), max(high, latest)
			require.Equal(t, low, r.Min())
			require.GreaterOrEqual(t, r.Smoothed()+8, low, "rounding takes at most a few ns")
			require.LessOrEqual(t, r.Smoothed(), high)
			require.GreaterOrEqual(t, r.Variation(), time.Duration(0))
		}
	})
}
