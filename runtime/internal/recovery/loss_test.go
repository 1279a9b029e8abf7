package recovery

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// path is a Loss under test: verbs drive it, and it notes what became of frames.
// Each packet carries one ref, with its number as the offset.
type path struct {
	t testing.TB
	*Loss
	now         mono.Time
	acked, lost []uint64
}

const packetSize = 1000

func newPath(t testing.TB) *path {
	l := NewLoss(congestion.NewNewReno(packetSize), packetSize, InitialRTT)
	l.Confirmed, l.ProbeApplication = true, true
	return &path{t: t, Loss: l, now: mono.Time(time.Second)}
}

func (p *path) FrameAcked(_ handshake.Level, r Ref) { p.acked = append(p.acked, r.Offset) }
func (p *path) FrameLost(_ handshake.Level, r Ref)  { p.lost = append(p.lost, r.Offset) }

func (p *path) advance(d time.Duration) { p.now = p.now.Add(d) }

func (p *path) sendIn(s handshake.Level, n int) {
	for range n {
		p.AddRef(s, Ref{Offset: p.NextNumber(s)})
		p.Sent(p.now, s, packetSize, Ordinary)
	}
}

func (p *path) send(n int) { p.sendIn(handshake.Application, n) }

// ack acknowledges ranges, given ascending.
func (p *path) ack(ranges ...Range) {
	p.t.Helper()
	require.NoError(p.t, p.tryAck(ranges...))
}

func (p *path) tryAck(ranges ...Range) error {
	slices.Reverse(ranges)
	return p.Ack(p.now, handshake.Application, &Ack{Ranges: ranges}, p)
}

func (p *path) timeout() Probes { return p.Timeout(p.now, p) }

func (p *path) want(acked, lost []uint64) {
	p.t.Helper()
	require.Equal(p.t, acked, p.acked, "acknowledged")
	require.Equal(p.t, lost, p.lost, "to be sent again")
	p.acked, p.lost = nil, nil
}

// RFC 9002 §6.1.1: "The RECOMMENDED initial value for the packet reordering
// threshold (kPacketThreshold) is 3".
func TestPacketThreshold(t *testing.T) {
	p := newPath(t)
	p.send(6)
	p.advance(10 * ms)
	p.ack(Range{2, 2})
	p.want([]uint64{2}, nil)
	p.ack(Range{2, 4})
	p.want([]uint64{3, 4}, []uint64{0, 1})
	require.Equal(t, packetSize, p.BytesInFlight(), "5 is under way")
	require.EqualValues(t, 2, p.LostPackets())
}

// RFC 9002 §6.1.2: "Once a later packet within the same packet number space has been
// acknowledged, an endpoint SHOULD declare an earlier packet lost if it was sent a
// threshold amount of time in the past." "The time threshold is: max(kTimeThreshold *
// max(smoothed_rtt, latest_rtt), kGranularity)"
func TestTimeThreshold(t *testing.T) {
	p := newPath(t)
	p.send(2)
	sent := p.now
	p.advance(80 * ms)
	p.ack(Range{1, 1})
	p.want([]uint64{1}, nil)
	require.Equal(t, sent.Add(90*ms), p.Deadline(), "9/8 of 80 ms")
	p.advance(9 * ms)
	require.Zero(t, p.timeout().Count)
	p.want(nil, nil)
	p.advance(ms)
	require.Zero(t, p.timeout().Count)
	p.want(nil, []uint64{0})
	require.Equal(t, mono.Never, p.Deadline())
	require.Zero(t, p.BytesInFlight())
}

// RFC 9002 §6.1: "The packet is unacknowledged, in flight, and was sent prior to an acknowledged packet."
func TestNothingIsLostWithoutALaterAck(t *testing.T) {
	p := newPath(t)
	p.send(5)
	p.advance(time.Hour)
	p.ack(Range{0, 2})
	p.want([]uint64{0, 1, 2}, nil)
}

