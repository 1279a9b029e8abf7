package recovery

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Probes is what Timeout asks for: Count ack-eliciting packets in Space, now,
// whatever the congestion window says. Count is zero if nothing is asked for.
type Probes struct {
	Space handshake.Level
	Count int
}

// ProbeCount is how many packets a probe timeout sends. RFC 9002 §6.2.4: "An
// endpoint MAY send up to two full-sized datagrams containing ack-eliciting packets to
// avoid an expensive consecutive PTO expiration due to a single lost datagram".
const ProbeCount = 2

// handshakeBackOff is the longest time between two probes of a handshake.
const handshakeBackOff = time.Second

// backOffLimit keeps the doubling of the probe timeout from overflowing.
const backOffLimit = 16

// Timeout does what is due at now. Packets that the time threshold shows to be lost are declared lost. If a
// probe timeout has expired, the frames of the oldest packets in flight are handed out to be sent again by the
// probes that it returns; that does not make them lost (RFC 9002 §6.2: "A PTO timer expiration event does not
// indicate packet loss"). Deviation from RFC 8085 §3.1.1, "expiry of the timer MUST be interpreted as an indication of
// congestion in the network, causing the sending rate to be adapted to a safe conservative rate".
func (l *Loss) Timeout(now mono.Time, f Fates) Probes {
	if now < l.deadline {
		return Probes{}
	}
	defer l.arm()
	if at, s := l.earliestLoss(); at != mono.Never {
		if at <= now {
			l.detect(now, s, f)
			l.spaces[s].trim(l.forgetLost(now))
		}
		return Probes{}
	}
	at, s := l.earliestProbe()
	if at > now {
		return Probes{}
	}
	// RFC 9002 §6.2.1: "When a PTO timer expires, the PTO backoff MUST be increased".
	l.ptoCount++
	l.handOut(s, f)
	return Probes{s, ProbeCount}
}

// handOut gives out the frames of the oldest packets in flight whose frames
// have not been given out yet.
func (l *Loss) handOut(s handshake.Level, f Fates) {
	sp := &l.spaces[s]
	left := ProbeCount
	for i := sp.open; i < sp.n && left > 0; i++ {
		p := sp.at(i)
		if p.state != outstanding || p.kind == MTUProbe {
			continue
		}
		p.state = probed
		left--
		for k := range int(p.count) {
			f.FrameLost(s, sp.ref(p, k))
		}
	}
}

// Repeat hands out the frames of the packet that was sent last, for a second probe that has nothing else to
// carry: it may get through when the first one does not.
func (l *Loss) Repeat(s handshake.Level, f Fates) {
	sp := &l.spaces[s]
	if sp.n == 0 || sp.at(sp.n-1).state != outstanding || sp.at(sp.n-1).kind == MTUProbe {
		return
	}
	p := sp.at(sp.n - 1)
	p.state = probed
	for k := range int(p.count) {
		f.FrameLost(s, sp.ref(p, k))
	}
}

// arm sets the deadline. RFC 9002 §6.2.1: "The PTO timer MUST NOT be set if a timer is
// set for time threshold loss detection".
func (l *Loss) arm() {
	if at, _ := l.earliestLoss(); at != mono.Never {
		l.deadline = at
		return
	}
	l.deadline, _ = l.earliestProbe()
}

func (l *Loss) earliestLoss() (at mono.Time, s handshake.Level) {
	at = mono.Never
	for i := range l.spaces {
		if l.spaces[i].lossTime < at {
			at, s = l.spaces[i].lossTime, handshake.Level(i)
		}
	}
	return at, s
}

// earliestProbe is when the next probe timeout expires, and in which space. RFC 9002 §6.2.1: "When
// ack-eliciting packets in multiple packet number spaces are in flight, the timer
// MUST be set to the earlier value of the Initial and Handshake packet number spaces."
func (l *Loss) earliestProbe() (at mono.Time, s handshake.Level) {
	at = mono.Never
	for i := range l.spaces {
		sp := &l.spaces[i]
		if sp.inFlight == 0 {
			continue
		}
		level := handshake.Level(i)
		if level == handshake.Application && !l.ProbeApplication {
			continue
		}
		if due := sp.lastSentAt.Add(l.backedOff(level)); due < at {
			at, s = due, level
		}
	}
	return at, s
}

// backedOff is the probe timeout of the space, doubled for each one that expired in a row.
func (l *Loss) backedOff(s handshake.Level) time.Duration {
	shift := min(l.ptoCount, backOffLimit)
	if s == handshake.Application {
		period := l.PTO(l.MaxAckDelay)
		return min(period<<shift, max(2*period, l.MaxBackOff))
	}
	// RFC 9002 §6.2.1: "the max_ack_delay in the PTO period computation is set to 0"
	// for Initial and Handshake packets.
	period := l.PTO(0)
	return max(period, min(period<<shift, handshakeBackOff))
}
