package recovery

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// thin is a stream of few packets: nothing behind them shows that one was lost, so it takes a probe timeout to
// find out. Its packets are repeated early instead, under these rules.
//
// There is nothing more to send; at most 4 packets and 2,400 bytes are unacknowledged; each is repeated once,
// in the next packet or after an eighth of the round trip, and a second time after half a probe timeout; in any
// second no more bytes are repeated than the flow sends of its own; there are no repeats for a second after a
// mark, nor while the round trip shows a queue.
type thin struct {
	// limited: there is nothing more to send.
	limited bool
	// own and again are the bytes of the second that began at since: sent for the first time, and repeated.
	since      mono.Time
	own, again int
	heldUntil  mono.Time
	repeats    uint64
}

const (
	thinPackets = 4
	thinBytes   = 2400
	thinDelay   = 2 * time.Millisecond
	thinHold    = time.Second
)

// sent counts a packet.
func (t *thin) sent(now mono.Time, size int, kind Kind) {
	if now >= t.since.Add(time.Second) {
		t.since, t.own, t.again = now, 0, 0
	}
	switch kind {
	case Data:
		t.own += size
	case Repeated:
		t.again += size
		t.repeats++
	}
	t.limited = false
}

// hold stops repeats for a while.
func (t *thin) hold(now mono.Time) { t.heldUntil = now.Add(thinHold) }

// Repeats is how many packets repeated early what others had carried.
func (l *Loss) Repeats() uint64 { return l.thin.repeats }

// isThin reports whether packets may be repeated early.
func (l *Loss) isThin() bool {
	sp := &l.spaces[handshake.Application]
	return l.Confirmed && l.thin.limited && l.ptoCount == 0 &&
		sp.inFlight > 0 && sp.inFlight <= thinPackets && l.bytesInFlight <= thinBytes &&
		l.smoothedRTT*4 <= l.minRTT*5
}

// RepeatAt is when HandOutRepeats is due, mono.Never if nothing is to be repeated.
func (l *Loss) RepeatAt() mono.Time {
	at := mono.Never
	if !l.isThin() {
		return at
	}
	sp := &l.spaces[handshake.Application]
	for i := sp.open; i < sp.n; i++ {
		if p := sp.at(i); l.repeatable(p) {
			at = min(at, max(p.at.Add(l.repeatDelay(p)), l.thin.heldUntil))
		}
	}
	return at
}

// repeatable reports whether the packet's frames may be handed out early.
func (l *Loss) repeatable(p *sent) bool {
	return p.inFlight() && p.kind == Data && p.repeats < 2 && l.thin.again+int(p.size) <= l.thin.own
}

func (l *Loss) repeatDelay(p *sent) time.Duration {
	if p.repeats == 0 {
		return max(thinDelay, l.smoothedRTT/8)
	}
	return l.PTO(l.MaxAckDelay) / 2
}

// HandOutRepeats hands out the frames of packets that must be repeated early, and reports whether there are
// any. The packet that carries them and nothing new is then sent as Repeated. early: include those whose first
// repeat is not due yet, because a packet that has room for them leaves now.
func (l *Loss) HandOutRepeats(now mono.Time, early bool, f Fates) bool {
	if !l.isThin() || now < l.thin.heldUntil {
		return false
	}
	any := false
	sp := &l.spaces[handshake.Application]
	for i := sp.open; i < sp.n; i++ {
		p := sp.at(i)
		if !l.repeatable(p) || now < p.at.Add(l.repeatDelay(p)) && !(early && p.repeats == 0 && p.at < now) {
			continue
		}
		p.repeats++
		p.state = probed
		l.giveUp(handshake.Application, p, f)
		any = true
	}
	return any
}
