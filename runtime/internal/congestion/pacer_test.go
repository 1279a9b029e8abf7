package congestion_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Whoever drives it, however late: over time no more goes than the rate allows, at any moment no more than
// a burst and what was missed; and a driver that is late by a millisecond loses nothing.
func TestPacerKeepsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p congestion.Pacer
		rate := rapid.IntRange(50_000, 1_000_000_000).Draw(t, "rate")
		late := time.Duration(rapid.IntRange(0, 2000).Draw(t, "late")) * time.Microsecond
		p.Set(rate, datagram, 20*time.Millisecond)
		begin := mono.Time(time.Second)
		now, sent := begin, 0
		burst := max(2*datagram, min(rate/1000, 64<<10))
		for now < begin.Add(500*time.Millisecond) {
			atOnce := 0
			for p.Ready(now) {
				p.Sent(now, datagram)
				sent += datagram
				atOnce += datagram
			}
			require.LessOrEqual(t, atOnce, burst+max(burst, 64<<10)+2*datagram)
			allowed := float64(rate)*now.Sub(begin).Seconds() + float64(burst+2*datagram)
			require.LessOrEqual(t, float64(sent), allowed*1.001)
			require.Greater(t, p.Next(), now)
			now = p.Next().Add(late)
		}
		if rate <= 30_000_000 { // beyond, 64 KiB at a time is what coarse timers allow
			require.GreaterOrEqual(t, float64(sent), 0.97*float64(rate)*0.5-float64(burst))
		}
	})
}

// RUNTIME: no timer on a path shorter than 2 ms, nor before anything is known of it.
func TestPacerLeavesShortPathsAlone(t *testing.T) {
	var p congestion.Pacer
	for _, minRTT := range []time.Duration{0, 1999 * time.Microsecond} {
		p.Set(1000, datagram, minRTT)
		for range 1000 {
			require.True(t, p.Ready(at(1)))
			p.Sent(at(1), datagram)
		}
	}
}

// An idle time gives no credit: what comes behind it is one burst.
func TestPacerGivesNoCreditForIdleness(t *testing.T) {
	var p congestion.Pacer
	p.Set(1_000_000, datagram, 20*time.Millisecond)
	p.Sent(at(time.Second), datagram)
	n := 0
	for now := at(10 * time.Second); p.Ready(now); n++ {
		p.Sent(now, datagram)
	}
	require.LessOrEqual(t, n, 3)
}
