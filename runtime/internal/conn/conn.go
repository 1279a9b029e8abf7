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

	"github.com/sessgen/sessgen/runtime/internal/dense"
	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// StreamID names a stream of a connection. The dialing end opens all streams,
// and numbers them from 0 without gaps.
type StreamID uint64

// EventKind says what an Event tells.
type EventKind uint8

// The events. A driver handles Start and Handshake itself; the others concern the application.
const (
	// EventStart: Data holds this end's transport parameters. The driver makes a new handshake.Driver, starts
	// it with them and passes its output to HandleHandshake. The event comes again if the handshake starts over
	// with another server id: the previous driver is then discarded. Data is valid until the next input.
	EventStart EventKind = iota + 1
	// EventHandshake: Data holds handshake bytes of Level for the Driver. Data is valid until the next input.
	EventHandshake
	// EventHandshakeOver: the Driver is no longer needed, and may be discarded.
	EventHandshakeOver
	// EventConnected: the handshake is done; streams can be opened, and the peer's are accepted from now on.
	EventConnected
	// EventToken: Data is an address token for the next connection with the server: see Config.Token. Data is valid
	// until the next input. At the dialing end only.
	EventToken
	// EventAccepted: the peer opened Stream; Data is the header that it gave to OpenStream, valid until the
	// next input. At the listening end only. Release must follow when nothing runs for the stream any more.
	EventAccepted
	// EventReadable: Recv on Stream has something to return, where it last returned ErrBlocked.
	EventReadable
	// EventWritable: Send on Stream may go through, where it last returned ErrBlocked.
	EventWritable
	// EventStreams: OpenStream may go through, or never will, where it last returned ErrBlocked.
	EventStreams
	// EventFinished: both directions of Stream are finished, acknowledged and read: R = T both ways. The stream is gone.
	EventFinished
	// EventAborted: the peer, or a fault of the peer's, ended Stream; Err is an *AbortError. The stream is gone.
	EventAborted
	// EventMoved: the path in use is another, and the peer's address is Addr from now on. At the listening end only.
	EventMoved
	// EventIDWanted: the driver must draw one more connection id for this end, route datagrams that carry it
	// here, and pass it to OfferID.
	EventIDWanted
	// EventIDRetired: the peer sends no more datagrams that carry ID, one of this end's.
	EventIDRetired
	// EventResetToken: the result of ResetToken has changed; it was Data before. At the dialing end only.
	EventResetToken
	// EventClosed: the connection is over; Err says why, nil after a Close that drained. It is the last event.
	EventClosed
)

// Event is what the machine tells its driver.
type Event struct {
	Kind   EventKind
	Level  handshake.Level
	ID     packet.ID
	Stream StreamID
	Data   []byte
	Addr   netip.AddrPort
	Err    error
}

// Conn is one end of one connection. See the package comment for how to drive it.
//
// Its fields are in three parts: its identity, for as long as it lives; its streams, while it has some; and
// what it needs while something happens. A second after the last packet the third part shrinks to what is worth
// keeping: see rest.go.
type Conn struct {
	config     terms
	client     bool
	phase      phase
	tokenHeard bool // the dialing end has been given a token
	closing    bool // Close was called
	leaving    bool // GOAWAY came
	wanting    bool // OpenStream returned ErrBlocked
	path       Path // in use: the peer receives there
	ids        ids
	peer       peer
	// resetToken is what a stateless reset for the listening end's id in use ends with; there, for its initial one.
	resetToken [packet.TokenLen]byte
	phases     phases
	mtu        mtu

	nextStream  StreamID // the next one that is opened, by the dialing end
	refuseFrom  StreamID // the streams from this one on are refused since Close, at the listening end
	peerStreams flow.Streams
	shared      Shared // nil for nothing
	tracer      Tracer // nil for nobody

	// Timers: see timers.go.
	activeAt   mono.Time // since when the connection may count as idle
	elicitedAt mono.Time // when something was last sent that asks for an answer

	tally counters

	*table
	*awake
	rested *rested // nil while awake
}

// table is a connection's streams: see stream.go.
type table struct {
	streams  dense.Map[stream]
	lists    [orders]list
	pool     flow.Pool
	surplus  uint64 // bytes that windows may still grow by
	spare    []*stream
	buffered int    // bytes in all send buffers
	kept     int    // of them, those beyond the streams' floors
	taken    uint64 // how many bytes the peer has acknowledged
	pace     pace   // of taken
	held     int    // of them, headers that wait for the first message to travel with
}

