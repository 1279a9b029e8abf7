package flow

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Floor is how many bytes of a stream may always wait to be read.
const Floor = 16 << 10

// Window is the credit of one receiving stream: the offset up to which its peer may send.
// A stream that is read as fast as it comes gets more than the floor, so that a long path is filled as well.
type Window struct {
	consumed, reserved uint64
	advertised         uint64 // the largest limit that the peer was told
	grown              uint64 // beyond the floor
	// Since began, the reader has read what lies behind from.
	began mono.Time
	from  uint64
}

// NewWindow returns the window of a stream on which nothing came yet. Its peer
// knows from the transport parameters that it may send up to the floor.
func NewWindow() Window { return Window{advertised: Floor} }

// Limit is the offset up to which the peer may be allowed to send.
func (w *Window) Limit() uint64 { return w.consumed + w.Size() + w.reserved }

// Size is how many bytes may wait to be read, besides what is reserved.
func (w *Window) Size() uint64 { return Floor + w.grown }

// Grown is how much of that is beyond the floor.
func (w *Window) Grown() uint64 { return w.grown }

// Beyond is how far what reaches up to end is behind the floor and what is reserved: in the part that the window has grown by.
func (w *Window) Beyond(end uint64) uint64 {
	return max(end, w.consumed+Floor+w.reserved) - (w.consumed + Floor + w.reserved)
}

// Narrow reports whether the window holds the stream up. It does if half of it was read within two round trips,
// so that the peer may well be waiting for credit; or within eight, and the peer has used it up, where highest
// is the end of what has arrived: losses hold up what follows them, and a window that is small because of that
// would otherwise stay small. Call it after each Consume.
func (w *Window) Narrow(now mono.Time, rtt time.Duration, highest uint64) bool {
	elapsed := now.Sub(w.began)
	if w.consumed-w.from >= w.Size()/2 {
		if elapsed <= 2*rtt || elapsed <= 8*rtt && w.Spent(highest) {
			return true
		}
		w.began, w.from = now, w.consumed
	} else if elapsed > 8*rtt {
		w.began, w.from = now, w.consumed
	}
	return false
}

// Spent reports whether the peer has used up most of its credit, highest being the end of what has come.
func (w *Window) Spent(highest uint64) bool { return highest+w.Size()/4 >= w.advertised }

// Grow makes the window larger.
func (w *Window) Grow(now mono.Time, bytes uint64) {
	w.grown += bytes
	w.began, w.from = now, w.consumed
}

// Allows reports whether the peer was told that it may send up to end.
func (w *Window) Allows(end uint64) bool { return end <= w.advertised }

// Consume says that everything before offset was read.
func (w *Window) Consume(offset uint64) { w.consumed = offset }

// Reserve says how many bytes of the pool the stream holds.
func (w *Window) Reserve(size uint64) { w.reserved = size }

// Due reports whether the peer should be told a new limit: enough has become free, or a message was granted. RFC 9000 §4.6:
// "An endpoint MUST NOT wait to receive this signal before advertising additional credit".
func (w *Window) Due() bool {
	return w.Limit() >= w.advertised+min(w.Size()/2, dueMost) || w.reserved > 0 && w.Limit() > w.advertised
}

// dueMost is the most that becomes free before the peer is told.
const dueMost = 256 << 10

// Short reports whether a message with this end would be allowed, but the peer has not been told so.
func (w *Window) Short(end uint64) bool { return end > w.advertised && end <= w.Limit() }

// Advertise returns the limit for a frame that tells it.
func (w *Window) Advertise() uint64 {
	w.advertised = max(w.advertised, w.Limit())
	return w.advertised
}

// Streams is the credit of opening streams: how many the peer may have opened, over the connection's life. It
// grows as streams end, so the floors of those that are open always fit.
type Streams struct {
	concurrent, opened, ended uint64
	advertised                uint64
}

// NewStreams allows concurrent streams at once. The peer knows so from the transport parameters.
func NewStreams(concurrent uint64) Streams {
	return Streams{concurrent: concurrent, advertised: concurrent}
}

// Allows reports whether the peer was told that it may open count streams.
func (s *Streams) Allows(count uint64) bool { return count <= s.advertised }

// Open says that the peer has opened count streams by now.
func (s *Streams) Open(count uint64) { s.opened = max(s.opened, count) }

// End says that one more stream is gone.
func (s *Streams) End() { s.ended++ }

// Due reports whether the peer should be told a new count: many have ended since, or
// it has not many left. One that keeps its streams open may have all of them.
func (s *Streams) Due() bool {
	fresh := s.ended + s.concurrent - s.advertised
	return fresh >= max(1, s.concurrent/4) || fresh > 0 && s.advertised-s.opened <= s.concurrent/4
}

// Advertise returns the count for a frame that tells it.
func (s *Streams) Advertise() uint64 {
	s.advertised = s.ended + s.concurrent
	return s.advertised
}
