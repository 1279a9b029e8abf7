// Package congestion decides how much a connection may have in flight. A
// Controller hears what was sent, acknowledged and lost, and answers with a
// window; it knows neither packets nor timers, so that every algorithm fits the
// same four inputs. NewReno is here; CUBIC and BBR stand beside it.
package congestion

import "github.com/sessgen/sessgen/runtime/internal/mono"

// Controller is one congestion control algorithm of one path. It is used by one
// goroutine at a time, and does not allocate.
//
// The bytes in flight are its user's to count: every input carries them as they were
// before the input.
type Controller interface {
	// OnSent hears of a packet in flight as it leaves.
	OnSent(now mono.Time, size, bytesInFlight int)
	// OnAcked hears of a packet that has just been acknowledged for the first time.
	OnAcked(a Acked)
	// OnLost hears once of all packets that one event showed to be lost.
	OnLost(l Lost)
	// OnPersistentCongestion hears that nothing came through for so long that the
	// path has to be learnt anew. It follows the OnLost of the same event.
	OnPersistentCongestion(now mono.Time)
	// Window is how many bytes may be in flight.
	Window() int
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
	// LastSentAt is when the latest of the lost packets was sent.
	LastSentAt mono.Time
	// Size is that of all the lost packets together, in bytes.
	Size int
	// BytesInFlight is how much was in flight before, the lost packets included.
	BytesInFlight int
}
