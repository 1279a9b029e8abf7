package recovery

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Received is what arrived in one packet number space, and when to acknowledge it.
//
// In-order data is acknowledged by whatever is sent next; if nothing is, after a
// short delay; earlier if much of it has gathered. A gap, and what the sender
// waits for, is acknowledged at once. The zero value is ready.
type Received struct {
	set rangeSet
	// settled: the peer is known to have learnt of everything below, so ACK frames leave it out.
	settled uint64
	// largestAt is when the largest number arrived.
	largestAt mono.Time
	// largestEliciting is the largest ack-eliciting number that arrived, plus 1.
	largestEliciting uint64
	// threshold is how many unacknowledged bytes make an ACK due; zero means two packets.
	threshold uint64
	// What arrived ack-eliciting since the last ACK frame was sent.
	packets, bytes uint64
	due            bool      // for a better reason than:
	full           bool      // much has gathered
	deadline       mono.Time // meaningful where packets > 0
}

// Arrival is how a packet counts for the acknowledgement policy.
type Arrival struct {
	// AckEliciting: it holds a frame other than ACK, PADDING and CLOSE (RFC 9000 §13.2).
	AckEliciting bool
	// Immediate: its sender waits for the answer: a handshake packet, a FIN, a PING.
	Immediate bool
	// Size is the packet's, in bytes.
	Size int
	// Delay is how long its acknowledgement may wait.
	Delay time.Duration
}

// AckDelay is how long an acknowledgement may wait for something to travel with: a quarter of the round trip,
// at least 1 ms and at most MaxAckDelay.
func AckDelay(smoothedRTT time.Duration) time.Duration {
	return max(time.Millisecond, min(MaxAckDelay, smoothedRTT/4))
}

// MaxAckDelay is what an endpoint advertises as max_ack_delay (RFC 9000 §18.2).
const MaxAckDelay = 5 * time.Millisecond

// Has reports whether a packet with this number was received, or is too old to be distinguished from one that
// was. Such a packet must be dropped.
func (r *Received) Has(number uint64) bool { return r.set.has(number) }

// Largest is the largest number that arrived, if any did.
func (r *Received) Largest() (number uint64, ok bool) { return r.set.largest() }

// Add takes in a packet that Has does not know.
func (r *Received) Add(now mono.Time, number uint64, a Arrival) {
	largest, ok := r.set.largest()
	r.set.add(number)
	if !ok || number > largest {
		r.largestAt = now
	}
	r.settled = min(r.settled, number)
	if !a.AckEliciting {
		return
	}
	// RFC 9000 §13.2.1: "an endpoint SHOULD generate and send an ACK frame without
	// delay when it receives an ack-eliciting packet either: when the received packet
	// has a packet number less than another ack-eliciting packet that has been
	// received, or when the packet has a packet number larger than the
	// highest-numbered ack-eliciting packet that has been received and there are
	// missing packets between that packet and this packet."
	gap := number < r.largestEliciting
	if number >= r.largestEliciting {
		gap = r.missing(r.largestEliciting, number)
		r.largestEliciting = number + 1
	}
	if r.packets == 0 {
		r.deadline = now.Add(a.Delay)
	}
	r.packets++
	r.bytes += uint64(a.Size)
	r.full = r.full || r.bytes >= r.threshold && r.threshold > 0 || r.packets >= 2 && r.threshold == 0
	r.due = r.due || gap || a.Immediate
}

// missing reports whether a number from low up to high, excluded, has not arrived.
func (r *Received) missing(low, high uint64) bool {
	if low >= high {
		return false
	}
	i := r.set.search(high - 1)
	return high > r.set.floor && (i == len(r.set.ranges) || r.set.ranges[i].Smallest > max(low, r.set.floor))
}

// SetThreshold makes an ACK due once this many bytes have gathered. The peer asks for it when it has left
// start-up; before that, every second packet is acknowledged.
func (r *Received) SetThreshold(bytes uint64) { r.threshold = bytes }

// Postpone lets an acknowledgement that is due at once wait until then for something to travel with.
func (r *Received) Postpone(until mono.Time) {
	if r.due || r.full {
		r.due, r.full, r.deadline = false, false, until
	}
}

// AnswersCome lets an acknowledgement that is due only because much has gathered wait for what is sent soon, though no longer than
// the first packet's may. More that arrives makes it due again.
func (r *Received) AnswersCome() { r.full = false }

// Repeat makes an ACK due that says what the last one did, if anything has arrived.
func (r *Received) Repeat() {
	if _, any := r.set.largest(); any {
		r.packets, r.due = max(r.packets, 1), true
	}
}

// Waiting reports whether something ack-eliciting has not been acknowledged yet:
// whatever is sent next in this space should bring an ACK frame. RFC 9000 §13.2.1: "An endpoint MUST NOT send a
// non-ack-eliciting packet in response to a non-ack-eliciting packet".
func (r *Received) Waiting() bool { return r.packets > 0 }

// Due reports whether an ACK frame must be sent, even alone. RFC 9000 §13.2.1: "an endpoint MUST NOT send more than one such
// packet in response to receiving an ack-eliciting packet".
func (r *Received) Due(now mono.Time) bool {
	return r.packets > 0 && (r.due || r.full || r.deadline <= now)
}

// Deadline is when Due becomes true if nothing arrives, mono.Never if it does not.
func (r *Received) Deadline() mono.Time {
	switch {
	case r.packets == 0:
		return mono.Never
	case r.due || r.full:
		return 0
	}
	return r.deadline
}

// Ack returns what an ACK frame sent now says: ranges, ascending, at most limit of
// them, the newest; and how long ago the largest arrived. They are valid until the next Add.
// It is the caller's to call Sent when the frame leaves.
func (r *Received) Ack(now mono.Time, limit int) (ranges []Range, delay time.Duration) {
	ranges = r.set.ranges
	for len(ranges) > 1 && (len(ranges) > limit || ranges[0].Largest < r.settled) {
		ranges = ranges[1:]
	}
	return ranges, now.Sub(r.largestAt)
}

// Sent notes that an ACK frame with everything that Ack returned is being sent.
func (r *Received) Sent() { r.packets, r.bytes, r.due, r.full = 0, 0, false, false }

// Settle hears that the peer acknowledged a packet whose ACK frame reached up to
// largest. RFC 9000 §13.2.4: "When a packet containing an ACK frame is
// acknowledged, the receiver can stop acknowledging packets less than or equal to the
// Largest Acknowledged field in the sent ACK frame." A packet that comes later
// than that is acknowledged again.
func (r *Received) Settle(largest uint64) { r.settled = max(r.settled, largest+1) }
