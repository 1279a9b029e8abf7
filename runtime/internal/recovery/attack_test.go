package recovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
)

// each runs a test with every algorithm.
func each(t *testing.T, test func(t *testing.T, make func() congestion.Controller)) {
	for name, algorithm := range map[string]congestion.Algorithm{
		"BBR": congestion.AlgorithmBBR, "CUBIC": congestion.AlgorithmCubic, "NewReno": congestion.AlgorithmNewReno,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func() congestion.Controller { return congestion.New(algorithm, linkDatagram, 1) })
		})
	}
}

// RFC 9000 §21.4: who acknowledges what has not arrived is found out by a number that was left out, within two
// periods of them; until then its window is hardly larger than an honest peer's.
func TestAttack10OptimisticAck(t *testing.T) {
	each(t, func(t *testing.T, make func() congestion.Controller) {
		honest := newLink(t, 100, 20*ms, 1, 0)
		h := honest.add("honest", make(), 0)
		h.SkipNumbers(7)
		honest.run(3 * time.Second)
		require.NoError(t, h.err)

		for seed := range uint64(20) {
			l := newLink(t, 100, 20*ms, 1, 0)
			f := l.add("optimist", make(), 0)
			f.optimist = 5 // what is in flight behind what arrived
			f.SkipNumbers(seed)
			widest := 0
			for range 300 {
				l.run(10 * ms)
				if f.err != nil {
					break
				}
				widest = max(widest, f.Controller.Window())
			}
			require.ErrorIs(t, f.err, ErrNotSent)
			period := 2 * uint64(max(skipLeast, widest/linkDatagram))
			require.LessOrEqual(t, f.NextNumber(handshake.Application), 2*period+uint64(widest/linkDatagram))
			require.LessOrEqual(t, float64(widest), 1.1*float64(widestOf(h)))
		}
	})
}

func widestOf(f *flow) (widest int) {
	for _, w := range f.windows {
		widest = max(widest, w)
	}
	return widest
}

// RFC 9002 §7.3: windows grow by bytes. An acknowledgement that is split into a frame a packet never
// grows them more than one frame does: it grows them less where what was in flight has shrunk in between.
func TestAttack11AckSplitting(t *testing.T) {
	each(t, func(t *testing.T, make func() congestion.Controller) {
		one, many := newPath(t), newPath(t)
		one.Controller, many.Controller = make(), make()
		for range 7 {
			first := one.NextNumber(handshake.Application)
			count := one.Controller.Window() / packetSize
			for _, p := range []*path{one, many} {
				p.send(count)
				p.advance(20 * ms)
			}
			one.ack(Range{first, first + uint64(count) - 1})
			for i := range uint64(count) {
				many.ack(Range{first, first + i})
			}
			require.LessOrEqual(t, many.Controller.Window(), one.Controller.Window())
		}
	})
}

// An ACK frame with as many ranges as a packet holds costs what its ranges cost, by bisection, and one with ranges
// that are inverted or overlap is refused before anything is done.
func TestAttack12AckRangeBomb(t *testing.T) {
	p := newPath(t)
	p.send(2000)
	var ranges []Range
	for i := uint64(1999); i >= 2 && len(ranges) < 600; i -= 2 {
		ranges = append(ranges, Range{i, i})
	}
	require.NoError(t, p.Ack(p.now, handshake.Application, &Ack{Ranges: ranges}, p))
	p.acked, p.lost = p.acked[:0], p.lost[:0]
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = p.Ack(p.now, handshake.Application, &Ack{Ranges: ranges}, p)
	}), "said again")
	ranges[300] = Range{ranges[300].Largest + 1, ranges[300].Largest + 2}
	require.ErrorIs(t, p.Ack(p.now, handshake.Application, &Ack{Ranges: ranges}, p), ErrNotSent)
}

// RFC 9000 §13.4.2: a peer that lies about marks turns ECN off, and gains nothing.
func TestAttack13ECNLies(t *testing.T) {
	for name, lie := range map[string]func(c *Counts){
		"marks that nobody set":         func(c *Counts) { c.ECT1 = 1 },
		"fewer than were acknowledged":  func(c *Counts) { c.ECT0-- },
		"marks of congestion concealed": func(c *Counts) { c.ECT0, c.CE = c.ECT0-1, 0 },
		"counts that shrink":            func(c *Counts) { c.ECT0 = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPath(t)
			p.ECN.Start()
			counts := Counts{}
			exchange := func(lie func(*Counts)) {
				first := p.NextNumber(handshake.Application)
				p.send(4)
				p.advance(20 * ms)
				counts.ECT0 += 4
				said := counts
				if lie != nil {
					lie(&said)
				}
				require.NoError(t, p.Ack(p.now, handshake.Application, &Ack{Ranges: []Range{{first, first + 3}}, ECN: said, Counted: true}, p))
			}
			exchange(nil)
			require.True(t, p.ECN.Capable())
			exchange(lie)
			window := p.Controller.Window()
			require.False(t, p.ECN.Capable())
			require.False(t, p.ECN.Marking())
			exchange(nil)
			require.False(t, p.ECN.Marking(), "it stays off")
			require.LessOrEqual(t, p.Controller.Window(), window+4*packetSize)
		})
	}
}

