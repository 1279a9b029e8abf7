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

// unpaced is a controller whose flow is clocked by acknowledgements alone.
type unpaced struct{ congestion.Controller }

func (unpaced) Rate(time.Duration) int { return 0 }

// addKernel adds a CUBIC flow as kernels send it: in no rhythm but that of the acknowledgements, which come for every second packet.
func (l *link) addKernel(after time.Duration) *flow {
	f := l.add("kernel", unpaced{congestion.NewCubic(linkDatagram)}, after)
	f.kernel = true
	return f
}

// A CUBIC flow beside BBR keeps at least half and at most twice its share, whatever the bottleneck queues, from 3 to 18 seconds after both began. Where the queue
// is a tenth of a bandwidth-delay product and round trips are long, it takes a dozen seconds to come back from what slow starts cost it. A CUBIC flow that is paced by coarse
// timers overflows 20 datagrams of queue by itself: two of them use 0.4 of such a link.
func TestBBRLeavesCubicItsShare(t *testing.T) {
	for _, c := range []struct {
		rtt   time.Duration
		bdps  float64
		after time.Duration // until BBR begins
		paced bool          // CUBIC, by timers as coarse as ours
		least float64
	}{
		{20 * ms, 0.1, 300 * ms, false, 0.5},
		{20 * ms, 0.1, time.Second, true, 0.25},
		{20 * ms, 0.25, 300 * ms, false, 0.5},
		{20 * ms, 0.25, time.Second, true, 0.4},
		{20 * ms, 1, 300 * ms, false, 0.5},
		{20 * ms, 1, time.Second, true, 0.5},
		{20 * ms, 2, time.Second, false, 0.5},
		{20 * ms, 2, time.Second, true, 0.5},
		{100 * ms, 0.1, 300 * ms, false, 0.5},
		{100 * ms, 0.1, time.Second, false, 0.5},
		{100 * ms, 0.1, time.Second, true, 0.5},
		{100 * ms, 0.25, 300 * ms, false, 0.4},
		{100 * ms, 0.25, time.Second, true, 0.5},
		{100 * ms, 0.5, time.Second, false, 0.5},
		{100 * ms, 0.5, time.Second, true, 0.5},
		{100 * ms, 1, time.Second, false, 0.5},
		{100 * ms, 1, time.Second, true, 0.5},
	} {
		name := fmt.Sprintf("%v %v BDP after %v", c.rtt, c.bdps, c.after)
		if c.paced {
			name += ", paced"
		}
		t.Run(name, func(t *testing.T) {
			l := newLink(t, 100, c.rtt, c.bdps, 0)
			if c.paced {
				l.add("cubic", congestion.NewCubic(linkDatagram), 0)
			} else {
				l.addKernel(0)
			}
			l.add("bbr", congestion.NewBBR(linkDatagram, 1), c.after)
			l.run(c.after + 3*time.Second)
			shares := l.measure(15 * time.Second)
			t.Logf("CUBIC %.2f, BBR %.2f of the link: %.2f", shares[0], shares[1], shares[0]/shares[1])
			require.Greater(t, shares[0]/shares[1], c.least)
			require.Less(t, shares[0]/shares[1], 2.0)
		})
	}
}
