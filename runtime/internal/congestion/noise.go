package congestion

import (
	"math"
	"slices"
	"time"
)

// noise distinguishes losses that are congestion from those that the path has anyway.
//
// The draft treats a loss of 2 % in a round as too much, and in a round that is not a probe, any loss. With 1 %
// of random loss and 170 packets in flight, 2 % occurs by chance in 9 % of rounds; with 5 %, nearly always; and
// BBR would give away most of a path that is free. But loss without a queue is not congestion: if a round's
// shortest round trip is within a twentieth of the path's, and nothing is marked, the losses may be the path's
// own. They are, if they occur all the time: overflows come and go, so the share that counts is the median of
// several stretches, which neither a stretch that an overflow hit nor one that chance spared can move. That much, and
// what chance may add to it, is not counted; the draft's limits apply to the
// rest. What a probe loses is never learnt, so a bottleneck with hardly any buffer, which shows no queue, still
// ends every probe. It only ends the probe: the bounds for later rounds are set by what is lost while nothing
// is tried.
//
// Startup is over at once when more is lost than it lost before and the draft allows, rather than when the round
// is, unless the queue is deep: each round that it goes on, it sends more than twice of what the path carries, and a CUBIC flow reduces
// its window once more.
type noise struct {
	// stretches are the shares lost in the latest stretches of quiet rounds, n how many there were, median what is lost in the middle one.
	stretches [noiseStretches]float64
	n         int
	median    float64
	// learntLost of learntAll bytes were lost in the current stretch, which is this many rounds long.
	learntLost, learntAll, learntRounds int
	// queued is how many round trips in a row showed a queue.
	queued int

	// The round at hand.
	end      uint64
	minRTT   time.Duration
	acked    int
	lost     int
	count    int // of datagrams lost
	marked   bool
	probed   bool // more was tried in it, or in the one before
	wasProbe bool
	// startupFull: Startup lost too much. probeFull: the last round, which was a probe's, did. overflow: the last round, of a probe or right after one, lost what would be too much in any round.
	startupFull, probeFull, overflow bool
}

const (
	// quietRTT is how much the round trip may grow without a queue, in percent.
	quietRTT = 5
	// noiseMax is the most that is attributed to the path itself, in percent.
	noiseMax = 25
	// A stretch is so many datagrams long, or so many rounds where the window is small, and so many stretches count.
	noiseStretch   = 250
	noiseRounds    = 12
	noiseStretches = 16
	// noiseLeast is how many stretches tell something.
	noiseLeast = 4
	// noiseClean is the share up to which it loses nothing to speak of: less than one datagram of a stretch.
	noiseClean = 0.003
	// noiseFew datagrams tell nothing, where they are no more than what the draft allows in a round.
	noiseFew = 3
	// noiseQueued round trips in a row tell of a queue: one may be longer because its acknowledgement waited.
	noiseQueued = 8
	// noiseBefore datagrams of which one was lost are assumed to have been sent before Startup: it begins without knowing anything.
	noiseBefore = 100
	// noiseChance is how many standard deviations chance may add.
	noiseChance = 3
)

// share is what the path loses anyway, from 0 to 1.
func (n *noise) share() float64 { return n.median }

// clean reports whether the path is known to lose next to nothing by itself, noisy whether it is known to lose more.
func (n *noise) clean() bool { return n.n >= noiseLeast && n.median < noiseClean }
func (n *noise) noisy() bool { return n.n >= noiseLeast && n.median >= noiseClean }

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

// explained is how much of a round chance explains.
func (n *noise) explained(round int, b *BBR) int {
	return max(n.expected(round, b), min(noiseFew*b.maxDatagram, round*bbrLossThreshold/100))
}

// tooHigh reports whether too much of what was in flight was lost.
func (n *noise) tooHigh(lost, inflight int, b *BBR) bool { return lost > n.allowed(inflight, b) }

// onLost counts losses.
func (n *noise) onLost(l Lost, b *BBR) {
	n.lost += l.Size
	n.count += l.Count
	if b.state == bbrStartup && !b.deep() {
		n.judgeStartup(l.BytesInFlight, b)
	}
}

