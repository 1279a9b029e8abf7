// Package congestion decides how much a connection may have in flight, and how
// fast it may send. A Controller hears what was sent, acknowledged, lost and marked, and
// answers with a window and a rate; it knows neither packets nor timers. NewReno, CUBIC
// and BBR stand side by side. A Sampler measures the delivery rate for those that
// want it, a Pacer spreads what is sent over time.
package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Controller is one congestion control algorithm of one path. It is used by one
// goroutine at a time, and does not allocate.
//
// The bytes in flight are its user's to count. An ACK frame leads to OnAcked for each packet,
// OnLost if it shows some to be lost, OnCE if it tells of marks, then OnAck.
type Controller interface {
	// OnSent hears of a packet in flight as it leaves. bytesInFlight is without it.
	OnSent(now mono.Time, size, bytesInFlight int)
	// OnAcked hears of a packet that has just been acknowledged for the first time.
	OnAcked(a Acked)
	// OnAck hears what an ACK frame that acknowledged something new tells of the path.
	OnAck(s Sample)
	// OnLost hears once of all packets that one event showed to be lost.
	OnLost(l Lost)
	// OnCE hears that the path marked packets instead of dropping them. sentAt is
	// when the largest packet of the ACK frame was sent that said so.
	OnCE(now, sentAt mono.Time)
	// OnPersistentCongestion hears that nothing came through for so long that the
	// path has to be learnt anew. It follows the OnLost of the same event.
	OnPersistentCongestion(now mono.Time)
	// OnSpurious hears that everything has arrived after all that was lost since the last Lost
	// that was Fresh: what the losses did may be undone.
	OnSpurious(now mono.Time)
	// SetMaxDatagram hears how large datagrams may be from now on, in bytes.
	SetMaxDatagram(bytes int)
	// Rest hears that nothing is in flight, and will not be for a while: what describes more than the latest
	// exchange is all that need be kept. Window and Rate stay as they are.
	Rest()
	// Window is how many bytes may be in flight.
	Window() int
	// Rate is how many bytes a second to send at most; zero means that there is no limit.
	Rate(smoothedRTT time.Duration) int
	// SlowStart reports whether the window is still being searched for.
	SlowStart() bool
}

// Acked is a packet that was acknowledged.
type Acked struct {
	Now, SentAt mono.Time
	// Size is the packet's, in bytes.
	Size int
	// BytesInFlight is how much was in flight when the ACK frame arrived, this packet included.
	BytesInFlight int
}

// Lost is what one event showed to be lost.
type Lost struct {
	Now mono.Time
	// LastSentAt is when the latest of the lost packets was sent, Last what was noted of it then.
	LastSentAt mono.Time
	Last       Snapshot
	// Size is that of all the lost packets together, in bytes, Count how many they are.
	Size, Count int
	// BytesInFlight is how much was in flight before, the lost packets included.
	BytesInFlight int
	// TotalDelivered and TotalLost are how many bytes were delivered and lost since the connection began.
	TotalDelivered, TotalLost uint64
	// Fresh: all before them were sent before an earlier loss was noticed, and they were not: another congestion event begins.
	Fresh bool
}

const (
	// initialPackets: "Endpoints SHOULD use an initial congestion window of ten
	// times the maximum datagram size" (RFC 9002 §7.2).
	initialPackets = 10
	// initialLimit: "while limiting the window to the larger of 14,720 bytes or twice
	// the maximum datagram size" (RFC 9002 §7.2).
	initialLimit = 14720
	// minimumPackets: "The RECOMMENDED value is 2 * max_datagram_size" (RFC 9002 §7.2).
	minimumPackets = 2
	unlimited      = int(^uint(0) >> 1)
)

// InitialWindow is how much may be in flight on a path that nothing is known of, in bytes.
func InitialWindow(maxDatagram int) int {
	return min(initialPackets*maxDatagram, max(initialLimit, 2*maxDatagram))
}

// windowRate is how fast a window is sent that is paced over a round trip. RFC 9002 §7.7: "rate = N * congestion_window /
// smoothed_rtt", with N a little over 1, so that variations do not leave the window unused; 2 while it doubles.
func windowRate(window int, smoothedRTT time.Duration, slowStart bool) int {
	n := 125
	if slowStart {
		n = 200
	}
	return perRTT(window*n/100, smoothedRTT)
}

// perRTT is so many bytes in a round trip, in bytes a second.
func perRTT(bytes int, rtt time.Duration) int {
	return int(int64(bytes) * int64(time.Second/time.Microsecond) / max(1, rtt.Microseconds()))
}