// RFC 9002 §6.2: "A PTO timer expiration event does not indicate packet loss and MUST
// NOT cause prior unacknowledged packets to be marked as lost."
func TestPTO(t *testing.T) {
	p := newPath(t)
	p.send(3)
	require.Equal(t, p.now.Add(300*ms), p.Deadline(), "smoothed_rtt 100 ms and four times rttvar 50 ms")
	p.advance(300 * ms)
	require.Equal(t, Probes{handshake.Application, 2}, p.timeout())
	p.want(nil, []uint64{0, 1})
	require.Equal(t, 3*packetSize, p.BytesInFlight(), "still in flight")
	require.Zero(t, p.LostPackets())

	// RFC 9002 §6.2.1: "When a PTO timer expires, the PTO backoff MUST be increased,
	// resulting in the PTO period being set to twice its current value."
	p.send(2) // the probes, 3 and 4
	require.Equal(t, p.now.Add(600*ms), p.Deadline())
	p.advance(600 * ms)
	p.timeout()
	p.want(nil, []uint64{2, 3})
	require.Equal(t, 2, p.PTOCount())

	// "The PTO backoff factor is reset when an acknowledgment is received".
	p.advance(10 * ms)
	p.ack(Range{0, 0})
	p.want([]uint64{0}, nil)
	require.Zero(t, p.PTOCount())
}

// The frames of a packet that was probed for are not handed out again when
// it turns out to be lost: the probe answers for them.
func TestProbedFramesAreNotHandedOutTwice(t *testing.T) {
	p := newPath(t)
	p.send(1)
	p.advance(300 * ms)
	p.timeout()
	p.want(nil, []uint64{0})
	p.send(4)
	p.advance(50 * ms)
	p.ack(Range{3, 4})
	p.want([]uint64{3, 4}, []uint64{1})
	require.EqualValues(t, 2, p.LostPackets())
}

// RFC 9002 §6.2.1: "An endpoint MUST NOT set its PTO timer for the Application Data
// packet number space until the handshake is confirmed."
func TestNoApplicationProbeBeforeKeys(t *testing.T) {
	p := newPath(t)
	p.ProbeApplication = false
	p.send(1)
	require.Equal(t, mono.Never, p.Deadline())
	p.sendIn(handshake.Initial, 1)
	require.Equal(t, p.now.Add(300*ms), p.Deadline())
}

// The back-off of the handshake ends at 1 s; that of data does not.
func TestHandshakeBackOff(t *testing.T) {
	p := newPath(t)
	p.sendIn(handshake.Initial, 1)
	for _, wait := range []time.Duration{300 * ms, 600 * ms, time.Second, time.Second} {
		require.Equal(t, p.now.Add(wait), p.Deadline())
		p.advance(wait)
		require.Equal(t, handshake.Initial, p.timeout().Space)
		p.sendIn(handshake.Initial, 2)
	}
}

// RFC 9002 §6.2.2: "When Initial or Handshake keys are discarded, the PTO and loss
// detection timers MUST be reset", and §6.4: "The sender MUST discard
// all recovery state associated with those packets and MUST remove them from the count of bytes in flight."
func TestDrop(t *testing.T) {
	p := newPath(t)
	p.sendIn(handshake.Initial, 3)
	p.send(1)
	p.advance(300 * ms)
	p.timeout()
	p.Drop(handshake.Initial)
	require.Equal(t, packetSize, p.BytesInFlight())
	require.Zero(t, p.PTOCount())
	require.Equal(t, p.now, p.Deadline(), "the data's own probe")
	require.EqualValues(t, 3, p.NextNumber(handshake.Initial), "numbers never repeat")
}

// RFC 9000 §13.1: "An endpoint SHOULD treat receipt of an acknowledgment for a
// packet it did not send as a connection error of type PROTOCOL_VIOLATION".
func TestAckOfUnsent(t *testing.T) {
	for name, ranges := range map[string][]Range{
		"past the last":           {{0, 3}},
		"far past":                {{1 << 60, 1 << 61}},
		"inverted":                {{2, 1}},
		"none":                    {},
		"overlapping":             {{0, 1}, {1, 2}},
		"ascending (on the wire)": {{1, 2}, {0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPath(t)
			p.send(3)
			require.ErrorIs(t, p.tryAck(ranges...), ErrNotSent)
			p.want(nil, nil)
			require.Equal(t, 3*packetSize, p.BytesInFlight())
		})
	}
}

