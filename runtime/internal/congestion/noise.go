package congestion

import (
	"math"
	"time"
)

// noise distinguishes losses that are congestion from those that the path has anyway.
//
// The draft treats a loss of 2 % in a round as too much, and in a round that is not a probe, any loss. With 1 %
// of random loss and 170 packets in flight, 2 % occurs by chance in 9 % of rounds; with 5 %, nearly always; and
// BBR would give away most of a path that is free. But loss without a queue is not congestion: if a round's
// shortest round trip is within a twentieth of the path's, and nothing is marked, the losses may be the path's
// own. They are, if they occur all the time: overflows come and go, so the share that counts is the minimum of
// several stretches. That much, and what chance may add to it, is not counted; the draft's limits apply to the
// rest. What a probe loses is never learnt, so a bottleneck with hardly any buffer, which shows no queue, still
// ends every probe. It only ends the probe: the bounds for later rounds are set by what is lost while nothing
// is tried. In Startup, what is learnt is the loss while the bandwidth still grows.
type noise struct {
	// stretches are the shares lost in the latest stretches of quiet rounds, n how many there were.
	stretches [noiseStretches]float64
	n         int
	// learntLost of learntAll bytes were lost in the current stretch, which is this many rounds long.
	learntLost, learntAll, learntRounds int

	// The round at hand.
	end      uint64
	minRTT   time.Duration
	acked    int
	lost     int
	events   int
	marked   bool
	probed   bool // more was tried in it, or in the one before
	wasProbe bool
	// startupFull: a round of Startup lost too much. probeFull: the last round, which was a probe's, did. overflow: the
	// last round, of a probe or right after one, lost what would be too much in any round.
	startupFull, probeFull, overflow bool
}

const (
	// quietRTT is how much the round trip may grow without a queue, in percent.
	quietRTT = 5
	// noiseMax is the most that is attributed to the path itself, in percent.
	noiseMax = 25
	// A stretch is so many datagrams long, or so many rounds where the window is small, and so many stretches count.
	noiseStretch   = 500
	noiseRounds    = 12
	noiseStretches = 4
	// noiseClean is the share up to which it loses nothing to speak of.
	noiseClean = 0.005
	// noiseFew datagrams tell nothing, where they are no more than 1 % of the round.
	noiseFew = 1
	// noiseChance is how many standard deviations chance may add.
	noiseChance = 3
)

// share is what the path loses anyway, from 0 to 1.
func (n *noise) share() float64 {
	if n.n == 0 {
		return 0
	}
	least := noiseMax / 100.0
	for _, share := range n.stretches[:min(n.n, noiseStretches)] {
		least = min(least, share)
	}
	return least
}

// clean reports whether the path loses next to nothing by itself. Some of what Startup learns may be others' overflow.
func (n *noise) clean(b *BBR) bool {
	if b.state == bbrStartup {
		return n.share() < 3*noiseClean
	}
	return n.share() < noiseClean
}

// expected is how much of that many bytes the path may lose anyway.
func (n *noise) expected(bytes int, b *BBR) int { return probable(n.share(), bytes, b.maxDatagram) }

// probable is how much may be lost of so many bytes where the share p is.
func probable(p float64, bytes, datagram int) int {
	packets := float64(bytes) / float64(datagram)
	return int((float64(p*packets) + float64(noiseChance*math.Sqrt(p*packets))) * float64(datagram))
}

// allowed is how much of that many bytes may be lost without being too much.
func (n *noise) allowed(bytes int, b *BBR) int {
	return bytes*bbrLossThreshold/100 + n.expected(bytes, b)
}

// tooHigh reports whether too much of what was in flight was lost.
func (n *noise) tooHigh(lost, inflight int, b *BBR) bool { return lost > n.allowed(inflight, b) }

// onLost counts losses.
func (n *noise) onLost(l Lost) {
	n.lost += l.Size
	n.events++
}

// onAck counts what arrived, and judges the round when it is over.
func (n *noise) onAck(s Sample, b *BBR) {
	n.acked += s.Acked
	if s.RTT > 0 && (n.minRTT == 0 || s.RTT < n.minRTT) {
		n.minRTT = s.RTT
	}
	probing := b.probing()
	n.probed = n.probed || probing
	if s.PriorDelivered < n.end {
		return
	}
	n.judge(b)
	n.end = s.TotalDelivered
	n.acked, n.lost, n.events, n.minRTT, n.marked = 0, 0, 0, 0, false
	n.probed, n.wasProbe = probing, n.probed
}

// judge ends a round.
func (n *noise) judge(b *BBR) {
	all := n.acked + n.lost
	quiet := !n.marked && n.minRTT > 0 && b.model.minRTT > 0 && n.minRTT*100 <= b.model.minRTT*(100+quietRTT)
	if b.state == bbrStartup {
		limit := n.allowed(all, b)
		if quiet {
			limit = max(limit, probable(noiseMax/100.0, all, b.maxDatagram))
		}
		n.startupFull = n.events >= bbrStartupFullLosses && n.lost > limit
		if quiet && !n.startupFull && b.fullBWCount == 0 {
			n.learn(all, b.maxDatagram)
		}
		return
	}
	if b.state == bbrUp {
		n.probeFull = n.lost > max(n.expected(all, b), min(noiseFew*b.maxDatagram, all/100))
	}
	if n.probed || n.wasProbe {
		n.overflow = n.lost > n.allowed(all, b)
		return
	}
	limit := max(n.expected(all, b), min(noiseFew*b.maxDatagram, all/100))
	if quiet {
		limit = n.allowed(all, b)
		n.learn(all, b.maxDatagram)
	}
	if n.lost > limit {
		b.model.lossInRound = true
	}
}

// learn takes in a round without a queue.
func (n *noise) learn(all, maxDatagram int) {
	n.learntLost += n.lost
	n.learntAll += all
	n.learntRounds++
	if n.learntAll >= noiseStretch*maxDatagram || n.learntRounds >= noiseRounds {
		n.stretches[n.n%noiseStretches] = float64(n.learntLost) / float64(max(1, n.learntAll))
		n.n++
		n.learntLost, n.learntAll, n.learntRounds = 0, 0, 0
	}
}
