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

// Fates is told what became of the frames of sent packets. It must not call the Loss that calls it.
type Fates interface {
	// FrameAcked: the peer has it.
	FrameAcked(space handshake.Level, ref Ref)
	// FrameLost: it must be sent again, if it still matters. It may turn out to have arrived after all.
	FrameLost(space handshake.Level, ref Ref)
}

// Loss is the sending side of a connection's three packet number spaces: loss
// detection, probe timeouts, what is in flight, and how much and how fast may be sent. Each
// space is named by its encryption level. RFC 8085 §3: "applications that may be used on the Internet MUST NOT make
// assumptions about specific path characteristics. They MUST instead use mechanisms that let them operate safely under very
// different path conditions." RFC 8085 §3.3: "Applications that do require reliable message delivery MUST implement an
// appropriate mechanism themselves.", and "Applications that require ordered delivery MUST reestablish datagram ordering
// themselves."
type Loss struct {
	RTT
	// Controller is the congestion controller, which is told what was sent, acknowledged and lost.
	Controller congestion.Controller
	// MaxAckDelay is the peer's promise (RFC 9000 §18.2), zero until it is known.
	MaxAckDelay time.Duration
	// MaxBackOff is the longest time between two probes once the handshake is done, if it is more than two
	// periods. An end that gives up a peer after a while must have probed often: one of three datagrams may be
	// lost, and doubling without limit probes eight times in a minute.
	MaxBackOff time.Duration
	// Confirmed: the handshake is confirmed (RFC 9001 §4.1.2).
	Confirmed bool
	// ProbeApplication lets the timer of the application space run. RFC 9002 §6.2.1:
	// "An endpoint MUST NOT set its PTO timer for the Application Data packet number
	// space until the handshake is confirmed", because until then the peer may have no keys.
	ProbeApplication bool
	// OnLost is called for each packet that is deemed lost; nil for nobody.
	OnLost func(now mono.Time, space handshake.Level, number uint64)
	// ECN says whether packets leave marked as ECN-capable, and judges what is reported back.
	ECN ECN

	spaces        [handshake.Levels]space
	bytesInFlight int
	ptoCount      int
	deadline      mono.Time
	maxDatagram   int

	sampler congestion.Sampler
	pacer   congestion.Pacer
	skips   skips
	thin    thin
	large   large
	order   order
	episode episode

	lostPackets, spurious uint64
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

// NewLoss returns the state of an unknown path, with datagrams of up to maxDatagram bytes.
func NewLoss(c congestion.Controller, maxDatagram int, initialRTT time.Duration) *Loss {
	l := &Loss{
		RTT: newRTT(initialRTT), Controller: c, deadline: mono.Never, MaxBackOff: math.MaxInt64,
		maxDatagram: maxDatagram, order: newOrder(),
	}
	for i := range l.spaces {
		l.spaces[i].lossTime = mono.Never
	}
	return l
}

// NextNumber is the number of the packet that space sends next. Numbers never repeat.
func (l *Loss) NextNumber(s handshake.Level) uint64 { return l.spaces[s].nextNumber }

// LargestAcked is the largest number that the peer acknowledged in the space, if any.
func (l *Loss) LargestAcked(s handshake.Level) (number uint64, ok bool) {
	n := l.spaces[s].largestAcked
	return n - 1, n > 0
}

// AddRef says that the packet under construction in the space carries ref.
func (l *Loss) AddRef(s handshake.Level, ref Ref) { l.spaces[s].addRef(ref) }

// Abandon forgets the refs of a packet that is not sent after all.
func (l *Loss) Abandon(s handshake.Level) { l.spaces[s].dropRefs() }

// Sent records that the packet with NextNumber leaves, with the refs added since the one before. A Silent
// packet is not owed an acknowledgement, and leaves no record. RFC 9000 §12.3: "Subsequent packets sent in the same packet
// number space MUST increase the packet number by at least one.", and it "MUST NOT reuse a packet number within the same
// packet number space".
func (l *Loss) Sent(now mono.Time, s handshake.Level, size int, kind Kind) {
	sp := &l.spaces[s]
	number := sp.nextNumber
	sp.nextNumber++
	if s == handshake.Application {
		sp.nextNumber = l.skips.next(sp.nextNumber, l.Controller.Window()/l.maxDatagram)
	}
	if kind == Silent {
		sp.dropRefs()
		return
	}
	if sp.inFlight == 0 {
		sp.trim(l.forgetLost(now))
	}
	sp.push(sent{
		number: number, at: now, size: uint16(size), kind: kind, marked: l.ECN.marking(),
		Snapshot: l.sampler.Sent(now, l.bytesInFlight, size),
	})
	sp.lastSentAt = now
	sp.inFlight++
	l.thin.sent(now, size, kind)
	l.Controller.OnSent(now, size, l.bytesInFlight)
	l.bytesInFlight += size
	l.pace()
	l.pacer.Sent(now, size)
	l.arm()
}

// pace tells the pacer what the controller wants now.
func (l *Loss) pace() {
	l.pacer.Set(l.Controller.Rate(l.smoothedRTT), l.maxDatagram, l.minRTT)
}

// Available is how many bytes the congestion window leaves.
func (l *Loss) Available() int { return max(0, l.Controller.Window()-l.bytesInFlight) }

// Paced reports whether sending must wait, until PacedUntil, because it would be too fast.
func (l *Loss) Paced(now mono.Time) bool { return !l.pacer.Ready(now) }

// PacedUntil is when more may be sent, if Paced says that nothing may be now.
func (l *Loss) PacedUntil() mono.Time { return l.pacer.Next() }

// AppLimited notes that there is nothing more to send, though more might be sent.
func (l *Loss) AppLimited() {
	l.sampler.AppLimited(l.bytesInFlight)
	l.thin.limited = true
}

// SetMaxDatagram sets the size of datagrams from now on, in bytes.
func (l *Loss) SetMaxDatagram(bytes int) {
	l.maxDatagram, l.large = bytes, large{}
	l.Controller.SetMaxDatagram(bytes)
}

// BytesInFlight, PTOCount and PacingRate are for statistics. The rate is in bytes per second, zero if nothing
// is paced.
func (l *Loss) BytesInFlight() int { return l.bytesInFlight }
func (l *Loss) PTOCount() int      { return l.ptoCount }
func (l *Loss) PacingRate() int    { return l.pacer.Rate() }

// LostPackets is how many packets were deemed lost, SpuriousLosses how many of them had arrived.
func (l *Loss) LostPackets() uint64    { return l.lostPackets }
func (l *Loss) SpuriousLosses() uint64 { return l.spurious }

// Outstanding reports whether anything in the space is owed an acknowledgement.
func (l *Loss) Outstanding(s handshake.Level) bool { return l.spaces[s].inFlight > 0 }

// Deadline is when Timeout is due.
func (l *Loss) Deadline() mono.Time { return l.deadline }

// Drop forgets the space: its keys are gone, and with them what is in flight there (RFC 9002 §6.4).
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
