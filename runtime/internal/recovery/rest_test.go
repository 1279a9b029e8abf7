package recovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// What arrives after a rest is told from what came before as if there had been none, but for packets that a gap was
// left for before it: those count as there.
func TestReceivedRests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Received
		oracle := map[uint64]bool{}
		now := mono.Time(time.Second)
		add := func(n uint64, eliciting bool) {
			if !r.Has(n) {
				r.Add(now, n, Arrival{AckEliciting: eliciting, Size: 100, Delay: time.Millisecond})
				oracle[n] = true
			}
			now = now.Add(time.Millisecond)
		}
		next := uint64(0)
		for range rapid.IntRange(1, 100).Draw(t, "packets") {
			next += rapid.Uint64Range(1, 3).Draw(t, "step")
			add(next, rapid.Bool().Draw(t, "eliciting"))
		}
		if _, ok := r.Rest(); r.Waiting() {
			require.False(t, ok)
			r.Sent()
		}
		before := r
		rested, ok := r.Rest()
		require.True(t, ok)
		r = rested.Wake()
		largest, _ := r.Largest()
		require.Equal(t, next, largest)
		ranges, delay := before.Ack(now, 1)
		again, same := r.Ack(now, 1)
		require.Equal(t, ranges, again)
		require.Equal(t, delay, same)
		require.Equal(t, before.settled, r.settled)
		for n := range next + 10 {
			require.Equal(t, n <= next, r.Has(n), n)
		}
		add(next+2, true)
		require.True(t, r.Due(now), "a gap is told at once")
	})
}

// A Loss rests when nothing is in flight and nothing may come late, and goes on as it was.
func TestLossRests(t *testing.T) {
	p := newPath(t)
	p.SkipNumbers(7)
	p.ECN.Start()
	p.send(5)
	_, ok := p.Rest(p.now)
	require.False(t, ok, "packets are in flight")
	p.advance(40 * ms)
	p.ack(Range{1, 4})
	p.want([]uint64{1, 2, 3, 4}, []uint64{0})
	_, ok = p.Rest(p.now)
	require.False(t, ok, "0 may come late")
	p.advance(time.Second)
	before := *p.Loss
	rested, ok := p.Rest(p.now)
	require.True(t, ok)
	p.Loss = rested.Wake(packetSize)
	require.Equal(t, before.RTT, p.RTT)
	require.Equal(t, before.ECN, p.ECN)
	require.Equal(t, before.NextNumber(handshake.Application), p.NextNumber(handshake.Application))
	require.Equal(t, before.LostPackets(), p.LostPackets())
	require.Equal(t, before.Controller.Window(), p.Available())
	require.Equal(t, mono.Never, p.Deadline())
	require.False(t, p.Outstanding(handshake.Application))
	p.send(1)
	require.NotEqual(t, mono.Never, p.Deadline())
	p.advance(40 * ms)
	p.ack(Range{2, 5})
	p.want([]uint64{5}, nil)
	require.ErrorIs(t, p.tryAck(Range{6, 6}), ErrNotSent)
}

// A flow that fills a link comes back from a rest at the rate that it had.
func TestRateAfterARest(t *testing.T) {
	l := newLink(t, 100, 20*ms, 1, 0)
	f := l.add("flow", congestion.NewBBR(linkDatagram, 1), 0)
	l.run(3 * time.Second)
	rate, window := f.Controller.Rate(f.Smoothed()), f.Controller.Window()
	f.Controller.Rest()
	require.Equal(t, rate, f.Controller.Rate(f.Smoothed()))
	require.GreaterOrEqual(t, f.Controller.Window(), window)
	require.Greater(t, l.measure(2 * time.Second)[0], 0.9)
	require.False(t, f.Controller.SlowStart())
}
