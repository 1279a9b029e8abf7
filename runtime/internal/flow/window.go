package flow

// Floor is how many bytes of a stream may always wait to be read.
const Floor = 16 << 10

// Window is the credit of one receiving stream: the offset up to which its peer may send.
type Window struct {
	consumed, reserved uint64
	advertised         uint64 // the largest limit that the peer was told
}

// NewWindow returns the window of a stream on which nothing came yet. Its peer
// knows from the transport parameters that it may send up to the floor.
func NewWindow() Window { return Window{advertised: Floor} }

// Limit is the offset up to which the peer may be let.
func (w *Window) Limit() uint64 { return w.consumed + Floor + w.reserved }

// Allows reports whether the peer was told that it may send up to end.
func (w *Window) Allows(end uint64) bool { return end <= w.advertised }

// Consume says that everything before offset was read.
func (w *Window) Consume(offset uint64) { w.consumed = offset }

// Reserve says how many bytes of the pool the stream holds.
func (w *Window) Reserve(size uint64) { w.reserved = size }

// Due reports whether the peer should be told a new limit: enough has become free, or a message was granted.
func (w *Window) Due() bool {
	return w.Limit() >= w.advertised+Floor/2 || w.reserved > 0 && w.Limit() > w.advertised
}

// Short reports whether a message with this end would be let, and the peer has not been told so far.
func (w *Window) Short(end uint64) bool { return end > w.advertised && end <= w.Limit() }

// Advertise returns the limit for a frame that tells it.
func (w *Window) Advertise() uint64 {
	w.advertised = max(w.advertised, w.Limit())
	return w.advertised
}

// Streams is the credit of opening streams: how many the peer may have opened, over
// the connection's life. It grows as streams come to their end, so that the
// floors of those that are open always fit.
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
