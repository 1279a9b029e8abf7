package recovery

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// oracle is RFC 9002's appendix A in its plainest form: a list of every packet
// ever sent, searched from end to end.
type oracle struct {
	packets      []oraclePacket
	largestAcked int
	lossTime     mono.Time
}

type oraclePacket struct {
	at    mono.Time
	state string // "", "acked", "lost", "late" (acknowledged after it was taken for lost), "silent"
}

func (o *oracle) inFlight() (n int) {
	for _, p := range o.packets {
		if p.state == "" {
			n++
		}
	}
	return n
}

func (o *oracle) ack(numbers map[uint64]bool) (acked []uint64) {
	for i := range o.packets {
		if numbers[uint64(i)] {
			o.largestAcked = max(o.largestAcked, i)
			if o.packets[i].state == "" {
				o.packets[i].state = "acked"
				acked = append(acked, uint64(i))
			}
		}
	}
	return acked
}

func (o *oracle) detect(now mono.Time, delay time.Duration, threshold uint64) (lost []uint64) {
	o.lossTime = mono.Never
	for i := range o.packets {
		p := &o.packets[i]
		if p.state != "" || i > o.largestAcked {
			continue
		}
		if p.at.Add(delay) <= now || o.largestAcked >= i+int(threshold) {
			p.state = "lost"
			lost = append(lost, uint64(i))
		} else {
			o.lossTime = min(o.lossTime, p.at.Add(delay))
		}
	}
	return lost
}

// Loss finds the same packets acknowledged and lost, at the same times, as the
// oracle, whatever is sent, acknowledged and waited for; every frame is handed
// out at most once for each packet that carried it.
func TestLossLikeTheRFC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPath(nil)
		p.t = &testing.T{}
		o := &oracle{largestAcked: -1, lossTime: mono.Never}
		handedOut := map[uint64]int{}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			p.acked, p.lost = nil, nil
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				n := rapid.IntRange(1, 20).Draw(t, "send")
				p.send(n)
				for range n {
					o.packets = append(o.packets, oraclePacket{at: p.now})
				}
			case 2:
				p.Sent(p.now, handshake.Application, 40, Silent)
				o.packets = append(o.packets, oraclePacket{at: p.now, state: "silent"})
			case 3:
				if len(o.packets) == 0 {
					continue
				}
				numbers, ranges := drawRanges(t, uint64(len(o.packets)))
				require.NoError(t, p.Ack(p.now, handshake.Application, &Ack{Ranges: ranges}, p))
				want := o.ack(numbers)
				slices.Sort(p.acked)
				// A lost packet may still be remembered, once.
				p.acked = slices.DeleteFunc(p.acked, func(n uint64) bool {
					late := o.packets[n].state == "lost"
					if late {
						o.packets[n].state = "late"
					}
					return late && numbers[n]
				})
				require.ElementsMatch(t, want, p.acked)
				if len(want) > 0 {
					checkLost(t, p, o.detect(p.now, p.lossDelay(), p.order.packets), handedOut)
				}
			case 4:
				p.advance(time.Duration(rapid.IntRange(1, 400).Draw(t, "ms")) * ms)
				due := p.Deadline()
				probes := p.timeout()
				switch {
				case o.lossTime <= p.now:
					require.Zero(t, probes.Count)
					checkLost(t, p, o.detect(p.now, p.lossDelay(), p.order.packets), handedOut)
				case o.lossTime == mono.Never && o.inFlight() > 0 && due <= p.now:
					require.Equal(t, 2, probes.Count)
					for _, n := range p.lost {
						handedOut[n]++
						require.Empty(t, o.packets[n].state)
					}
				default:
					require.Zero(t, probes.Count)
					require.Empty(t, p.lost)
				}
			}
			require.Equal(t, o.inFlight()*packetSize, p.BytesInFlight())
			if o.lossTime != mono.Never {
				require.Equal(t, o.lossTime, p.Deadline())
			}
			require.Equal(t, o.inFlight() == 0, p.Deadline() == mono.Never)
			for n, times := range handedOut {
				require.Equal(t, 1, times, n)
			}
		}
	})
}

// checkLost compares what Loss handed out with what the oracle says was lost: the same, but for
// what a probe took over before.
func checkLost(t *rapid.T, p *path, want []uint64, handedOut map[uint64]int) {
	for _, n := range want {
		if handedOut[n] == 0 {
			require.Contains(t, p.lost, n)
		}
	}
	for _, n := range p.lost {
		require.Contains(t, want, n)
		handedOut[n]++
	}
}

// drawRanges draws an ACK frame about packets below limit: as a set, and descending as on the wire.
func drawRanges(t *rapid.T, limit uint64) (map[uint64]bool, []Range) {
	numbers := map[uint64]bool{}
	var ranges []Range
	next := limit - 1 - rapid.Uint64Range(0, min(limit-1, 10)).Draw(t, "unacknowledged")
	for range rapid.IntRange(1, 4).Draw(t, "ranges") {
		length := rapid.Uint64Range(0, min(next, 6)).Draw(t, "length")
		ranges = append(ranges, Range{next - length, next})
		for n := next - length; n <= next; n++ {
			numbers[n] = true
		}
		if next-length < 2 {
			break
		}
		gap := rapid.Uint64Range(2, min(next-length, 5)).Draw(t, "gap")
		next -= length + gap
	}
	return numbers, ranges
}
