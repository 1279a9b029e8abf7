package recovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// The set of ranges holds what a map holds, above what it has forgotten.
func TestRangesLikeAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s rangeSet
		oracle := map[uint64]bool{}
		spread := rapid.Uint64Range(4, 400).Draw(t, "spread")
		for range rapid.IntRange(1, 300).Draw(t, "adds") {
			n := rapid.Uint64Range(0, spread).Draw(t, "n")
			require.Equal(t, oracle[n] || n < s.floor, s.has(n))
			if !s.has(n) {
				s.add(n)
				oracle[n] = true
			}
			require.LessOrEqual(t, len(s.ranges), maxRanges)
			for i, r := range s.ranges {
				require.LessOrEqual(t, r.Smallest, r.Largest)
				require.True(t, i == 0 || s.ranges[i-1].Largest+1 < r.Smallest)
				for k := r.Smallest; k <= r.Largest; k++ {
					require.True(t, oracle[k])
				}
			}
			for k := range spread + 1 {
				require.Equal(t, oracle[k] || k < s.floor, s.has(k))
			}
		}
	})
}

// RFC 9000 §13.2.3: "A receiver limits the number of ACK Ranges it remembers and
// sends in ACK frames". What it forgot it never accepts again.
func TestRangesAreBounded(t *testing.T) {
	var r Received
	for n := uint64(0); n < 100_000; n += 2 {
		r.Add(1, n, Arrival{AckEliciting: true})
		require.True(t, r.Has(n))
	}
	require.Len(t, r.set.ranges, maxRanges)
	require.True(t, r.Has(1), "too old to tell")
	require.False(t, r.Has(99_999))
	ranges, _ := r.Ack(1, 32)
	require.Len(t, ranges, 32)
	require.Equal(t, Range{99_998, 99_998}, ranges[31])
}

func eliciting(size int) Arrival { return Arrival{AckEliciting: true, Size: size, Delay: 2 * ms} }

// RFC 9000 §13.2.1: "An endpoint MUST acknowledge all ack-eliciting Initial and Handshake packets immediately
// and all ack-eliciting 0-RTT and 1-RTT packets within its advertised max_ack_delay".
func TestAckAfterDelay(t *testing.T) {
	var r Received
	require.Equal(t, mono.Never, r.Deadline())
	r.Add(1000, 0, eliciting(100))
	require.True(t, r.Waiting())
	require.False(t, r.Due(1000))
	require.Equal(t, mono.Time(1000).Add(2*ms), r.Deadline())
	require.True(t, r.Due(r.Deadline()))
	ranges, delay := r.Ack(r.Deadline(), 32)
	require.Equal(t, []Range{{0, 0}}, ranges)
	require.Equal(t, 2*ms, delay)
	r.Sent()
	require.False(t, r.Waiting())
	require.Equal(t, mono.Never, r.Deadline())
}

// RFC 9000 §13.2.2: "A receiver SHOULD send an ACK frame after receiving at least two ack-eliciting packets."
func TestAckEverySecondPacketInStartUp(t *testing.T) {
	var r Received
	r.Add(1, 0, eliciting(100))
	require.False(t, r.Due(1))
	r.Add(1, 1, eliciting(100))
	require.True(t, r.Due(1))
}

// After start-up the sender sets how many bytes make an acknowledgement due.
func TestAckAtByteThreshold(t *testing.T) {
	var r Received
	r.SetThreshold(1000)
	for n := range uint64(9) {
		r.Add(1, n, eliciting(100))
		require.False(t, r.Due(1), n)
	}
	r.Add(1, 9, eliciting(100))
	require.True(t, r.Due(1))
}

// RFC 9000 §13.2.1: an ACK without delay "when the received packet has a packet
// number less than another ack-eliciting packet that has been received, or when the
// packet has a packet number larger than the highest-numbered ack-eliciting packet
// that has been received and there are missing packets between that packet and this packet."
func TestAckAtOnce(t *testing.T) {
	var r Received
	r.Add(1, 0, eliciting(100))
	r.Sent()
	r.Add(1, 2, eliciting(100))
	require.True(t, r.Due(1), "a gap")
	r.Sent()
	r.Add(1, 3, eliciting(100))
	require.False(t, r.Due(1), "the gap has been reported")
	r.Sent()
	r.Add(1, 1, eliciting(100))
	require.True(t, r.Due(1), "out of order")
	r.Sent()
	r.Add(1, 4, Arrival{AckEliciting: true, Immediate: true, Size: 100, Delay: ms})
	require.True(t, r.Due(1), "its sender waits for it")
	r.Sent()
	r.Add(1, 5, Arrival{Size: 100})
	r.Add(1, 6, eliciting(100))
	require.False(t, r.Due(1), "what was missing between was there, only not ack-eliciting")
}

