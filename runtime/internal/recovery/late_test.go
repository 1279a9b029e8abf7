package recovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// A packet that was taken for lost and arrives: its frames count as arrived, what its loss did to the window
// is undone, and the path is taken to reorder so far (RFC 9002 §6.1.1).
func TestLateArrivalUndoesTheLoss(t *testing.T) {
	p := newPath(t)
	p.send(6)
	p.advance(10 * ms)
	p.ack(Range{3, 5})
	p.want([]uint64{3, 4, 5}, []uint64{0, 1, 2})
	reduced := p.Controller.Window()
	p.ack(Range{1, 5})
	p.want([]uint64{1, 2}, nil)
	require.Equal(t, reduced, p.Controller.Window(), "one is still lost")
	p.ack(Range{0, 5})
	p.want([]uint64{0}, nil)
	require.EqualValues(t, 3, p.SpuriousLosses())
	require.Greater(t, p.Controller.Window(), reduced)

	p.send(6) // 6 to 11, of which 6 is overtaken by as much again
	p.advance(10 * ms)
	p.ack(Range{7, 11})
	p.want([]uint64{7, 8, 9, 10, 11}, nil)
}

// A lost packet is remembered for a probe timeout, not longer.
func TestLostPacketsAreForgotten(t *testing.T) {
	p := newPath(t)
	p.send(6)
	p.advance(10 * ms)
	p.ack(Range{3, 5})
	p.advance(10 * time.Second)
	p.send(1)
	require.LessOrEqual(t, p.spaces[handshake.Application].n, 1)
}

// Reordering that goes on costs no throughput once it is known.
func TestReorderingIsLearnt(t *testing.T) {
	for _, c := range []congestion.Controller{congestion.NewBBR(linkDatagram, 1), congestion.NewCubic(linkDatagram)} {
		l := newLink(t, 100, 20*ms, 1, 0)
		l.reorder = 0.02
		f := l.add("flow", c, 0)
		l.run(2 * time.Second)
		require.Greater(t, l.measure(5 * time.Second)[0], 0.85, "%T", c)
		require.Less(t, f.SpuriousLosses(), f.NextNumber(handshake.Application)/100)
	}
}

// Numbers that are left out do not make others lost: they count for nothing in the packet threshold.
func TestSkippedNumbersAreNoPackets(t *testing.T) {
	p := newPath(t)
	p.skips = skips{random: 1, due: 2}
	p.send(3) // 0, 1, 3
	require.EqualValues(t, 4, p.NextNumber(handshake.Application))
	p.advance(10 * ms)
	p.ack(Range{1, 1}, Range{3, 3})
	p.want([]uint64{3, 1}, nil)
	require.ErrorIs(t, p.tryAck(Range{0, 3}), ErrNotSent)
}

// thinPath is a path with a round trip of 40 ms on which a packet of data is sent, and nothing more is to be.
func thinPath(t *testing.T) *path {
	p := newPath(t)
	p.send(1)
	p.advance(40 * ms)
	p.ack(Range{0, 0})
	p.want([]uint64{0}, nil)
	p.data(200)
	return p
}

// data sends a packet of so many bytes, behind which there is nothing more to send.
func (p *path) data(size int) {
	p.AddRef(handshake.Application, Ref{Offset: p.NextNumber(handshake.Application)})
	p.Sent(p.now, handshake.Application, size, Data)
	p.AppLimited()
}

func (p *path) repeat() {
	p.Sent(p.now, handshake.Application, 200, Repeated)
	p.AppLimited()
}

// Thin streams: one repeat after an eighth of the round trip, a second after half a probe timeout, then no more.
func TestThinStreamRepeatsTwice(t *testing.T) {
	p := thinPath(t)
	sent := p.now
	require.Equal(t, sent.Add(5*ms), p.RepeatAt())
	require.False(t, p.HandOutRepeats(p.now, false, p))
	p.advance(5 * ms)
	require.True(t, p.HandOutRepeats(p.now, false, p))
	p.want(nil, []uint64{1})
	p.data(1000) // enough of its own for a second one
	p.repeat()
	require.EqualValues(t, 1, p.Repeats())
	p.thin.again = 0
	second := sent.Add(p.PTO(0) / 2)
	p.now = second
	require.True(t, p.HandOutRepeats(p.now, false, p))
	require.Contains(t, p.lost, uint64(1))
	p.lost = nil
	p.advance(time.Second)
	p.thin.own = 1 << 20
	p.HandOutRepeats(p.now, false, p)
	require.NotContains(t, p.lost, uint64(1))
	require.Zero(t, p.LostPackets(), "a repeat is no loss")
}