// judgeStartup judges what Startup lost of what was in flight. It is too much if it is more than the draft allows and more than the rounds
// before explain: while a queue shows that it may be congestion, or else more than is ever attributed to the path.
func (n *noise) judgeStartup(inflight int, b *BBR) {
	if n.count < bbrStartupFullLosses {
		return
	}
	share := float64(n.learntLost+b.maxDatagram) / float64(n.learntAll+noiseBefore*b.maxDatagram)
	if n.queued < noiseQueued {
		share = noiseMax / 100.0
	}
	n.startupFull = n.startupFull || n.lost > inflight*bbrLossThreshold/100+probable(share, inflight, b.maxDatagram)
}

// onAck counts what arrived, and judges the round when it is over.
func (n *noise) onAck(s Sample, b *BBR) {
	n.acked += s.Acked
	if s.RTT > 0 {
		n.see(s.RTT, b)
	}
	probing := b.probing()
	n.probed = n.probed || probing
	if s.PriorDelivered < n.end {
		return
	}
	n.judge(b)
	n.end = s.TotalDelivered
	n.acked, n.lost, n.count, n.minRTT, n.marked = 0, 0, 0, 0, false
	n.probed, n.wasProbe = probing, n.probed
}

// see takes in a round trip.
func (n *noise) see(rtt time.Duration, b *BBR) {
	if n.minRTT == 0 || rtt < n.minRTT {
		n.minRTT = rtt
	}
	if n.queued++; b.quiet(rtt) {
		n.queued = 0
	}
}

// judge ends a round.
func (n *noise) judge(b *BBR) {
	all := n.acked + n.lost
	quiet := !n.marked && b.quiet(n.minRTT)
	if b.state == bbrStartup {
		n.judgeStartup(all, b)
		if quiet {
			n.learnStartup(all, b.maxDatagram)
		}
		return
	}
	limit := n.explained(all, b)
	if quiet {
		limit = n.allowed(all, b)
	}
	tooMuch := n.lost > limit
	if b.state == bbrUp {
		n.probeFull = tooMuch
	}
	if n.probed || n.wasProbe {
		n.overflow = n.lost > n.allowed(all, b)
		return
	}
	if quiet {
		n.learn(all, b.maxDatagram)
	}
	if tooMuch {
		b.model.lossInRound = true
	}
}

// quiet reports whether a round trip shows no queue.
func (b *BBR) quiet(rtt time.Duration) bool {
	return rtt > 0 && b.model.minRTT > 0 && rtt*100 <= b.model.minRTT*(100+quietRTT)
}

// learn takes in a round without a queue.
func (n *noise) learn(all, maxDatagram int) {
	n.learntLost += n.lost
	n.learntAll += all
	n.learntRounds++
	if n.learntAll >= noiseStretch*maxDatagram || n.learntRounds >= noiseRounds {
		n.endStretch()
	}
}

// learnStartup takes in a round of Startup without a queue. All of Startup is one stretch, of which the oldest fades if it does not end.
func (n *noise) learnStartup(all, maxDatagram int) {
	if n.learntAll > noiseStretch*noiseStretches*maxDatagram {
		n.learntLost, n.learntAll = n.learntLost/2, n.learntAll/2
	}
	n.learntLost += n.lost
	n.learntAll += all
}

// endStretch ends the stretch at hand, and finds the median.
func (n *noise) endStretch() {
	n.stretches[n.n%noiseStretches] = float64(n.learntLost) / float64(max(1, n.learntAll))
	n.n++
	n.learntLost, n.learntAll, n.learntRounds = 0, 0, 0
	sorted := n.stretches
	known := sorted[:min(n.n, noiseStretches)]
	slices.Sort(known)
	n.median = min(known[(len(known)-1)/2], noiseMax/100.0)
}

// endStartup keeps what Startup learnt.
func (n *noise) endStartup() {
	if n.learntAll > 0 {
		n.endStretch()
	}
}

// known is what a rest keeps: the share, and how many stretches, of as many as tell something, it is the median of.
func (n *noise) known() (share float64, stretches int) { return n.median, min(n.n, noiseLeast) }

// recall begins with what was known before a rest.
func (n *noise) recall(share float64, stretches int) {
	n.n, n.median = stretches, share
	for i := range stretches {
		n.stretches[i] = share
	}
}
