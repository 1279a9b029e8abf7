package congestion

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// after is a time in milliseconds.
func after(ms int64) mono.Time { return mono.Time(ms * int64(time.Millisecond)) }

// cruising is BBR that knows a clean path of 10 MB/s and 100 ms, between two probes.
func cruising() *BBR {
	b := NewBBR(1200, 1)
	b.filled = true
	b.model.minRTT, b.model.minRTTAt = 100*time.Millisecond, after(0)
	b.model.maxBW = [2]int{10e6, 10e6}
	b.noise.recall(0, noiseLeast)
	b.startDown(Sample{Now: after(0)})
	b.enterCruise(Sample{Now: after(0)})
	return b
}

// starting is BBR in Startup that knows only the round trip.
func starting(rtt time.Duration) *BBR {
	b := NewBBR(1200, 1)
	b.model.minRTT, b.model.rtt = rtt, rtt
	return b
}

// round is a round of so many datagrams of which so many are lost, without a queue.
func (b *BBR) round(datagrams, lost int) {
	if lost > 0 {
		b.noise.onLost(Lost{Size: lost * 1200, Count: lost, BytesInFlight: datagrams * 1200}, b)
	}
	end := b.noise.end
	acked := (datagrams - lost) * 1200
	b.noise.onAck(Sample{Acked: acked, RTT: b.model.minRTT, PriorDelivered: end, TotalDelivered: end + uint64(acked)}, b)
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
				require.Less(t, b.cycle.wait, b.comeback(100))
			}
			b.tooHigh(after(3600), 0, 1<<20, false)
			require.Equal(t, bbrDown, b.state)
			require.Equal(t, 11_000_000, b.model.bw())
			require.GreaterOrEqual(t, b.cycle.wait, b.comeback(100))
			b.updateModel(Sample{Now: after(3700), Rate: 12e6})
			require.Equal(t, 11_000_000, b.model.bw())

			b.startRefill(Sample{Now: after(20000)})
			b.updateModel(Sample{Now: after(20100), Rate: 12e6})
			require.Equal(t, 12_000_000, b.model.bw())
		})
	}
}

// Where the queue is deep, nothing is given back, and nobody waited for: the other flow has what it had.
func TestBBRFailedProbeInADeepQueue(t *testing.T) {
	b := cruising()
	b.startRefill(Sample{Now: after(3000)})
	b.startUp(Sample{Now: after(3100)})
	b.model.maxBW[1], b.model.rtt = 12e6, 150*time.Millisecond
	b.tooHigh(after(3600), 0, 1<<20, false)
	require.Equal(t, 12_000_000, b.model.bw())
	require.Less(t, b.cycle.wait, b.comeback(100))
}

