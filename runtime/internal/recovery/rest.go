package recovery

import (
	"math"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Rested is, in little memory, a Loss with nothing in flight whose handshake is confirmed: what a connection
// that is used again after a while should still know of its path.
type Rested struct {
	rtt        RTT
	controller congestion.Controller
	sampler    congestion.Rested
	marks      Counts // of the application space, as ECN knows them

	nextNumber, largestAcked       uint64
	random, due                    uint64 // of skips
	lostPackets, spurious, repeats uint64
	ecn                            ecnState
	ecnSent, ecnGone               uint8
	packets, eighths               uint8 // of order
}

// Rest returns the Loss as it is at rest; ok is false if it has something in flight, or remembers a packet that
// was lost so lately that it may turn out to have arrived. The Loss is not used any more.
//
// What is forgotten: the numbers that were left out on purpose, which nothing can now be gained by
// acknowledging, and what the thin streams, the pacer and the losses of the last congestion event stood at.
func (l *Loss) Rest(now mono.Time) (r Rested, ok bool) {
	sp := &l.spaces[handshake.Application]
	sp.trim(l.forgetLost(now))
	if !l.Confirmed || l.bytesInFlight > 0 || sp.n > 0 {
		return Rested{}, false
	}
	l.Controller.Rest()
	return Rested{
		rtt: l.RTT, controller: l.Controller, sampler: l.sampler.Rest(),
		nextNumber: sp.nextNumber, largestAcked: sp.largestAcked,
		random: l.skips.random, due: l.skips.due,
		lostPackets: l.lostPackets, spurious: l.spurious, repeats: l.thin.repeats,
		ecn: l.ECN.state, ecnSent: uint8(l.ECN.sent), ecnGone: uint8(l.ECN.gone), marks: l.ECN.counts[handshake.Application],
		packets: uint8(l.order.packets), eighths: uint8(l.order.eighths),
	}, true
}

// Wake returns a Loss that goes on where the other one came to rest, with datagrams of up to maxDatagram
// bytes. MaxAckDelay, MaxBackOff and OnLost are its user's to set again.
func (r *Rested) Wake(maxDatagram int) *Loss {
	l := &Loss{
		RTT: r.rtt, Controller: r.controller, Confirmed: true, ProbeApplication: true,
		MaxBackOff: math.MaxInt64, deadline: mono.Never, maxDatagram: maxDatagram, order: order{uint64(r.packets), int(r.eighths)}, sampler: r.sampler.Wake(),
		lostPackets: r.lostPackets, spurious: r.spurious,
	}
	for i := range l.spaces {
		l.spaces[i].lossTime = mono.Never
	}
	sp := &l.spaces[handshake.Application]
	sp.nextNumber, sp.largestAcked = r.nextNumber, r.largestAcked
	l.skips = skips{random: r.random, due: r.due}
	l.ECN = ECN{state: r.ecn, sent: int(r.ecnSent), gone: int(r.ecnGone)}
	l.ECN.counts[handshake.Application] = r.marks
	l.thin.repeats, l.thin.limited = r.repeats, true
	l.pace()
	return l
}

// RestedReceived is a Received with nothing to acknowledge, in little memory.
type RestedReceived struct {
	top                                  Range
	settled, largestEliciting, threshold uint64
	largestAt                            mono.Time
}

// Rest returns the Received as it is at rest; ok is false if something waits to be acknowledged. All packets before
// the last gap count as present from then on: what has not come by now has been sent again long ago, with another number.
func (r *Received) Rest() (rested RestedReceived, ok bool) {
	n := len(r.set.ranges)
	if r.packets > 0 || n == 0 {
		return RestedReceived{}, false
	}
	return RestedReceived{
		top: r.set.ranges[n-1], settled: r.settled, largestEliciting: r.largestEliciting,
		threshold: r.threshold, largestAt: r.largestAt,
	}, true
}

// Largest is the largest packet number that has arrived. None up to it is taken in any more.
func (r *RestedReceived) Largest() uint64 { return r.top.Largest }

// Wake returns a Received that goes on where the other one came to rest.
func (r *RestedReceived) Wake() Received {
	return Received{
		set:     rangeSet{ranges: append(make([]Range, 0, 4), r.top), floor: r.top.Smallest},
		settled: r.settled, largestEliciting: r.largestEliciting, threshold: r.threshold, largestAt: r.largestAt,
	}
}
