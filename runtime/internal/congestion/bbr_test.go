package congestion

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// after is a time in milliseconds.
func after(ms int64) mono.Time { return mono.Time(ms * int64(time.Millisecond)) }

// cruising is BBR that knows a path of 10 MB/s and 100 ms, between two probes.
func cruising() *BBR {
	b := NewBBR(1200, 1)
	b.filled = true
	b.model.minRTT, b.model.minRTTAt = 100*time.Millisecond, after(0)
	b.model.maxBW = [2]int{10e6, 10e6}
	b.startDown(Sample{Now: after(0)})
	b.enterCruise(Sample{Now: after(0)})
	return b
}

// Of what a probe won half is given back when it meets congestion, also of what is acknowledged later, until the next probe; and that one
// waits for a CUBIC flow.
func TestBBRFailedProbe(t *testing.T) {
	for name, ended := range map[string]bool{"while it lasts": false, "behind it": true} {
		t.Run(name, func(t *testing.T) {
			b := cruising()
			b.startRefill(Sample{Now: after(3000)})
			b.startUp(Sample{Now: after(3100)})
			b.model.maxBW[1] = 12e6
			if ended {
				b.startDown(Sample{Now: after(3500)})
				require.Less(t, b.cycle.wait, b.comeback())
			}
			b.tooHigh(after(3600), 0, 1<<20, false)
			require.Equal(t, bbrDown, b.state)
			require.Equal(t, 11_000_000, b.model.bw())
			require.GreaterOrEqual(t, b.cycle.wait, b.comeback())
			b.updateModel(Sample{Now: after(3700), Rate: 12e6})
			require.Equal(t, 11_000_000, b.model.bw())

			b.startRefill(Sample{Now: after(20000)})
			b.updateModel(Sample{Now: after(20100), Rate: 12e6})
			require.Equal(t, 12_000_000, b.model.bw())
		})
	}
}

// What a failed probe gave back is BBR's again, where all that it seemed to lose has arrived.
func TestBBRFailedProbeWasSpurious(t *testing.T) {
	b := cruising()
	b.startRefill(Sample{Now: after(3000)})
	b.startUp(Sample{Now: after(3100)})
	b.model.maxBW[1] = 12e6
	b.tooHigh(after(3600), 0, 1<<20, false)
	b.OnSpurious(after(3700))
	require.Equal(t, 12_000_000, b.model.bw())
	require.Equal(t, unlimited, b.model.inflightHigh)
}

// ProbeRTT puts the next probe neither off nor forward.
func TestBBRProbeRTTKeepsTheWait(t *testing.T) {
	b := cruising()
	b.cycle.wait = 10 * time.Second
	b.probe.expired = true
	b.checkProbeRTT(Sample{Now: after(5000)})
	require.Equal(t, bbrProbeRTTState, b.state)
	b.endProbeRTT(Sample{Now: after(5300)})
	require.Equal(t, bbrCruise, b.state)
	require.False(t, b.probeDue(Sample{Now: after(9900)}))
	require.True(t, b.probeDue(Sample{Now: after(10100)}))
}

// The wait behind a failed probe is as long as our own CUBIC takes, with half of the path, to come back from a loss to where it was.
func TestBBRWaitsAsLongAsCubicTakes(t *testing.T) {
	b := cruising()
	c := NewCubic(1200)
	before := b.bdp(100) / 2
	c.window, c.ssthresh, c.wMax = before, before, float64(before)/1200*1.01 // it was cut before
	c.OnLost(Lost{Now: after(0), LastSentAt: after(0)})
	now := after(100)
	for ; c.Window() < before; now = now.Add(100 * time.Millisecond) {
		for range c.Window() / 1200 {
			c.OnAcked(Acked{Now: now, SentAt: now.Add(-100*time.Millisecond) + 1, Size: 1200, BytesInFlight: c.Window()})
		}
	}
	took := now.Sub(after(0))
	require.InDelta(t, took.Seconds(), b.comeback().Seconds(), 0.15*took.Seconds())
}

// What a path loses is learnt in small windows too, from its first round trips on.
func TestBBRLearnsNoiseInSmallWindows(t *testing.T) {
	b := NewBBR(1200, 1)
	b.model.minRTT = 100 * time.Millisecond
	delivered := uint64(0)
	for range noiseRounds + 1 {
		b.noise.onLost(Lost{Size: 1200})
		s := Sample{Acked: 9 * 1200, RTT: 101 * time.Millisecond, PriorDelivered: delivered, TotalDelivered: delivered + 9*1200}
		delivered = s.TotalDelivered
		b.noise.onAck(s, b)
	}
	require.InDelta(t, 0.1, b.noise.share(), 0.01)
}