// The conditions under which thin streams repeat, one by one.
func TestThinStreamConditions(t *testing.T) {
	for name, change := range map[string]func(p *path){
		"there is more to send":               func(p *path) { p.thin.limited = false },
		"five packets unacknowledged":         func(p *path) { p.data(10); p.data(10); p.data(10); p.data(10) },
		"2,400 bytes":                         func(p *path) { p.data(2300) },
		"no more than its own bytes":          func(p *path) { p.thin.again = p.thin.own },
		"a queue":                             func(p *path) { p.smoothedRTT = p.minRTT*5/4 + 1 },
		"a probe timeout expired":             func(p *path) { p.ptoCount = 1 },
		"the handshake is not confirmed":      func(p *path) { p.Confirmed = false },
		"no data in it":                       func(p *path) { p.spaces[handshake.Application].at(0).kind = Ordinary },
		"a mark of congestion a while ago":    func(p *path) { p.thin.hold(p.now.Add(-900 * ms)) },
		"the repeat of a repeat":              func(p *path) { p.spaces[handshake.Application].at(0).kind = Repeated },
		"it was acknowledged in the meantime": func(p *path) { p.ack(Range{0, 1}); p.acked = nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := thinPath(t)
			change(p)
			at := p.now.Add(10 * ms)
			require.False(t, p.HandOutRepeats(at, false, p))
			p.want(nil, nil)
			require.True(t, p.RepeatAt() > at || p.RepeatAt() == mono.Never)
		})
	}
	p := thinPath(t)
	require.True(t, p.HandOutRepeats(p.now.Add(10*ms), false, p), "none of them")
}

// A repeat is no measure of the path, and its loss is one like any other.
func TestRepeatIsNoSample(t *testing.T) {
	p := thinPath(t)
	p.advance(5 * ms)
	p.HandOutRepeats(p.now, false, p)
	p.repeat()
	p.advance(time.Millisecond)
	before, _ := p.sampler.Totals()
	require.NoError(t, p.Ack(p.now, handshake.Application, &Ack{Ranges: []Range{{2, 2}}}, p))
	after, _ := p.sampler.Totals()
	require.EqualValues(t, 200, after-before, "it is counted as delivered")
}

// Nothing is allocated for a packet sent, received, acknowledged or lost, with any algorithm.
func TestNoAllocationForAPacket(t *testing.T) {
	each(t, func(t *testing.T, make func() congestion.Controller) {
		p := newPath(t)
		p.Controller = make()
		p.SkipNumbers(3)
		p.ECN.Start()
		var received Received
		var ack Ack
		var descending [maxRanges]Range
		var counts Counts
		turn := func() {
			for range 16 {
				if p.Paced(p.now) {
					p.advance(p.PacedUntil().Sub(p.now))
				}
				number := p.NextNumber(handshake.Application)
				p.AddRef(handshake.Application, Ref{Offset: number})
				p.Sent(p.now, handshake.Application, packetSize, Data)
				if number%37 == 0 {
					continue // lost
				}
				p.advance(10 * time.Microsecond)
				counts.ECT0++
				received.Add(p.now, number, Arrival{AckEliciting: true, Size: packetSize, Delay: ms})
			}
			p.AppLimited()
			p.advance(20 * ms)
			ranges, delay := received.Ack(p.now, 32)
			for i, r := range ranges {
				descending[len(ranges)-1-i] = r
			}
			received.Sent()
			ack = Ack{Ranges: descending[:len(ranges)], Delay: delay, ECN: counts, Counted: true}
			if p.Ack(p.now, handshake.Application, &ack, p) != nil {
				t.Fatal("refused")
			}
			p.timeout()
			p.acked, p.lost = p.acked[:0], p.lost[:0]
		}
		for range 200 {
			turn()
		}
		require.Zero(t, testing.AllocsPerRun(200, turn))
		require.NotZero(t, p.LostPackets())
	})
}
