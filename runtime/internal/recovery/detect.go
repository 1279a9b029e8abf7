package recovery

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// order is how far packets overtake each other on the path.
type order struct {
	// packets is how far an acknowledged packet is ahead of one that is lost.
	packets uint64
	// eighths is how many eighths of a round trip a packet may be late.
	eighths int
}

const (
	// packetThreshold: RFC 9002 §6.1.1, "The RECOMMENDED initial value for the packet reordering threshold
	// (kPacketThreshold) is 3", and implementations SHOULD NOT use less.
	packetThreshold = 3
	// packetThresholdMax bounds what the threshold is raised to. RFC 9002 §6.1.1: "Algorithms that increase the reordering threshold
	// after spuriously detecting losses, such as RACK […], have proven to be useful in TCP and are expected to be at least as useful in QUIC."
	packetThresholdMax = 128
	// timeThreshold: RFC 9002 §6.1.2, "The RECOMMENDED time threshold (kTimeThreshold), expressed as an RTT multiplier, is 9/8."
	timeThreshold    = 9
	timeThresholdMax = 16
)

func newOrder() order { return order{packetThreshold, timeThreshold} }

// lossDelay is how long after a later packet's acknowledgement an earlier one may
// still be under way (RFC 9002 §6.1.2): "max(kTimeThreshold * max(smoothed_rtt,
// latest_rtt), kGranularity)".
func (l *Loss) lossDelay() time.Duration {
	return max(max(l.smoothedRTT, l.latestRTT)*time.Duration(l.order.eighths)/8, granularity)
}

// detect declares lost what RFC 9002 §6.1 says is lost: "The packet is
// unacknowledged, in flight, and was sent prior to an acknowledged packet", and
// "was sent kPacketThreshold packets before an acknowledged packet, or it was sent long enough in the past." RFC 9000 §13.3:
// "Upon detecting losses, a sender MUST take appropriate congestion control action." RFC 9002 §7.4: "Endpoints MUST NOT
// ignore the loss of packets that were sent after the earliest acknowledged packet in a given packet number space."
func (l *Loss) detect(now mono.Time, s handshake.Level, f Fates) {
	sp := &l.spaces[s]
	sp.lossTime = mono.Never
	if sp.largestAcked == 0 {
		return
	}
	delay := l.lossDelay()
	gone := congestion.Lost{Now: now, BytesInFlight: l.bytesInFlight}
	var run congestionRun
	var anyLarge, anySmall bool
	for i := sp.open; i < sp.n; i++ {
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
		ahead := sp.largestAcked - 1 - p.number
		if lostAt := p.at.Add(delay); lostAt > now && l.skips.without(ahead, p.number, s) < l.order.packets {
			sp.lossTime = min(sp.lossTime, lostAt)
			continue
		}
		handOut := p.state == outstanding
		p.state, p.lostAt = lost, now
		sp.inFlight--
		l.bytesInFlight -= int(p.size)
		l.ECN.lost(p.marked)
		if p.kind == MTUProbe {
			// RFC 9000 §14.4: "Loss of a QUIC packet that is carried in a PMTU probe is therefore not a reliable
			// indication of congestion and SHOULD NOT trigger a congestion control reaction".
			l.giveUp(s, p, f)
			continue
		}
		l.lostPackets++
		anyLarge, anySmall = anyLarge || p.size > everywhere, anySmall || p.size <= everywhere
		if l.OnLost != nil {
			l.OnLost(now, s, p.number)
		}
		l.sampler.Lost(int(p.size))
		gone.Size += int(p.size)
		gone.Count++
		gone.LastSentAt, gone.Last = p.at, p.Snapshot
		// RFC 9002 §7.6.2: persistent congestion needs an RTT sample from before the packets were sent.
		if l.sampled && p.at > l.firstSample {
			run.add(p.at)
		}
		if handOut {
			l.giveUp(s, p, f)
		}
	}
	if gone.Size == 0 {
		return
	}
	l.large.event(anyLarge, anySmall)
	gone.TotalDelivered, gone.TotalLost = l.sampler.Totals()
	gone.Fresh = l.episode.lost(now, gone)
	l.Controller.OnLost(gone)
	if run.longest > l.persistentDuration() {
		l.episode = episode{}
		l.Controller.OnPersistentCongestion(now)
	}
}

// giveUp hands out the frames of a packet that is lost.
func (l *Loss) giveUp(s handshake.Level, p *sent, f Fates) {
	for k := range int(p.count) {
		f.FrameLost(s, l.spaces[s].ref(p, k))
	}
}

// congestionRun measures how long nothing came through: the longest time between two
// lost packets of one event with no acknowledged one between them. RFC 9002 §7.6.2: "These two packets MUST be
// ack-eliciting".
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
// PTO computation […], this duration includes the max_ack_delay irrespective of the packet number spaces".
func (l *Loss) persistentDuration() time.Duration { return 3 * l.PTO(l.MaxAckDelay) }

// episode is the losses of one congestion event, as far as they may all turn out to be spurious.
type episode struct {
	began mono.Time
	left  int // how many of the lost packets have not arrived
}

// lost adds losses, and reports whether they begin an episode of their own.
func (e *episode) lost(now mono.Time, l congestion.Lost) (fresh bool) {
	if fresh = e.began == 0 || l.LastSentAt > e.began; fresh {
		*e = episode{began: now}
	}
	e.left += l.Count
	return fresh
}

// arrivedLate takes in that a packet had arrived that was taken for lost. The path reorders more than was thought.
func (l *Loss) arrivedLate(now mono.Time, s handshake.Level, p *sent, f Fates) {
	sp := &l.spaces[s]
	p.state = acked
	for k := range int(p.count) {
		f.FrameAcked(s, sp.ref(p, k))
	}
	if p.kind == MTUProbe {
		return
	}
	l.spurious++
	l.order.packets = max(l.order.packets, min(sp.largestAcked-p.number, packetThresholdMax))
	if now.Sub(p.lostAt) < l.smoothedRTT/4 {
		l.order.eighths = min(l.order.eighths+1, timeThresholdMax)
	}
	if p.at <= l.episode.began && l.episode.left > 0 {
		if l.episode.left--; l.episode.left == 0 {
			l.Controller.OnSpurious(now)
		}
	}
}

// forgetLost is since when lost packets are remembered.
func (l *Loss) forgetLost(now mono.Time) mono.Time { return now.Add(-l.PTO(l.MaxAckDelay)) }
