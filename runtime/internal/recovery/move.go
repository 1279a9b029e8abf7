package recovery

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Move begins anew on another path, of which nothing is known. RFC 9000 §9.4: "On confirming a peer's
// ownership of its new address, an endpoint MUST immediately reset the congestion controller and round-trip
// time estimator for the new path to initial values". What is in flight on the old path says nothing about the new one: its frames are
// handed out to be sent again, and what becomes of it is not looked at.
func (l *Loss) Move(c congestion.Controller, maxDatagram int, initialRTT time.Duration, f Fates) {
	sp := &l.spaces[handshake.Application]
	for i := sp.open; i < sp.n; i++ {
		p := sp.at(i)
		if !p.inFlight() {
			continue
		}
		if p.state == outstanding {
			l.giveUp(handshake.Application, p, f)
		}
		p.state = acked
		sp.inFlight--
		l.bytesInFlight -= int(p.size)
	}
	sp.lossTime = mono.Never
	l.RTT, l.Controller, l.maxDatagram = newRTT(initialRTT), c, maxDatagram
	l.order, l.episode = newOrder(), episode{}
	l.sampler, l.pacer = congestion.Sampler{}, congestion.Pacer{}
	l.ptoCount = 0
	l.ECN.restart()
	l.pace()
	l.arm()
}