// Where others keep a queue, ten round trips of the wait are those that a probe takes, up to half of it.
func TestBBRProbesSoonerWhereAQueueStands(t *testing.T) {
	for _, c := range []struct {
		minRTT, rtt time.Duration
		seen        int
		wait        time.Duration
	}{
		{100 * time.Millisecond, 100 * time.Millisecond, 100, 2500 * time.Millisecond},
		{100 * time.Millisecond, 110 * time.Millisecond, 100, 2500 * time.Millisecond}, // shallow
		{100 * time.Millisecond, 150 * time.Millisecond, noiseQueued - 1, 2500 * time.Millisecond},
		{100 * time.Millisecond, 150 * time.Millisecond, noiseQueued, 1250 * time.Millisecond},
		{20 * time.Millisecond, 30 * time.Millisecond, noiseQueued, 2200 * time.Millisecond},
	} {
		b := cruising()
		b.cycle.wait, b.model.minRTT, b.model.rtt = 2500*time.Millisecond, c.minRTT, c.rtt
		for range c.seen {
			b.noise.see(c.rtt, b)
		}
		require.False(t, b.probeDue(Sample{Now: b.cycle.since.Add(c.wait)}), c)
		require.True(t, b.probeDue(Sample{Now: b.cycle.since.Add(c.wait + 1)}), c)
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

// The wait behind a failed probe is as long as our own CUBIC takes, with half of the path, to come back from a loss to where it
// was: on its curve where round trips are long, in its Reno-friendly region where they are short.
func TestBBRWaitsAsLongAsCubicTakes(t *testing.T) {
	for _, rtt := range []time.Duration{100 * time.Millisecond, 20 * time.Millisecond} {
		b := cruising()
		b.model.minRTT = rtt
		c := NewCubic(1200)
		before := b.bdp(100) / 2
		c.window, c.ssthresh, c.wMax = before, before, float64(before)/1200*1.01 // it was cut before
		c.OnLost(Lost{Now: after(0), LastSentAt: after(0)})
		now := after(0).Add(rtt)
		for ; c.Window() < before; now = now.Add(rtt) {
			for range c.Window() / 1200 {
				c.OnAcked(Acked{Now: now, SentAt: now.Add(-rtt) + 1, Size: 1200, BytesInFlight: c.Window()})
			}
		}
		took := now.Sub(after(0)).Seconds()
		require.InDelta(t, took, b.comeback(100).Seconds(), 0.15*took, rtt)
		b.model.rtt = 2 * rtt // as much queue as path: Reno's way takes four times as long
		require.InDelta(t, min(4*took, 2*math.Cbrt(float64(before/1200)*0.15/0.4)), b.comeback(100).Seconds(), 0.15*4*took, rtt)
	}
	b := cruising()
	b.model.minRTT = time.Millisecond
	require.Equal(t, bbrLeastWait, b.comeback(100))
}

// What a path loses is learnt in small windows too.
func TestBBRLearnsNoiseInSmallWindows(t *testing.T) {
	b := cruising()
	b.noise = noise{}
	for range noiseRounds + 1 {
		b.round(10, 1)
	}
	require.InDelta(t, 0.1, b.noise.share(), 0.01)
}

// Where Startup ended for losses that prove to be the path's own, the next probe does not wait.
func TestBBRGoesOnWhereStartupMetNoise(t *testing.T) {
	for lost, want := range map[int]bbrState{0: bbrCruise, 5: bbrRefill} {
		b := starting(100 * time.Millisecond)
		b.noise.startupFull = true
		b.checkStartup(Sample{Now: after(0)})
		require.Equal(t, bbrDrain, b.state)
		b.startDown(Sample{Now: after(0)})
		b.enterCruise(Sample{Now: after(0)})
		b.noise = noise{}
		for range 20 {
			b.round(100, lost)
		}
		b.updateCycle(Sample{Now: after(300)})
		require.Equal(t, want, b.state)
		b.enterCruise(Sample{Now: after(300)})
		b.cycle.wait = bbrProbeWait
		b.updateCycle(Sample{Now: after(600)})
		require.Equal(t, bbrCruise, b.state, "once")
	}
}

// The first round trip is the shortest so far, whenever a connection begins: there is no other to look for.
func TestBBRDoesNotBeginWithProbeRTT(t *testing.T) {
	b := NewBBR(1200, 1)
	b.OnSent(after(60_000), 1200, 0)
	b.OnAck(Sample{Now: after(60_100), RTT: 100 * time.Millisecond, Acked: 1200, Delivered: 1200, TotalDelivered: 1200, Rate: 12000})
	require.Equal(t, bbrStartup, b.state)
}

// ProbeRTT is rare while round trips as short as the shortest are seen.
func TestBBRProbeRTTWhenItIsNeeded(t *testing.T) {
	for growth, want := range map[time.Duration]mono.Time{
		time.Millisecond:     after(20_000), // what is seen is as short
		4 * time.Millisecond: after(5_000),
	} {
		b := cruising()
		rtt, now := 100*time.Millisecond, after(0)
		for b.state != bbrProbeRTTState {
			b.updateMinRTT(Sample{Now: now, RTT: rtt})
			b.checkProbeRTT(Sample{Now: now, BytesInFlight: 1 << 20})
			rtt, now = 100*time.Millisecond+growth, now.Add(50*time.Millisecond)
		}
		require.InDelta(t, int64(want), int64(now), float64(200*time.Millisecond), growth)
	}
}

// probes lets a probe meet congestion after 500 ms, with so long a round trip, and the round behind it lose so many of 800 datagrams.
func (b *BBR) probes(rtt time.Duration, lost int) {
	b.startRefill(Sample{Now: after(3000)})
	b.startUp(Sample{Now: after(3100)})
	b.noise.wasProbe = true
	b.model.rtt = rtt
	b.tooHigh(after(3600), 0, 1<<20, false)
	b.noise.lost, b.noise.acked = lost*1200, (800-lost)*1200
	b.OnAck(Sample{Now: after(3700), RTT: rtt, PriorDelivered: 1, TotalDelivered: 2})
}

// Where a shallow queue has overflowed, BBR falls to seven tenths and is back when the next probe is due.
func TestBBRYieldsWhereTheQueueIsShallow(t *testing.T) {
	b := cruising()
	b.probes(110*time.Millisecond, 80)
	require.Equal(t, 7_000_000, b.model.bw())
	wait := b.cycle.wait
	require.Equal(t, b.yielded.over, wait)
	require.Greater(t, wait, 10*time.Second)
	b.regain(after(3700).Add(wait / 2))
	require.Equal(t, 10_000_000-3_000_000/8, b.model.bw())
	b.regain(after(3700).Add(wait))
	require.Equal(t, 10_000_000, b.model.bw())
	require.True(t, b.probeDue(Sample{Now: after(3700).Add(wait + 1)}))
}

func TestBBRDoesNotYield(t *testing.T) {
	t.Run("to a deep queue", func(t *testing.T) {
		b := cruising()
		b.probes(150*time.Millisecond, 80)
		require.Equal(t, 10_000_000, b.model.bw())
	})
	t.Run("to few losses", func(t *testing.T) {
		b := cruising()
		b.probes(110*time.Millisecond, 8)
		require.Equal(t, 10_000_000, b.model.bw())
	})
	t.Run("on a path that loses anyway", func(t *testing.T) {
		b := cruising()
		b.noise.recall(0.02, noiseLeast)
		b.probes(110*time.Millisecond, 80)
		require.Equal(t, 10_000_000, b.model.bw())
		require.LessOrEqual(t, b.cycle.wait, bbrProbeWait+bbrProbeSpread)
	})
	t.Run("once the path turns out to be shorter", func(t *testing.T) {
		b := cruising()
		b.probes(110*time.Millisecond, 80)
		b.model.minRTT = 80 * time.Millisecond
		b.regain(after(3800))
		require.Equal(t, 10_000_000, b.model.bw())
		require.LessOrEqual(t, b.cycle.wait, bbrProbeWait+bbrProbeSpread)
	})
	t.Run("to losses that were none", func(t *testing.T) {
		b := cruising()
		b.probes(110*time.Millisecond, 80)
		b.OnSpurious(after(3800))
		require.Equal(t, 10_000_000, b.model.bw())
	})
}

// Startup that overflows a shallow queue keeps what came through when that showed, and makes room.
func TestBBRStartupGivesBack(t *testing.T) {
	b := starting(100 * time.Millisecond)
	b.model.rtt, b.model.maxBW[1] = 110*time.Millisecond, 8e6
	b.noise.queued = noiseQueued
	b.OnLost(Lost{Now: after(1000), Size: 40 * 1200, Count: 40, BytesInFlight: 800 * 1200})
	b.checkStartup(Sample{Now: after(1000)})
	require.Equal(t, bbrDrain, b.state)
	require.Equal(t, 8_000_000, b.yielded.from)
	require.Equal(t, 5_600_000, b.model.bw())
	b.updateModel(Sample{Now: after(1100), Rate: 12e6})
	b.endYield()
	require.Equal(t, 8_000_000, b.model.bw(), "what came through since then was others'")
}

// Startup ends in the middle of a round that loses too much, and not for what the path lost before, nor without a queue.
func TestBBRStartupEnds(t *testing.T) {
	for name, c := range map[string]struct {
		rtt    time.Duration
		before int // lost in a round of 500 datagrams
		lost   int // of 800 in flight
		ends   bool
	}{
		"an overflow":                   {110 * time.Millisecond, 0, 40, true},
		"an overflow of a deep queue":   {190 * time.Millisecond, 0, 40, true},
		"few":                           {110 * time.Millisecond, 0, 12, false},
		"as many as before":             {110 * time.Millisecond, 25, 50, false},
		"many more than before":         {110 * time.Millisecond, 25, 100, true},
		"without a queue":               {101 * time.Millisecond, 0, 40, false},
		"without a queue, most of them": {101 * time.Millisecond, 0, 300, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := starting(100 * time.Millisecond)
			b.round(500, c.before)
			for range noiseQueued {
				b.noise.see(c.rtt, b)
			}
			b.OnLost(Lost{Now: after(1000), Size: c.lost * 1200, Count: c.lost, BytesInFlight: 800 * 1200})
			require.Equal(t, c.ends, b.noise.startupFull)
		})
	}
}
