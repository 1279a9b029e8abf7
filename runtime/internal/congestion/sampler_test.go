package congestion_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// tracked is a packet of the naive sampler: it knows all that ever happened.
type tracked struct {
	step     int // that it was sent in
	sentAt   mono.Time
	size     int
	snapshot congestion.Snapshot
	done     bool
}

// delivery is an acknowledgement that happened.
type delivery struct {
	step int // that it happened in
	size int
}

// The sampler says what one says who looks through the whole history: of the newest packet of a frame, what was delivered between
// its sending and now, over the longer of two times: that from the sending of what was delivered last before it to its own, and that
// from when this was delivered to now.
func TestSamplerLikeTheHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s congestion.Sampler
		now := mono.Time(time.Second)
		var packets []*tracked
		var history []delivery
		inFlight := 0
		// Where nothing is in flight, the history begins anew: with what is sent then.
		restart := map[*tracked]bool{}
		for step := range rapid.IntRange(1, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "send") || inFlight == 0 {
				p := &tracked{sentAt: now, step: step, size: rapid.IntRange(1, 1500).Draw(t, "size")}
				restart[p] = inFlight == 0
				p.snapshot = s.Sent(now, inFlight, p.size)
				inFlight += p.size
				packets = append(packets, p)
				continue
			}
			var newest *tracked
			for _, p := range packets {
				if !p.done && rapid.Bool().Draw(t, "acked") {
					s.Acked(now, p.sentAt, p.size, &p.snapshot)
					p.done = true
					inFlight -= p.size
					history = append(history, delivery{step, p.size})
					newest = p
				}
			}
			sample := s.Sample(now, 0)
			if newest == nil {
				require.Zero(t, sample.Rate)
				continue
			}
			delivered := 0
			for _, d := range history {
				if d.step > newest.step {
					delivered += d.size
				}
			}
			require.GreaterOrEqual(t, sample.Delivered, delivered, "what came after it left")
			total := 0
			for _, d := range history {
				total += d.size
			}
			require.EqualValues(t, total, sample.TotalDelivered)
			require.Equal(t, int(newest.snapshot.InFlight), sample.TxInFlight)
			if elapsed := now.Sub(newest.sentAt); elapsed > 0 && sample.Rate > 0 {
				// It never claims more than all that was delivered since, over the packet's own round trip.
				require.LessOrEqual(t, float64(sample.Rate), float64(sample.Delivered)/elapsed.Seconds()*1.0001+1)
			}
		}
	})
}

// Packets sent while there was nothing more to send say that the path has at least that rate.
func TestSamplerMarksWhatTheApplicationLimits(t *testing.T) {
	var s congestion.Sampler
	first := s.Sent(at(0), 0, 1000)
	s.AppLimited(1000)
	second := s.Sent(at(time.Millisecond), 1000, 1000)
	require.False(t, first.AppLimited)
	require.True(t, second.AppLimited)
	s.Acked(at(20*time.Millisecond), at(0), 1000, &first)
	require.False(t, s.Sample(at(20*time.Millisecond), 0).AppLimited)
	s.Acked(at(21*time.Millisecond), at(time.Millisecond), 1000, &second)
	require.True(t, s.Sample(at(21*time.Millisecond), 0).AppLimited)
	require.False(t, func() bool { p := s.Sent(at(22*time.Millisecond), 0, 1000); return p.AppLimited }(), "the bubble is gone")
}

// A rate over less than the path's round trip is not believed: acknowledgements came in a lump.
func TestSamplerDistrustsShortIntervals(t *testing.T) {
	var s congestion.Sampler
	p := s.Sent(at(time.Second), 0, 1000)
	s.Acked(at(time.Second+time.Millisecond), at(time.Second), 1000, &p)
	require.Zero(t, s.Sample(at(time.Second+time.Millisecond), 20*time.Millisecond).Rate)
}
