package recovery

import (
	"math"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// kernelCubic is CUBIC as Linux's TCP has it, where that differs from RFC 9438 and from ours: slow start ends when the acknowledgements of a round
// come in one train as long as half a round trip, so that it seldom overflows a shallow queue; and a reduction is spread over a round trip
// (RFC 6937), so that the flow goes on sending meanwhile. It is not paced.
type kernelCubic struct {
	size           int
	cwnd, ssthresh float64 // datagrams, as all below

	lastMax, origin, k float64
	reno, renoAcked    float64
	epoch              mono.Time

	minRTT             time.Duration
	roundEnd           uint64
	roundAt, trainAt   mono.Time
	roundRTT           time.Duration
	samples            int
	recovering         bool
	recoverySince      mono.Time
	prior              float64
	delivered, sentOut int // bytes, since recovery began
	window             int // bytes
}

func newKernelCubic(size int) *kernelCubic {
	return &kernelCubic{size: size, cwnd: 10, ssthresh: math.Inf(1), window: 10 * size}
}

func (k *kernelCubic) OnSent(_ mono.Time, size, _ int) {
	if k.recovering {
		k.sentOut += size
	}
}

func (k *kernelCubic) OnAcked(a congestion.Acked) {
	if k.recovering && a.SentAt > k.recoverySince {
		k.recovering, k.cwnd = false, k.ssthresh
	}
	if rtt := a.Now.Sub(a.SentAt); k.minRTT == 0 || rtt < k.minRTT {
		k.minRTT = rtt
	}
}

func (k *kernelCubic) OnAck(s congestion.Sample) {
	if k.recovering {
		k.reduce(s)
		return
	}
	acked := float64(s.Acked) / float64(k.size)
	if float64(s.BytesInFlight+s.Acked) < k.cwnd*float64(k.size)/2 {
		return
	}
	if k.cwnd < k.ssthresh {
		k.hystart(s)
		k.cwnd += acked
	} else {
		k.avoid(s.Now, acked)
	}
	k.window = int(k.cwnd * float64(k.size))
}

// hystart ends slow start when a round's acknowledgements show that the path is half full, or its queue not empty.
func (k *kernelCubic) hystart(s congestion.Sample) {
	if s.PriorDelivered >= k.roundEnd {
		k.roundEnd, k.roundAt, k.trainAt = s.TotalDelivered, s.Now, s.Now
		k.roundRTT, k.samples = 0, 0
	}
	if k.cwnd < 16 {
		return
	}
	if s.Now.Sub(k.trainAt) <= 2*ms {
		k.trainAt = s.Now
		if s.Now.Sub(k.roundAt) > k.minRTT/2 {
			k.ssthresh = k.cwnd
		}
	}
	if k.samples < 8 && s.RTT > 0 {
		k.samples++
		if k.roundRTT == 0 || s.RTT < k.roundRTT {
			k.roundRTT = s.RTT
		}
	} else if k.roundRTT > k.minRTT+max(4*ms, min(k.minRTT/8, 16*ms)) {
		k.ssthresh = k.cwnd
	}
}

// avoid grows along the curve, or as Reno does if that is faster.
func (k *kernelCubic) avoid(now mono.Time, acked float64) {
	if k.epoch == 0 {
		k.epoch, k.reno, k.renoAcked = now, k.cwnd, 0
		k.k, k.origin = 0, k.cwnd
		if k.lastMax > k.cwnd {
			k.k, k.origin = math.Cbrt((k.lastMax-k.cwnd)/0.4), k.lastMax
		}
	}
	t := (now.Sub(k.epoch) + k.minRTT).Seconds() - k.k
	target := k.origin + 0.4*t*t*t
	count := 100 * k.cwnd
	if target > k.cwnd {
		count = k.cwnd / (target - k.cwnd)
	}
	if k.lastMax == 0 {
		count = min(count, 20)
	}
	k.reno += acked / k.cwnd * 3 * 0.3 / 1.7
	if k.reno > k.cwnd {
		count = min(count, k.cwnd/(k.reno-k.cwnd))
	}
	k.cwnd += acked / max(count, 2)
}

func (k *kernelCubic) OnLost(l congestion.Lost) {
	if k.recovering || l.LastSentAt <= k.recoverySince {
		return
	}
	k.recovering, k.recoverySince = true, l.Now
	k.prior, k.epoch = k.cwnd, 0
	if k.cwnd < k.lastMax {
		k.lastMax = k.cwnd * 1.7 / 2
	} else {
		k.lastMax = k.cwnd
	}
	k.ssthresh = max(k.cwnd*0.7, 2)
	k.delivered, k.sentOut = 0, 0
}

// reduce sends seven packets for ten that are delivered, until no more than the new window is in flight.
func (k *kernelCubic) reduce(s congestion.Sample) {
	k.delivered += s.Acked
	target := int(k.ssthresh * float64(k.size))
	send := 0
	if s.BytesInFlight > target {
		send = int(float64(k.delivered)*k.ssthresh/k.prior) - k.sentOut
	} else {
		send = min(target-s.BytesInFlight, max(k.delivered-k.sentOut, s.Acked)+k.size)
	}
	if k.sentOut == 0 {
		send = max(send, k.size)
	}
	k.window = s.BytesInFlight + max(0, send)
}

func (k *kernelCubic) OnCE(mono.Time, mono.Time) {}
func (k *kernelCubic) OnSpurious(mono.Time)      {}
func (k *kernelCubic) SetMaxDatagram(int)        {}
func (k *kernelCubic) Rest()                     {}
func (k *kernelCubic) Window() int               { return k.window }
func (k *kernelCubic) Rate(time.Duration) int    { return 0 }
func (k *kernelCubic) SlowStart() bool           { return k.cwnd < k.ssthresh }
func (k *kernelCubic) OnPersistentCongestion(now mono.Time) {
	k.cwnd, k.window, k.lastMax, k.epoch, k.recovering = 2, 2*k.size, 0, 0, false
}

// burst is how much Linux gathers before it sends: a millisecond's worth, at most a third of the window.
func (k *kernelCubic) burst(rtt time.Duration) int {
	most := int(k.cwnd * 1.2 * float64(k.size) / max(1e-3, rtt.Seconds()) / 1024)
	return max(k.size, min(most, k.window/3))
}
