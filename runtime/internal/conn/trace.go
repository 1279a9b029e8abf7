package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Tracer is told what a connection does, as it does it. It must not call the connection. Slices are valid
// during the call.
type Tracer interface {
	// Sent and Received tell of a packet and the frames in it.
	Sent(now mono.Time, p Traced)
	Received(now mono.Time, p Traced)
	// Dropped tells of a packet of size bytes that was not taken in.
	Dropped(now mono.Time, size int, why DropReason)
	// Lost tells of a packet that is taken for lost.
	Lost(now mono.Time, level handshake.Level, number uint64)
	// Renamed tells that packets go to another of the peer's ids from now on.
	Renamed(now mono.Time, old, id packet.ID)
	// Metrics tells the state of the path, when that may have changed.
	Metrics(now mono.Time, m Metrics)
}

// Traced is a packet as a Tracer sees it.
type Traced struct {
	Type   packet.Type
	Number uint64
	Size   int    // in bytes, as it travels
	Frames []byte // as packet.ParseFrame reads them
}

// Metrics is the state of the path.
type Metrics struct {
	SmoothedRTT, RTTVar, MinRTT, LatestRTT              time.Duration
	CongestionWindow, BytesInFlight, PTOCount, PaceRate int
}

// DropReason says why a packet was not taken in.
type DropReason uint8

// The reasons.
const (
	DropUnreadable  DropReason = iota // it is no packet of this connection's at this time
	DropForged                        // it was not sealed with the connection's keys
	DropDuplicate                     // it was taken in before
	DropUnavailable                   // its keys are not there yet, or there is no room for it
)

func (r DropReason) String() string {
	return [...]string{"header_parse_error", "payload_decrypt_error", "duplicate", "key_unavailable"}[r]
}

// Trace makes t follow what the connection does. The driver calls it before the first input.
func (c *Conn) Trace(t Tracer) {
	c.tracer = t
	if c.rested == nil {
		c.loss.OnLost = t.Lost
	}
}

// drop counts a packet that is not taken in.
func (c *Conn) drop(now mono.Time, size int, why DropReason) {
	c.tally.packetsDropped++
	if c.tracer != nil {
		c.tracer.Dropped(now, size, why)
	}
}

func (c *Conn) traceMetrics(now mono.Time) {
	if c.tracer == nil {
		return
	}
	c.tracer.Metrics(now, Metrics{
		SmoothedRTT: c.loss.Smoothed(), RTTVar: c.loss.Variation(), MinRTT: c.loss.Min(), LatestRTT: c.loss.Latest(),
		CongestionWindow: c.loss.Controller.Window(), BytesInFlight: c.loss.BytesInFlight(),
		PTOCount: c.loss.PTOCount(), PaceRate: c.loss.PacingRate(),
	})
}