// awake is what a connection needs while something happens.
type awake struct {
	moving *moving // nil while the peer is where it was
	answer *answer // nil where none is owed

	// The handshake: see handshake.go and client.go.
	nonce      [16]byte
	keys       [handshake.Levels]keys
	turn       turn
	crypto     [handshake.Levels]cryptoStream
	parked     []parked // packets whose keys are not there yet
	peerParams []byte
	token      []byte   // the cookie, or an address token
	tokened    bool     // the dialing end goes on with an address token; no COOKIE has come
	offer      []byte   // the address token that the listening end gives
	tried      []string // the cookies that were taken, with their server ids
	complete   bool     // the handshake is done, as this end sees it
	proven     bool     // the peer has the keys of a level above Initial
	confirmed  bool     // RFC 9001 §4.1.2
	authentic  bool     // the dialing end opened an ACCEPT
	judged     bool     // the peer has yet to judge the dialing end's certificate
	driverOver bool     // the driver was told to go
	driverEnd  mono.Time
	spoken     []packet.Version // as VERSIONS says
	initDue    bool
	initAt     mono.Time
	initsSent  int
	// unreachable ICMP messages have come since unreachableAt.
	unreachable   int
	unreachableAt mono.Time
	doubtedAt     int // how many INITs had been sent when VERSIONS came; zero means none came
	begun         mono.Time
	handshakeEnd  mono.Time

	// What arrives and what is sent: see receive.go, acks.go, transmit.go.
	received [handshake.Levels]recovery.Received
	loss     *recovery.Loss
	probes   [handshake.Levels]int
	marks    [handshake.Levels]recovery.Counts // of what arrived
	// pacedUntil is until when what there is to send has to wait, because it would be too fast; mono.Never if nothing does.
	pacedUntil mono.Time
	// repeating: frames were handed out to be repeated early, and no packet has left since.
	repeating bool
	origin           // of the datagram at hand
	ect       bool   // the datagram that PollTransmit returned last is to be marked
	opened    []byte // the payload of the packet at hand
	unmasked  [packet.MaxMaskedHeader]byte
	scratch   [16]byte

	// Streams: see stream.go.
	buffers  flow.Buffers
	chunks   chunks
	pressing bool // see Pressing

	// Single frames that are to be sent.
	handshakeDoneDue, offerDue, maxStreamsDue, pingDue, closeDue, closedDue, goAwayDue bool

	// askedThreshold is the byte threshold of acknowledgements that the peer was asked for; zero means none.
	askedThreshold int

	// Timers: see timers.go.
	unansweredAt mono.Time // when something was sent for which nothing has come since
	proofAt      mono.Time // when the dialing end shows that it has the keys, if it has nothing to say
	roused       mono.Time // when a rest ended, or could not begin

	// The end: see close.go.
	closeBegan mono.Time   // when everything was finished and CLOSE was due
	answered   bool        // the peer has seen our CLOSE
	peerClosed bool        // CLOSE came
	verdict    *CloseError // the strongest cause that the event at hand showed
	err        *CloseError
	words      farewell
	wordsDue   bool
	wordsSaid  bool // once

	events eventQueue
	// headers has those of events that are to be polled.
	headers []byte
}

// origin is how a datagram came.
type origin struct {
	from Path
	size int // in bytes
	mark Mark
}

// phase is how far a connection has come.
type phase uint8

const (
	opening    phase = iota // the dialing end has no COOKIE yet
	connecting              // the handshake is under way
	connected               // streams flow
	ended
)

// PollEvent returns the next event; ok is false when there is none.
func (c *Conn) PollEvent() (e Event, ok bool) {
	if c.rested != nil {
		return Event{}, false
	}
	if c.driverOver {
		return c.events.pop()
	}
	c.forgetCrypto()
	if e, ok = c.events.pop(); ok {
		return e, true
	}
	return c.nextCrypto()
}

// Told reports whether PollEvent has nothing to tell.
func (c *Conn) Told() bool { return c.rested != nil || c.driverOver && c.events.n == 0 }

// Idle reports whether nothing is in flight and nothing queued, so that a Send may write inline.
func (c *Conn) Idle() bool {
	if c.rested != nil {
		return true
	}
	return c.phase == connected && c.loss.BytesInFlight() == 0 && c.lists[byTurn].n == 0 && c.lists[byControl].n == 0
}

// Pressing reports whether there is something to send that the application's reading has caused, and that
// should not wait for its next command.
func (c *Conn) Pressing() bool { return c.rested == nil && c.pressing }

// AnswersCome says that the program will soon send what answers several of the messages that came last: an acknowledgement that is
// due only because much has arrived travels with that.
func (c *Conn) AnswersCome() {
	if c.rested == nil {
		c.received[handshake.Application].AnswersCome()
	}
}

// find finds a stream.
func (c *Conn) find(id StreamID) *stream {
	if c.table == nil {
		return nil
	}
	return c.streams.Get(uint64(id))
}

// lookup finds a stream for a command of the application.
func (c *Conn) lookup(id StreamID) (*stream, error) {
	if c.over() {
		return nil, c.ended()
	}
	s := c.find(id)
	switch {
	case s == nil || !s.accepted:
		return nil, ErrNoStream
	case s.aborted != nil:
		return nil, s.aborted
	}
	return s, nil
}
