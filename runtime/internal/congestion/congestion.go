// Package congestion decides how much a connection may have in flight, and how fast it may send. A Controller
// is told what was sent, acknowledged, lost and marked, and answers with a window and a rate; it knows neither
// packets nor timers. NewReno, CUBIC and BBR are the controllers. A Sampler measures the delivery rate for
// those that need it, and a Pacer spreads what is sent over time.
package congestion

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Controller is one congestion control algorithm for one path. It is used by one goroutine at a time, and does
// not allocate.
//
// Its user counts the bytes in flight. An ACK frame leads to OnAcked for each packet, OnLost if it shows some
// to be lost, OnCE if it reports marks, then OnAck.
type Controller interface {
	// OnSent is called for a packet in flight as it leaves. bytesInFlight excludes it.
	OnSent(now mono.Time, size, bytesInFlight int)
	// OnAcked is called for a packet that has just been acknowledged for the first time.
	OnAcked(a Acked)
	// OnAck is called with what an ACK frame that acknowledged something new says about the path.
	OnAck(s Sample)
	// OnLost is called once with all packets that one event showed to be lost.
	OnLost(l Lost)
	// OnCE is called when the path marked packets instead of dropping them. sentAt is when the largest packet
	// of the ACK frame that reported it was sent.
	OnCE(now, sentAt mono.Time)
	// OnPersistentCongestion is called when nothing got through for so long that the path must be learnt anew.
	// It follows the OnLost of the same event.
	OnPersistentCongestion(now mono.Time)
	// OnSpurious is called when everything lost since the last Lost that was Fresh has arrived after all: the
	// effects of those losses may be undone.
	OnSpurious(now mono.Time)
	// SetMaxDatagram sets the maximum size of datagrams from now on, in bytes.
	SetMaxDatagram(bytes int)
	// Rest is called when nothing is in flight, and nothing will be for a while: only what describes more than
	// the latest exchange needs to be kept. Window and Rate stay as they are.
	Rest()
	// Window is how many bytes may be in flight.
	Window() int
	// Rate is the maximum sending rate in bytes per second; zero means no limit.
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
	// LastSentAt is when the latest of the lost packets was sent, Last the snapshot taken then.
	LastSentAt mono.Time
	Last       Snapshot
	// Size is that of all the lost packets together, in bytes, Count how many they are.
	Size, Count int
	// BytesInFlight is how much was in flight before, the lost packets included.
	BytesInFlight int
	// TotalDelivered and TotalLost are how many bytes were delivered and lost since the connection began.
	TotalDelivered, TotalLost uint64
	// Fresh: everything lost before was sent before an earlier loss was noticed, and these packets were not: a
	// new congestion event begins.
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

// InitialWindow is how much may be in flight on an unknown path, in bytes.
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