// RFC 9000 §13.4.2: marks stop where the counts do not come, or where all marked packets are lost; and
// §13.4.2.1: "an endpoint MUST NOT fail ECN validation as a result of processing an ACK frame that does not increase the largest
// acknowledged packet number."
func TestECNValidation(t *testing.T) {
	start := func() *path {
		p := newPath(t)
		p.ECN.Start()
		p.send(4)
		p.advance(20 * ms)
		return p
	}
	ack := func(p *path, a Ack) { require.NoError(t, p.Ack(p.now, handshake.Application, &a, p)) }

	p := start()
	ack(p, Ack{Ranges: []Range{{0, 3}}})
	require.False(t, p.ECN.Marking(), "no counts")

	p = start()
	ack(p, Ack{Ranges: []Range{{3, 3}}, ECN: Counts{ECT0: 4}, Counted: true})
	ack(p, Ack{Ranges: []Range{{0, 2}}, ECN: Counts{ECT0: 1}, Counted: true})
	require.True(t, p.ECN.Capable(), "an older frame, which came later, proves nothing")

	p = start()
	p.send(ecnTests)
	require.False(t, p.ECN.Marking(), "the first ten are a test")
	p.send(3)
	ack(p, Ack{Ranges: []Range{{4 + ecnTests + 2, 4 + ecnTests + 2}}, ECN: Counts{}, Counted: true})
	p.advance(time.Second)
	p.timeout()
	require.Equal(t, ecnFailed, p.ECN.state, "all of them were lost")

	p = start()
	window := p.Controller.Window()
	ack(p, Ack{Ranges: []Range{{0, 3}}, ECN: Counts{ECT0: 3, CE: 1}, Counted: true})
	require.Less(t, p.Controller.Window(), window, "RFC 9002 §7.1: a CE mark is a signal of congestion")
}

// RFC 8085 §3.1: whatever the algorithm, a path that goes dark is asked ever more rarely, and then with the least; two flows
// share a bottleneck; what fills it is what it delivers.
func TestAttack32CongestionSafety(t *testing.T) {
	each(t, func(t *testing.T, make func() congestion.Controller) {
		l := newLink(t, 100, 20*ms, 1, 0)
		f := l.add("flow", make(), 0)
		l.run(3 * time.Second)
		l.loss = 1
		l.run(500 * ms) // what was under way is lost
		first := f.NextNumber(handshake.Application)
		l.run(30 * time.Second)
		probes := f.NextNumber(handshake.Application) - first
		require.LessOrEqual(t, probes, uint64(2*12), "%d probes in 30 s of darkness", probes)
		l.loss = 0
		l.run(60 * time.Second)
		require.Greater(t, l.measure(5 * time.Second)[0], 0.8, "it comes back")
	})
}

// RFC 9000 §9.2: "The new path might not have the same ECN capability. Therefore, the endpoint validates ECN capability" there. What the
// old path did to the marks says nothing about the new one, though the peer's counts go on.
func TestECNBeginsAnewOnAnotherPath(t *testing.T) {
	for name, old := range map[string]Counts{"one that stops marking": {ECT0: 4}, "one that bleaches": {}, "one that marks wrongly": {ECT1: 4}, "one with congestion": {ECT0: 1, CE: 3}} {
		t.Run(name, func(t *testing.T) {
			p := newPath(t)
			p.ECN.Start()
			p.send(4)
			p.advance(20 * ms)
			ack := func(first, last uint64, counts Counts) {
				require.NoError(t, p.Ack(p.now, handshake.Application, &Ack{Ranges: []Range{{first, last}}, ECN: counts, Counted: true}, p))
			}
			ack(0, 3, old)
			p.send(1)
			p.advance(20 * ms)
			ack(4, 4, old)
			p.Move(congestion.NewNewReno(packetSize), packetSize, InitialRTT, p)
			require.True(t, p.ECN.Marking())
			p.send(4)
			p.advance(20 * ms)
			window := p.Controller.Window()
			ack(5, 8, Counts{old.ECT0 + 4, old.ECT1, old.CE})
			require.True(t, p.ECN.Capable())
			require.GreaterOrEqual(t, p.Controller.Window(), window, "what the old path marked is no congestion of the new one")
			p.send(4)
			p.advance(20 * ms)
			ack(9, 12, Counts{old.ECT0 + 4, old.ECT1, old.CE})
			require.False(t, p.ECN.Marking(), "the new path bleaches")
		})
	}
	p := newPath(t)
	p.Move(congestion.NewNewReno(packetSize), packetSize, InitialRTT, p)
	require.False(t, p.ECN.Marking(), "it is off where the system cannot")
}
