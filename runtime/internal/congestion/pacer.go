package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Pacer spreads packets over time. Its driver may be late by a millisecond or more, so it releases packets in
// bursts: when it stops them, it is until a whole quantum may be sent; and what a late timer has missed is made
// up for.
//
// RFC 9002 §7.7: "A sender SHOULD pace sending of all in-flight packets based on input from the congestion
// controller." A quantum is a millisecond's worth, at least two packets, at most 64 KiB.
type Pacer struct {
	// rate is in bytes a second; zero means no limit.
	rate    int
	quantum time.Duration
	// free is when the packets sent so far have had their time.
	free mono.Time
	// stopped: nothing is sent until free. late: the driver came after that, and may make up for it.
	stopped, late bool
}

const (
	// quantumTime is how long a burst takes at the rate: the step of coarse timers.
	quantumTime = time.Millisecond
	quantumMax  = 64 << 10
	// lateTime is how late a timer may be without loss of rate.
	lateTime = 4 * time.Millisecond
	// unpacedRTT: a path with a shorter round trip is not paced. A timer is too coarse for it.
	unpacedRTT = 2 * time.Millisecond
)

// Set sets how fast to send, in bytes per second, with datagrams of up to maxDatagram bytes on a path with a
// round trip of minRTT. Nothing is paced if there is no rate, or if the path is not known yet or is very short.
func (p *Pacer) Set(rate int, maxDatagram int, minRTT time.Duration) {
	if minRTT < unpacedRTT || rate <= 0 {
		*p = Pacer{free: p.free}
		return
	}
	p.rate = rate
	p.quantum = max(p.time(2*maxDatagram), min(quantumTime, p.time(quantumMax)))
}

// Rate is the rate in bytes a second, zero where there is no limit.
func (p *Pacer) Rate() int { return p.rate }

// time is how long it takes to send so much.
func (p *Pacer) time(bytes int) time.Duration {
	return time.Duration(int64(bytes) * int64(time.Second) / int64(p.rate))
}

// Ready reports whether a packet may be sent now. If not, Next says when.
func (p *Pacer) Ready(now mono.Time) bool {
	switch {
	case p.rate == 0:
		return true
	case p.stopped && now < p.free:
		return false
	case p.stopped:
		p.stopped, p.late = false, true
	case p.free >= now.Add(p.quantum):
		p.stopped = true
		return false
	}
	return true
}

// Next is when the next burst may go.
func (p *Pacer) Next() mono.Time { return p.free }

// Sent notes that a packet goes.
func (p *Pacer) Sent(now mono.Time, size int) {
	if p.rate == 0 {
		p.free = now
		return
	}
	if p.free < now {
		credit := time.Duration(0)
		if p.late {
			credit = min(lateTime, p.time(quantumMax))
		}
		p.free = max(p.free, now.Add(-credit))
	} else {
		p.late = false
	}
	p.free = p.free.Add(p.time(size))
}