// RFC 9000 §13.2.1: "Non-ack-eliciting packets are eventually acknowledged when the
// endpoint sends an ACK frame in response to other events."
func TestAckOnlyIsNotAcked(t *testing.T) {
	var r Received
	for n := range uint64(10) {
		r.Add(1, 2*n, Arrival{Size: 40})
	}
	require.False(t, r.Waiting())
	require.False(t, r.Due(mono.Time(time.Hour)))
}

// RFC 9000 §13.2.4: "When a packet containing an ACK frame is acknowledged, the
// receiver can stop acknowledging packets less than or equal to the Largest Acknowledged field in the sent ACK frame."
func TestAckOfAck(t *testing.T) {
	var r Received
	for _, n := range []uint64{0, 2, 4, 6} {
		r.Add(1, n, eliciting(100))
	}
	r.Settle(4)
	ranges, _ := r.Ack(1, 32)
	require.Equal(t, []Range{{6, 6}}, ranges)
	require.True(t, r.Has(2), "still known, so that a duplicate is dropped")
	r.Add(1, 3, eliciting(100))
	ranges, _ = r.Ack(1, 32)
	require.Equal(t, []Range{{2, 4}, {6, 6}}, ranges, "a late one is acknowledged, whatever was settled")
	r.Settle(6)
	ranges, _ = r.Ack(1, 32)
	require.Equal(t, []Range{{6, 6}}, ranges, "an ACK frame has at least one range")
}

// An acknowledgement that is due at once can be made to wait for company.
func TestPostpone(t *testing.T) {
	var r Received
	r.Add(1, 0, Arrival{AckEliciting: true, Immediate: true})
	r.Postpone(1000)
	require.False(t, r.Due(999))
	require.True(t, r.Due(1000))
}

// An acknowledgement that is due because much has gathered can be made to wait for what is said soon, but not beyond its delay, nor
// when more arrives; one that is due for another reason cannot.
func TestAnswersCome(t *testing.T) {
	var r Received
	r.Add(1, 0, eliciting(100))
	r.Add(5, 1, eliciting(100))
	require.True(t, r.Due(5))
	r.AnswersCome()
	require.False(t, r.Due(5))
	require.Equal(t, mono.Time(1).Add(2*ms), r.Deadline())
	require.True(t, r.Due(r.Deadline()))
	r.Add(6, 2, eliciting(100))
	require.True(t, r.Due(6))
	r.AnswersCome()
	r.Sent()
	require.False(t, r.Waiting())
	r.Add(7, 4, eliciting(100)) // there is a gap
	r.AnswersCome()
	require.True(t, r.Due(7))
}

// An ack-eliciting packet is due at once exactly if the policy's words say so of the
// plain set of everything that arrived; it is never forgotten.
func TestPolicyLikeItsWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Received
		seen := map[uint64]bool{}
		highest, pending := -1, 0
		for range rapid.IntRange(1, 60).Draw(t, "arrivals") {
			n := rapid.Uint64Range(0, 40).Draw(t, "n")
			if r.Has(n) {
				require.True(t, seen[n])
				continue
			}
			seen[n] = true
			if rapid.Bool().Draw(t, "silent") {
				before := r.Due(1)
				r.Add(1, n, Arrival{Delay: ms})
				require.Equal(t, before, r.Due(1))
				continue
			}
			urgent := int(n) < highest
			for k := highest + 1; k < int(n); k++ {
				urgent = urgent || !seen[uint64(k)]
			}
			highest = max(highest, int(n))
			before := r.Due(1)
			r.Add(1, n, Arrival{AckEliciting: true, Delay: ms})
			pending++
			require.True(t, r.Waiting())
			require.Equal(t, before || urgent || pending >= 2, r.Due(1))
			require.True(t, r.Due(mono.Time(2*ms)))
			if rapid.Bool().Draw(t, "send") {
				r.Sent()
				pending = 0
			}
		}
	})
}
