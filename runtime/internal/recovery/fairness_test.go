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

// addKernel adds a CUBIC flow as Linux sends it.
func (l *link) addKernel(after time.Duration) *flow {
	c := newKernelCubic(linkDatagram)
	f := l.add("kernel", c, after)
	f.kernel = c
	return f
}

// A CUBIC flow beside BBR keeps at least half and at most twice its share, whatever the bottleneck queues, from 3 to 18 seconds after both began. Where one
// joins a queue that the other keeps full, it waits, as beside its own kind.
func TestBBRLeavesCubicItsShare(t *testing.T) {
	for _, c := range []struct {
		rtt         time.Duration
		bdps        float64
		after       time.Duration // until BBR begins, at most 300 ms later
		least, most float64
	}{
		{20 * ms, 0.1, 300 * ms, 0.5, 2},
		{20 * ms, 0.25, 300 * ms, 0.5, 2},
		{20 * ms, 1, 300 * ms, 0.5, 2},
		{100 * ms, 0.1, 300 * ms, 0.5, 2},
		{100 * ms, 0.1, time.Second, 0.4, 2},
		{100 * ms, 0.25, 300 * ms, 0.5, 2},
		{100 * ms, 1, 300 * ms, 0.33, 1.5},
		{100 * ms, 1, 0, 0.25, 1.5},
	} {
		t.Run(fmt.Sprintf("%v %v BDP after %v", c.rtt, c.bdps, c.after), func(t *testing.T) {
			var all []float64
			for seed := range *seeds {
				l := newLink(t, 100, c.rtt, c.bdps, 0).seeded(seed)
				l.addKernel(0)
				after := c.after + l.moment(300*ms)
				l.add("bbr", congestion.NewBBR(linkDatagram, l.random.Uint64()), after)
				l.run(after + 3*time.Second)
				shares := l.measure(15 * time.Second)
				all = append(all, shares[0]/shares[1])
			}
			t.Log(spread(all))
			require.Greater(t, all[0], c.least)
			require.Less(t, all[len(all)-1], c.most)
		})
	}
}

// Two flows of our own share a link, once the first has made room: in the middle of all seeds, of which chance may leave one behind.
func TestBBRSharesWithBBR(t *testing.T) {
	for _, rtt := range []time.Duration{20 * ms, 100 * ms} {
		for _, bdps := range []float64{0.1, 0.25, 1} {
			t.Run(fmt.Sprintf("%v %v BDP", rtt, bdps), func(t *testing.T) {
				var all []float64
				for seed := range *seeds + 1 {
					l := newLink(t, 100, rtt, bdps, 0).seeded(seed)
					l.add("first", congestion.NewBBR(linkDatagram, l.random.Uint64()), 0)
					l.add("second", congestion.NewBBR(linkDatagram, l.random.Uint64()), l.moment(5*time.Second))
					l.run(15 * time.Second)
					shares := l.measure(10 * time.Second)
					all = append(all, max(shares[0], shares[1])/min(shares[0], shares[1]))
				}
				t.Log(spread(all))
				require.Less(t, all[len(all)/2], 3.0)
			})
		}
	}
}

// Alone at a shallow queue, BBR makes room for nobody, but does not lose much by it.
func TestBBRAloneAtAShallowQueue(t *testing.T) {
	for _, c := range []struct {
		rtt         time.Duration
		bdps, least float64
	}{
		{20 * ms, 0.1, 0.5},
		{20 * ms, 0.25, 0.8},
		{100 * ms, 0.1, 0.7},
		{100 * ms, 0.25, 0.9},
	} {
		l := newLink(t, 100, c.rtt, c.bdps, 0).seeded(1)
		l.add("bbr", congestion.NewBBR(linkDatagram, 1), 0)
		share := l.measure(10 * time.Second)[0]
		t.Logf("%v, %v BDP: %.2f", c.rtt, c.bdps, share)
		require.Greater(t, share, c.least)
	}
}
