package congestion_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
)

// round acknowledges a full window, sent at sent, at now.
func round(c congestion.Controller, sent, now time.Duration) {
	full := c.Window()
	for acked := 0; acked < full; acked += datagram {
		c.OnAcked(congestion.Acked{Now: at(now), SentAt: at(sent), Size: datagram, BytesInFlight: full})
	}
}

// RFC 9438 §4.6: "ssthresh = flight_size * beta_cubic", with beta_cubic 0.7, once a congestion event.
func TestCubicReducesOnceAnEvent(t *testing.T) {
	c := congestion.NewCubic(datagram)
	c.OnLost(congestion.Lost{Now: at(30), LastSentAt: at(10), Size: datagram})
	require.Equal(t, 7*datagram, c.Window())
	c.OnLost(congestion.Lost{Now: at(35), LastSentAt: at(20), Size: datagram})
	require.Equal(t, 7*datagram, c.Window(), "sent before the event was noticed")
	c.OnCE(at(60), at(40))
	require.Equal(t, int(float64(7*datagram)*0.7), c.Window(), "a mark counts as a loss")
}

// RFC 9438 §4.9: a reduction that turns out to be spurious is taken back. One that a mark made is not.
func TestCubicUndoes(t *testing.T) {
	c := congestion.NewCubic(datagram)
	c.OnLost(congestion.Lost{Now: at(30), LastSentAt: at(10), Size: datagram})
	c.OnSpurious(at(40))
	require.Equal(t, 10*datagram, c.Window())
	require.True(t, c.SlowStart())
	c.OnCE(at(60), at(50))
	c.OnSpurious(at(70))
	require.Equal(t, 7*datagram, c.Window())
}

// RFC 9002 §7.6.2: the minimum window behind persistent congestion.
func TestPersistentCongestionIsTheMinimum(t *testing.T) {
	for _, c := range []congestion.Controller{congestion.NewCubic(datagram), congestion.NewNewReno(datagram), congestion.NewBBR(datagram, 1)} {
		c.OnPersistentCongestion(at(time.Second))
		require.Equal(t, 2*datagram, c.Window(), "%T", c)
	}
}

// The window follows the curve of RFC 9438 §4.2 and Reno's line of §4.3, whichever is higher, as a
// naive model with real numbers computes them: one step a round trip.
func TestCubicLikeTheFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := congestion.NewCubic(datagram)
		rtt := time.Duration(rapid.IntRange(10, 200).Draw(t, "rtt")) * time.Millisecond
		now := time.Duration(0)
		for range rapid.IntRange(1, 6).Draw(t, "doublings") {
			round(c, now, now+rtt)
			now += rtt
		}
		wMax := float64(c.Window()) / datagram
		c.OnLost(congestion.Lost{Now: at(now), LastSentAt: at(now), Size: datagram})
		now += rtt
		start := float64(c.Window()) / datagram
		k := math.Cbrt((wMax - start) / 0.4)
		epoch, reno := now, start
		for range rapid.IntRange(1, 100).Draw(t, "rounds") {
			before := float64(c.Window()) / datagram
			round(c, now, now+rtt)
			now += rtt
			if epoch == now-rtt {
				epoch = now // the stage begins with its first acknowledgement
			}
			seconds := (now - epoch).Seconds()
			target := 0.4*math.Pow(seconds+rtt.Seconds()-k, 3) + wMax
			alpha := 3 * 0.3 / 1.7
			if reno >= wMax {
				alpha = 1
			}
			reno += alpha
			want := max(before, min(target, 1.5*before), reno)
			// A round's acknowledgements come at one moment here, and the window grows under them: the model's step is a little longer.
			require.InDelta(t, want, float64(c.Window())/datagram, 2+0.05*want, "at %v, K %.2f", seconds, k)
		}
	})
}

// RFC 9438 §5.8: a flow that the application limits does not grow, nor does the time count in which it was.
func TestCubicDoesNotGrowUnused(t *testing.T) {
	c := congestion.NewCubic(datagram)
	c.OnLost(congestion.Lost{Now: at(30), LastSentAt: at(10), Size: datagram})
	window := c.Window()
	for i := range 1000 {
		now := time.Duration(i+1) * time.Second
		c.OnAcked(congestion.Acked{Now: at(now), SentAt: at(now - 1), Size: datagram, BytesInFlight: datagram})
	}
	require.Equal(t, window, c.Window())
	now := 1001 * time.Second
	round(c, now-time.Millisecond, now)
	round(c, now, now+20*time.Millisecond)
	require.Less(t, c.Window(), window+3*datagram, "the curve stands where it stood")
}

// RFC 9406 §4.2: slow start ends when the round trip grows, not when the path overflows.
func TestHystart(t *testing.T) {
	c := congestion.NewCubic(datagram)
	delivered := uint64(0)
	rtt := 20 * time.Millisecond
	for i := range 12 {
		if i > 3 {
			rtt += 5 * time.Millisecond // a queue grows
		}
		prior := delivered
		for range 10 {
			delivered += datagram
			c.OnAck(congestion.Sample{PriorDelivered: prior, TotalDelivered: delivered, RTT: rtt})
		}
	}
	require.False(t, c.SlowStart())
}
