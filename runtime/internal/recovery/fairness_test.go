package recovery

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
)

// Two CUBIC flows share a link, or the harness would say nothing of others.
func TestCubicSharesWithCubic(t *testing.T) {
	for _, bdps := range []float64{0.25, 1} {
		l := newLink(t, 100, 20*ms, bdps, 0)
		l.add("cubic", congestion.NewCubic(linkDatagram), 0)
		l.add("cubic", congestion.NewCubic(linkDatagram), time.Second)
		l.run(5 * time.Second)
		shares := l.measure(20 * time.Second)
		require.Greater(t, min(shares[0], shares[1])/max(shares[0], shares[1]), 1/1.3, "%v at %v BDP", shares, bdps)
	}
}

// A CUBIC flow beside BBR keeps between half and twice its share, whatever the bottleneck queues, but for hardly anything: a tenth
// of a bandwidth-delay product is not enough for the bursts that coarse timers make, and least is what holds there.
func TestBBRLeavesCubicItsShare(t *testing.T) {
	for _, c := range []struct {
		rtt   time.Duration
		bdps  float64
		least float64
	}{
		{20 * ms, 0.1, 0.3},
		{20 * ms, 0.25, 0.5},
		{20 * ms, 1, 0.5},
		{20 * ms, 2, 0.5},
		{100 * ms, 0.1, 0.3},
		{100 * ms, 0.25, 0.5},
		{100 * ms, 0.5, 0.5},
		{100 * ms, 1, 0.5},
	} {
		t.Run(fmt.Sprintf("%v %v BDP", c.rtt, c.bdps), func(t *testing.T) {
			l := newLink(t, 100, c.rtt, c.bdps, 0)
			l.add("cubic", congestion.NewCubic(linkDatagram), 0)
			l.add("bbr", congestion.NewBBR(linkDatagram, 1), time.Second)
			l.run(5 * time.Second)
			shares := l.measure(20 * time.Second)
			t.Logf("CUBIC %.2f, BBR %.2f of the link", shares[0], shares[1])
			require.Greater(t, shares[0]/shares[1], c.least)
			require.Less(t, shares[0]/shares[1], 2.0)
		})
	}
}
