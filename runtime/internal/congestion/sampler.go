package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Sampler estimates how fast a path delivers (draft-cheng-iccrg-delivery-rate-estimation): each packet records
// how much had been delivered when it left; when it is acknowledged, what was delivered since then, divided by
// the time that took, is a sample of the rate. For one ACK frame, call Acked for each packet, Lost for each
// lost one, then Sample.
type Sampler struct {
	// delivered and lost count bytes over the connection's life.
	delivered, lost uint64
	// deliveredAt is when delivered changed last, firstSentAt when the packet left that it changed by.
	deliveredAt, firstSentAt mono.Time
	// appLimited is the delivered count up to which packets were sent while there was nothing more to send; zero means none.
	appLimited uint64

	// The packet of the ACK frame at hand that was sent last.
	newest       Snapshot
	newestSentAt mono.Time
	has          bool
	acked, gone  int // bytes in this frame
}

// Snapshot is what is recorded about a packet as it leaves.
type Snapshot struct {
	Delivered, Lost          uint64
	DeliveredAt, FirstSentAt mono.Time
	// InFlight is what was in flight, this packet included, in bytes.
	InFlight uint32
	// AppLimited: there was nothing more to send, so the packet says little about the path.
	AppLimited bool
}

// Sample is what an ACK frame says about the path.
type Sample struct {
	Now mono.Time
	// Rate is the delivery rate in bytes a second; zero where the frame gives no sample.
	Rate int
	// Delivered is how many bytes were delivered over the sample's time.
	Delivered int
	// AppLimited: the actual rate is at least this, and may be more.
	AppLimited bool
	// Acked and Lost are bytes that this frame acknowledged and showed to be lost.
	Acked, Lost int
	// LostSince is how many bytes were lost since the newest packet left, TxInFlight what was in flight then.
	LostSince, TxInFlight int
	// PriorDelivered and TotalDelivered are how many bytes had been delivered when the
	// newest packet left, and now: a round trip is over when the former passes what the latter was at its beginning.
	PriorDelivered, TotalDelivered uint64
	// RTT is the frame's sample of the round trip; zero where it gives none.
	RTT time.Duration
	// BytesInFlight is what is in flight now.
	BytesInFlight int
}

// Sent notes that a packet leaves. inFlight is without it.
func (s *Sampler) Sent(now mono.Time, inFlight, size int) Snapshot {
	if inFlight == 0 {
		// Nothing was under way: the time before says nothing of the path.
		s.firstSentAt, s.deliveredAt = now, now
	}
	return Snapshot{
		Delivered: s.delivered, Lost: s.lost,
		DeliveredAt: s.deliveredAt, FirstSentAt: s.firstSentAt,
		InFlight: uint32(inFlight + size), AppLimited: s.appLimited > 0,
	}
}

// Acked notes that a packet was acknowledged.
func (s *Sampler) Acked(now, sentAt mono.Time, size int, p *Snapshot) {
	s.delivered += uint64(size)
	s.deliveredAt = now
	s.acked += size
	if !s.has || p.Delivered > s.newest.Delivered || p.Delivered == s.newest.Delivered && sentAt >= s.newestSentAt {
		s.has, s.newest, s.newestSentAt = true, *p, sentAt
		s.firstSentAt = sentAt
	}
}

// AckedUnsampled notes that a packet was acknowledged that is no measure of the path.
func (s *Sampler) AckedUnsampled(now mono.Time, size int) {
	s.delivered += uint64(size)
	s.deliveredAt = now
	s.acked += size
}

// Lost notes that a packet is taken for lost.
func (s *Sampler) Lost(size int) {
	s.lost += uint64(size)
	s.gone += size
}

// AppLimited notes that there is nothing more to send, with that much in flight.
func (s *Sampler) AppLimited(inFlight int) { s.appLimited = max(1, s.delivered+uint64(inFlight)) }

// Totals are how many bytes were delivered and lost so far.
func (s *Sampler) Totals() (delivered, lost uint64) { return s.delivered, s.lost }

// Sample ends an ACK frame. A rate over less than minRTT is discarded: ACK frames that arrive together could
// suggest any rate.
func (s *Sampler) Sample(now mono.Time, minRTT time.Duration) Sample {
	r := Sample{Now: now, Acked: s.acked, Lost: s.gone, TotalDelivered: s.delivered}
	if s.appLimited > 0 && s.delivered > s.appLimited {
		s.appLimited = 0
	}
	if s.has {
		p := &s.newest
		r.PriorDelivered, r.AppLimited = p.Delivered, p.AppLimited
		r.LostSince, r.TxInFlight = int(s.lost-p.Lost), int(p.InFlight)
		r.Delivered = int(s.delivered - p.Delivered)
		// The slower of sending and acknowledging is the path's: acknowledgements that were
		// compressed on the way back do not make it faster.
		interval := max(s.newestSentAt.Sub(p.FirstSentAt), now.Sub(p.DeliveredAt))
		if interval >= minRTT && interval > 0 {
			r.Rate = int(int64(r.Delivered) * int64(time.Second/time.Microsecond) / max(1, interval.Microseconds()))
		}
	} else {
		r.AppLimited = true
	}
	s.has, s.acked, s.gone = false, 0, 0
	return r
}

// Rested is what a Sampler knows of the past while nothing is in flight.
type Rested struct{ delivered, lost uint64 }

// Rest returns the Sampler as it is at rest.
func (s *Sampler) Rest() Rested { return Rested{s.delivered, s.lost} }

// Wake returns a Sampler that goes on where the other one came to rest: because there was nothing more to send.
func (r Rested) Wake() Sampler {
	s := Sampler{delivered: r.delivered, lost: r.lost}
	s.AppLimited(0)
	return s
}
