// Package conn is one end of a connection as a pure state machine. It knows no
// socket, goroutine, clock or source of randomness: time comes in with every
// input, random bytes come in with the Config, datagrams and events go out when
// they are asked for. The transport's shell and the simulator drive the same code.
//
// Its methods are of four kinds.
//
//   - Inputs from below: HandleDatagram, HandleTimeout, HandleHandshake. Each says what happened, and when.
//   - Commands from above: OpenStream, Send, Recv, Finish, AbortStream, Close, Abort.
//   - Outputs: PollTransmit, PollEvent, NextTimeout. After an input or a command,
//     the driver asks PollEvent until it has nothing more, then PollTransmit until
//     it has nothing more, then NextTimeout once. No other order is needed, and
//     asking too often does no harm.
//   - Getters, which change nothing.
//
// A Conn is used by one goroutine at a time. No method allocates in the steady
// state, none blocks, none calls back.
package conn

import (
	"net/netip"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// StreamID names a stream of a connection. The dialing end opens all streams,
// and numbers them from 0 without gaps.
type StreamID uint64

// EventKind says what an Event tells.
type EventKind uint8

// The events. A driver handles Start and Handshake itself; the others concern the application.
const (
	// EventStart: Data holds this end's transport parameters. The driver makes a new
	// handshake.Driver, starts it with them and gives what it says to HandleHandshake. It comes
	// again if the handshake begins anew, with another server id: the driver before it is then forgotten. Data
	// is valid until the next input.
	EventStart EventKind = iota + 1
	// EventHandshake: Data holds handshake bytes of Level for the Driver. Data is valid until the next input.
	EventHandshake
	// EventConnected: the handshake is done; streams can be opened, and the peer's are accepted from now on.
	EventConnected
	// EventAccepted: the peer opened Stream; Data is the header that it gave to OpenStream. At the listening end only.
	EventAccepted
	// EventReadable: Recv on Stream has something to return, where it last returned ErrBlocked.
	EventReadable
	// EventWritable: Send on Stream may go through, where it last returned ErrBlocked.
	EventWritable
	// EventStreams: OpenStream may go through, where it last returned ErrBlocked.
	EventStreams
	// EventFinished: both directions of Stream are finished, acknowledged and read: R = T both ways. The stream is gone.
	EventFinished
	// EventAborted: the peer, or a fault of the peer's, ended Stream; Err is an *AbortError. The stream is gone.
	EventAborted
	// EventClosed: the connection is over; Err says why, nil after a Close that drained. It is the last event.
	EventClosed
)

// Event is what the machine tells its driver.
type Event struct {
	Kind   EventKind
	Stream StreamID
	Level  handshake.Level
	Data   []byte
	Err    error
}

// Conn is one end of one connection. See the package comment for how to drive it.
type Conn struct{ skeleton }

// HandleDatagram takes in one datagram that arrived from the address at time
// now. The machine copies what it keeps.
func (c *Conn) HandleDatagram(now mono.Time, from netip.AddrPort, datagram []byte) { panic("skeleton") }

// HandleTimeout lets everything happen that is due at now. It may be called early and often.
func (c *Conn) HandleTimeout(now mono.Time) { panic("skeleton") }

// HandleHandshake takes in what the handshake's Driver said.
func (c *Conn) HandleHandshake(now mono.Time, messages []handshake.Message) { panic("skeleton") }

// OpenStream opens a stream with a header that the peer's EventAccepted shows.
// The header travels at once if eager is set, else with the stream's first
// message. ErrBlocked means that the peer's limit on streams is reached:
// EventStreams follows.
func (c *Conn) OpenStream(now mono.Time, header []byte, eager bool) (StreamID, error) {
	panic("skeleton")
}

// Send accepts message whole, or not at all. The machine copies it. With last
// set, it is the stream's last message and carries the FIN. ErrBlocked means
// that the send budget is full (RUNTIME: admission): EventWritable follows.
// *TooLargeError compares with the limit that the peer advertised.
func (c *Conn) Send(now mono.Time, id StreamID, message []byte, last bool) error { panic("skeleton") }

// Recv returns the next whole message of the stream and when its last byte
// arrived. The slice belongs to the machine and is valid until the next call of any method
// for this stream. ErrBlocked: none is there, EventReadable follows. io.EOF: the
// peer's FIN has been reached.
func (c *Conn) Recv(now mono.Time, id StreamID) (message []byte, arrived mono.Time, err error) {
	panic("skeleton")
}

// Finish ends the sending direction of the stream after what was sent.
func (c *Conn) Finish(now mono.Time, id StreamID) error { panic("skeleton") }

// AbortStream ends the stream at once, in both directions, at both ends. It is idempotent.
func (c *Conn) AbortStream(now mono.Time, id StreamID, code uint64, reason string) { panic("skeleton") }

// Close ends the connection once every stream is finished and everything is
// acknowledged; EventClosed follows. New streams are refused from now on.
func (c *Conn) Close(now mono.Time) { panic("skeleton") }

// Abort ends the connection at once; the peer is told once, and again when it goes on.
func (c *Conn) Abort(now mono.Time, code uint64, reason string) { panic("skeleton") }

// PollTransmit appends the next datagram to send to buf and returns it with its destination; ok is false
// when there is none now. A driver with an idle line calls it until then.
func (c *Conn) PollTransmit(now mono.Time, buf []byte) (datagram []byte, to netip.AddrPort, ok bool) {
	panic("skeleton")
}

// PollEvent returns the next event; ok is false when there is none.
func (c *Conn) PollEvent() (e Event, ok bool) { panic("skeleton") }

// NextTimeout is when HandleTimeout is due next, mono.Never if no timer runs.
func (c *Conn) NextTimeout() mono.Time { panic("skeleton") }

// Idle reports whether nothing is in flight and nothing queued, so that a Send may write inline.
func (c *Conn) Idle() bool { panic("skeleton") }

type skeleton struct{ _ time.Duration }

// Tombstone is what the endpoint keeps for the connection's id after EventClosed and the last PollTransmit:
// a datagram of at most 32 bytes that answers what still comes, until the given time. It is nil if no answer is needed.
func (c *Conn) Tombstone(now mono.Time) (datagram []byte, until mono.Time) { panic("skeleton") }

// Stats returns a picture of the connection.
func (c *Conn) Stats() Stats { panic("skeleton") }

// Stats is a picture of a connection.
type Stats struct {
	SmoothedRTT, RTTVar, MinRTT, LatestRTT time.Duration // MinRTT is zero before the first sample

	PacketsSent, PacketsReceived, PacketsLost uint64
	BytesSent, BytesReceived                  uint64 // whole datagrams
	// PacketsDropped came and were not taken in: not authentic, duplicate, too early, not for this connection.
	PacketsDropped uint64

	BytesInFlight, CongestionWindow, PTOCount int
}
