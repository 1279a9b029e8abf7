package recovery

import (
	"errors"
	"math"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// ErrNotSent says that the peer acknowledged a packet that was never sent, or that
// its ranges make no sense. RFC 9000 §13.1: "An endpoint SHOULD treat receipt of
// an acknowledgment for a packet it did not send as a connection error of type
// PROTOCOL_VIOLATION, if it is able to detect the condition."
var ErrNotSent = errors.New("acknowledgement of a packet that was not sent")

// Fates hears what became of the frames of sent packets. It must not call the
// Loss that calls it.
type Fates interface {
	// FrameAcked: the peer has it.
	FrameAcked(space handshake.Level, ref Ref)
	// FrameLost: it is to be sent again, if it still matters. It may turn out to have
	// arrived after all.
	FrameLost(space handshake.Level, ref Ref)
}

// Loss is the sending side of a connection's three packet number spaces: loss
// detection, probe timeouts and what is in flight. Each space is named by its
// encryption level.
type Loss struct {
	RTT
	// Controller is the congestion controller that hears what was sent, acknowledged and lost.
	Controller congestion.Controller
	// MaxAckDelay is the peer's promise (RFC 9000 §18.2), zero until it is known.
	MaxAckDelay time.Duration
	// MaxBackOff is the longest time between two probes once the handshake is done, where it is more than
	// two periods. Who gives a peer up after a while wants to have asked often: one of three
	// datagrams may be lost, and doubling without end asks eight times in a minute.
	MaxBackOff time.Duration
	// Confirmed: the handshake is confirmed (RFC 9001 §4.1.2).
	Confirmed bool
	// ProbeApplication lets the timer of the application space run. RFC 9002 §6.2.1:
	// "An endpoint MUST NOT set its PTO timer for the Application Data packet number
	// space until the handshake is confirmed", because until then the peer may have no keys.
	ProbeApplication bool

	spaces        [handshake.Levels]space
	bytesInFlight int
	ptoCount      int
	deadline      mono.Time
	lostPackets   uint64
}

// space is the sending side of one packet number space.
type space struct {
	records
	nextNumber   uint64
	largestAcked uint64 // plus 1; zero means none
	lastSentAt   mono.Time
	inFlight     int // packets
	// lossTime is when the earliest packet that is not yet lost will be, by the time threshold.
	lossTime mono.Time
}

// NewLoss returns the state of a path that nothing is known of.
func NewLoss(c congestion.Controller, initialRTT time.Duration) *Loss {
	l := &Loss{RTT: newRTT(initialRTT), Controller: c, deadline: mono.Never, MaxBackOff: math.MaxInt64}
	for i := range l.spaces {
		l.spaces[i].lossTime = mono.Never
	}
	return l
}

// NextNumber is the number of the packet that space sends next. Numbers never repeat.
func (l *Loss) NextNumber(s handshake.Level) uint64 { return l.spaces[s].nextNumber }

// LargestAcked is the largest number that the peer acknowledged in the space, if it did any.
func (l *Loss) LargestAcked(s handshake.Level) (number uint64, ok bool) {
	n := l.spaces[s].largestAcked
	return n - 1, n > 0
}

// AddRef says that the packet that is being made in the space carries ref.
func (l *Loss) AddRef(s handshake.Level, ref Ref) { l.spaces[s].addRef(ref) }

// Abandon forgets the refs of a packet that is not sent after all.
func (l *Loss) Abandon(s handshake.Level) { l.spaces[s].dropRefs() }

// Sent hears that the packet with NextNumber leaves, with the refs added since the
// one before. One that is not ack-eliciting is not owed an acknowledgement,
// and leaves no record.
func (l *Loss) Sent(now mono.Time, s handshake.Level, size int, ackEliciting bool) {
	sp := &l.spaces[s]
	number := sp.nextNumber
	sp.nextNumber++
	if !ackEliciting {
		sp.dropRefs()
		return
	}
	sp.push(sent{number: number, at: now, size: uint16(size)})
	sp.lastSentAt = now
	sp.inFlight++
	l.Controller.OnSent(now, size, l.bytesInFlight)
	l.bytesInFlight += size
	l.arm()
}

// Available is how many bytes the congestion window leaves.
func (l *Loss) Available() int { return max(0, l.Controller.Window()-l.bytesInFlight) }

// BytesInFlight, PTOCount and LostPackets are for those who watch.
func (l *Loss) BytesInFlight() int  { return l.bytesInFlight }
func (l *Loss) PTOCount() int       { return l.ptoCount }
func (l *Loss) LostPackets() uint64 { return l.lostPackets }

// Outstanding reports whether anything in the space is owed an acknowledgement.
func (l *Loss) Outstanding(s handshake.Level) bool { return l.spaces[s].inFlight > 0 }

// Deadline is when Timeout is due.
func (l *Loss) Deadline() mono.Time { return l.deadline }

// Ack takes in an ACK frame: ranges in descending order as on the wire, each below the one
// before, and how long the peer says that it held the acknowledgement back.
func (l *Loss) Ack(now mono.Time, s handshake.Level, ranges []Range, ackDelay time.Duration, f Fates) error {
	sp := &l.spaces[s]
	if err := sp.check(ranges); err != nil {
		return err
	}
	largest := ranges[0].Largest
	sp.largestAcked = max(sp.largestAcked, largest+1)
	flight := l.bytesInFlight
	progress := false
	for i, r := range ranges {
		for j := sp.search(r.Smallest); j < sp.n && sp.at(j).number <= r.Largest; j++ {
			p := sp.at(j)
			if !p.inFlight() {
				continue
			}
			if i == 0 && p.number == largest {
				l.sample(now, s, p.at, ackDelay)
			}
			progress = true
			p.state = acked
			sp.inFlight--
			l.bytesInFlight -= int(p.size)
			l.Controller.OnAcked(congestion.Acked{Now: now, SentAt: p.at, Size: int(p.size), BytesInFlight: flight})
			for k := range int(p.count) {
				f.FrameAcked(s, sp.ref(p, k))
			}
		}
	}
	if !progress {
		return nil
	}
	l.detect(now, s, f)
	sp.trim()
	// RFC 9002 §6.2.1: "The PTO backoff factor is reset when an acknowledgment is
	// received". The server's cookie has proved our address before it has any state, so the client
	// needs no exception for what a server may not send yet.
	l.ptoCount = 0
	l.arm()
	return nil
}

// check refuses ranges that are out of order, or reach past what was sent.
func (sp *space) check(ranges []Range) error {
	if len(ranges) == 0 {
		return ErrNotSent
	}
	limit := sp.nextNumber
	for _, r := range ranges {
		if r.Smallest > r.Largest || r.Largest >= limit {
			return ErrNotSent
		}
		limit = r.Smallest
	}
	return nil
}

// sample makes an RTT sample from the largest packet of an ACK frame, which is newly
// acknowledged (RFC 9002 §5.1).
func (l *Loss) sample(now mono.Time, s handshake.Level, sentAt mono.Time, ackDelay time.Duration) {
	// RFC 9002 §5.3: an endpoint "MAY ignore the acknowledgment delay for Initial
	// packets", "SHOULD ignore the peer's max_ack_delay until the handshake is
	// confirmed" and "MUST use the lesser of the acknowledgment delay and the peer's
	// max_ack_delay after the handshake is confirmed".
	if s != handshake.Application {
		ackDelay = 0
	}
	if l.Confirmed {
		ackDelay = min(ackDelay, l.MaxAckDelay)
	}
	l.update(now, now.Sub(sentAt), max(0, ackDelay))
}

// packetThreshold is how far an acknowledged packet is ahead of one that is lost (RFC 9002 §6.1.1).
const packetThreshold = 3

// detect declares lost what RFC 9002 §6.1 says is lost: "The packet is
// unacknowledged, in flight, and was sent prior to an acknowledged packet", and
// "was sent kPacketThreshold packets before an acknowledged packet, or it was sent long enough in the past."
func (l *Loss) detect(now mono.Time, s handshake.Level, f Fates) {
	sp := &l.spaces[s]
	sp.lossTime = mono.Never
	if sp.largestAcked == 0 {
		return
	}
	delay := l.lossDelay()
	gone := congestion.Lost{Now: now, BytesInFlight: l.bytesInFlight}
	var run congestionRun
	for i := range sp.n {
		p := sp.at(i)
		if p.number >= sp.largestAcked {
			break
		}
		if p.state == acked {
			run.interrupt()
		}
		if !p.inFlight() {
			continue
		}
		if lostAt := p.at.Add(delay); lostAt > now && sp.largestAcked-1-p.number < packetThreshold {
			sp.lossTime = min(sp.lossTime, lostAt)
			continue
		}
		handOut := p.state == outstanding
		p.state = lost
		sp.inFlight--
		l.bytesInFlight -= int(p.size)
		l.lostPackets++
		gone.Size += int(p.size)
		gone.LastSentAt = p.at
		// RFC 9002 §7.6.2: persistent congestion needs an RTT sample from before the packets were sent.
		if l.sampled && p.at > l.firstSample {
			run.add(p.at)
		}
		if handOut {
			for k := range int(p.count) {
				f.FrameLost(s, sp.ref(p, k))
			}
		}
	}
	if gone.Size == 0 {
		return
	}
	l.Controller.OnLost(gone)
	if run.longest > l.persistentDuration() {
		l.Controller.OnPersistentCongestion(now)
	}
}

// congestionRun measures how long nothing came through: the longest time between two
// lost packets of one event with no acknowledged one between them.
type congestionRun struct {
	begin   mono.Time
	running bool
	longest time.Duration
}

func (r *congestionRun) add(sentAt mono.Time) {
	if !r.running {
		r.begin, r.running = sentAt, true
	}
	r.longest = max(r.longest, sentAt.Sub(r.begin))
}

func (r *congestionRun) interrupt() { r.running = false }

// persistentDuration is RFC 9002 §7.6.1: "(smoothed_rtt + max(4*rttvar,
// kGranularity) + max_ack_delay) * kPersistentCongestionThreshold", which is 3. "Unlike the
// PTO computation, this duration includes max_ack_delay irrespective of the packet number spaces".
func (l *Loss) persistentDuration() time.Duration { return 3 * l.PTO(l.MaxAckDelay) }

// Drop forgets the space: its keys are gone, and what is in flight there with
// them (RFC 9002 §6.4).
func (l *Loss) Drop(s handshake.Level) {
	sp := &l.spaces[s]
	for i := range sp.n {
		if p := sp.at(i); p.inFlight() {
			l.bytesInFlight -= int(p.size)
		}
	}
	*sp = space{nextNumber: sp.nextNumber, lossTime: mono.Never}
	// RFC 9002 §6.2.2: "When Initial or Handshake keys are discarded, the PTO and loss
	// detection timers MUST be reset".
	l.ptoCount = 0
	l.arm()
}
