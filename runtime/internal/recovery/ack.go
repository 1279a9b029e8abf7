package recovery

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Ack is an ACK frame.
type Ack struct {
	// Ranges are in descending order as on the wire, each below the one before.
	Ranges []Range
	// Delay is how long the peer says that it held the acknowledgement back.
	Delay time.Duration
	// ECN are the counts of an ACK_ECN; Counted says that it is one.
	ECN     Counts
	Counted bool
}

// Ack takes in an ACK frame. RFC 9000 §13.2.5: "An endpoint MUST NOT include delays that it does not control when populating
// the ACK Delay field". RFC 9002 §5.1: "An RTT sample MUST NOT be generated on receiving an ACK frame that does not newly
// acknowledge at least one ack-eliciting packet." RFC 8085 §3.1.1: "Latency samples MUST NOT be derived from ambiguous
// transactions."
func (l *Loss) Ack(now mono.Time, s handshake.Level, ack *Ack, f Fates) error {
	sp := &l.spaces[s]
	if err := sp.check(ack.Ranges); err != nil {
		return err
	}
	if s == handshake.Application && l.skips.acked(ack.Ranges) {
		return ErrNotSent
	}
	largest := ack.Ranges[0].Largest
	advanced := largest+1 > sp.largestAcked
	sp.largestAcked = max(sp.largestAcked, largest+1)
	flight := l.bytesInFlight
	var news ackNews
	for _, r := range ack.Ranges {
		for j := sp.search(r.Smallest); j < sp.n && sp.at(j).number <= r.Largest; j++ {
			p := sp.at(j)
			switch {
			case p.state == lost:
				l.large.arrived(p)
				l.arrivedLate(now, s, p, f)
				news.late = true
				continue
			case !p.inFlight():
				continue
			}
			news.note(p, largest)
			l.large.arrived(p)
			p.state = acked
			sp.inFlight--
			l.bytesInFlight -= int(p.size)
			if p.kind == Repeated {
				l.sampler.AckedUnsampled(now, int(p.size))
			} else {
				l.sampler.Acked(now, p.at, int(p.size), &p.Snapshot)
			}
			l.Controller.OnAcked(congestion.Acked{Now: now, SentAt: p.at, Size: int(p.size), BytesInFlight: flight})
			for k := range int(p.count) {
				f.FrameAcked(s, sp.ref(p, k))
			}
		}
	}
	if !news.progress {
		if news.late {
			sp.trim(l.forgetLost(now))
		}
		return nil
	}
	sampled := time.Duration(0)
	if news.largest {
		l.sample(now, s, news.sentAt, ack.Delay)
		sampled = l.latestRTT
	}
	if l.ECN.judge(s, ack, advanced, news.marked) {
		l.thin.hold(now)
		l.Controller.OnCE(now, news.newestAt)
	}
	l.detect(now, s, f)
	sp.trim(l.forgetLost(now))
	sample := l.sampler.Sample(now, l.minRTT)
	sample.RTT, sample.BytesInFlight = sampled, l.bytesInFlight
	l.Controller.OnAck(sample)
	// RFC 9002 §6.2.1: "The PTO backoff factor is reset when an acknowledgment is
	// received". The server's cookie has proved our address before it has any state, so the client
	// needs no exception for what a server may not send yet.
	l.ptoCount = 0
	l.pace()
	l.arm()
	return nil
}

// ackNews is what an ACK frame newly acknowledges.
type ackNews struct {
	progress, late bool
	largest        bool      // the frame's largest is among it, sent at sentAt
	sentAt         mono.Time // of the largest
	newestAt       mono.Time // when the last of it was sent
	marked         uint64    // packets that left with ECT(0)
}

func (n *ackNews) note(p *sent, largest uint64) {
	n.progress = true
	if p.number == largest {
		n.largest, n.sentAt = true, p.at
	}
	n.newestAt = max(n.newestAt, p.at)
	if p.marked {
		n.marked++
	}
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