// A stale or repeated ACK changes nothing, not even the RTT (RFC 9002 §5.1: "An RTT sample MUST NOT be
// generated on receiving an ACK frame that does not newly acknowledge at least one ack-eliciting packet").
func TestStaleAck(t *testing.T) {
	p := newPath(t)
	p.send(3)
	p.advance(10 * ms)
	p.ack(Range{0, 1})
	p.advance(time.Second)
	before := p.RTT
	p.acked = nil
	p.ack(Range{0, 1})
	p.ack(Range{0, 0})
	p.want(nil, nil)
	require.Equal(t, before, p.RTT)
}

// RFC 9002 §5.1: "the largest acknowledged packet number is newly acknowledged".
func TestRTTOnlyFromTheLargest(t *testing.T) {
	p := newPath(t)
	p.send(1)
	p.advance(10 * ms)
	p.send(1)
	p.advance(10 * ms)
	p.ack(Range{1, 1})
	require.Equal(t, 10*ms, p.Latest())
	p.advance(100 * ms)
	p.ack(Range{0, 1})
	require.Equal(t, 10*ms, p.Latest())
}

// RFC 9002 §7.6.2: persistent congestion is declared when two ack-eliciting packets
// are lost, "across all packet number spaces, none of the packets sent between the
// send times of these two packets are acknowledged; the duration between the send
// times of these two packets exceeds the persistent congestion duration; and a prior RTT sample existed when these two packets were sent."
func TestPersistentCongestion(t *testing.T) {
	for _, c := range []struct {
		name       string
		sampled    bool
		gap        time.Duration
		ackBetween bool
		persistent bool
	}{
		{"long silence", true, 2 * time.Second, false, true},
		{"short silence", true, 20 * ms, false, false},
		{"something came through", true, 2 * time.Second, true, false},
		{"no sample before", false, 2 * time.Second, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPath(t)
			first := uint64(0)
			if c.sampled {
				p.send(1)
				p.advance(10 * ms)
				p.ack(Range{0, 0})
				p.advance(10 * ms)
				first = 1
			}
			p.send(1)
			p.advance(c.gap / 2)
			p.send(1)
			p.advance(c.gap / 2)
			p.send(5)
			p.advance(10 * ms)
			ranges := []Range{{first + 6, first + 6}}
			if c.ackBetween {
				ranges = []Range{{first + 1, first + 1}, {first + 6, first + 6}}
			}
			p.ack(ranges...)
			require.Equal(t, c.persistent, p.Controller.Window() == 2*packetSize)
			require.Less(t, p.Controller.Window(), 7*packetSize)
		})
	}
}

// A packet that is not ack-eliciting leaves no record and moves no timer.
func TestAckOnlyPackets(t *testing.T) {
	p := newPath(t)
	for range 100_000 {
		p.AddRef(handshake.Application, Ref{})
		p.Sent(p.now, handshake.Application, 40, Silent)
	}
	require.Zero(t, p.BytesInFlight())
	require.Equal(t, mono.Never, p.Deadline())
	require.Empty(t, p.spaces[handshake.Application].ring)
	p.ack(Range{0, 99_999})
	p.want(nil, nil)
}

// A steady exchange allocates nothing.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	p := newPath(t)
	turn := func() {
		first := p.NextNumber(handshake.Application)
		p.send(8)
		p.advance(10 * ms)
		ranges := [2]Range{{first + 4, first + 7}, {first, first + 2}}
		if p.Ack(p.now, handshake.Application, &Ack{Ranges: ranges[:]}, p) != nil {
			t.Fatal("refused")
		}
		p.acked, p.lost = p.acked[:0], p.lost[:0]
	}
	for range 10 {
		turn()
	}
	require.Zero(t, testing.AllocsPerRun(100, turn))
}

// An ACK frame of many ranges over a full window costs little: each range is found
// by bisection.
func BenchmarkAckManyRanges(b *testing.B) {
	p := newPath(b)
	ranges := make([]Range, 0, 64)
	for b.Loop() {
		first := p.NextNumber(handshake.Application)
		p.send(128)
		ranges = ranges[:0]
		for i := uint64(0); i < 128; i += 2 {
			ranges = append(ranges, Range{first + 127 - i, first + 127 - i})
		}
		_ = p.Ack(p.now, handshake.Application, &Ack{Ranges: ranges}, p)
		p.acked, p.lost = p.acked[:0], p.lost[:0]
	}
}
