package packet

import (
	"fmt"
	"unicode/utf8"
)

// FrameType is the first byte of a frame. Numbers below 0x20 mean what they mean in RFC 9000 §19.
type FrameType uint8

// The frames.
const (
	Padding            FrameType = 0x00
	Ping               FrameType = 0x01
	Ack                FrameType = 0x02
	AckECN             FrameType = 0x03
	Crypto             FrameType = 0x06
	NewToken           FrameType = 0x07
	Stream             FrameType = 0x08 // to 0x0f: with the bits below
	MaxData            FrameType = 0x10
	MaxStreamData      FrameType = 0x11
	MaxStreams         FrameType = 0x12
	DataBlocked        FrameType = 0x14
	StreamDataBlocked  FrameType = 0x15
	StreamsBlocked     FrameType = 0x16
	NewConnectionID    FrameType = 0x18
	RetireConnectionID FrameType = 0x19
	PathChallenge      FrameType = 0x1a
	PathResponse       FrameType = 0x1b
	ConnectionAbort    FrameType = 0x1c
	HandshakeDone      FrameType = 0x1e
	StreamAbort        FrameType = 0x21
	FinRead            FrameType = 0x22
	Close              FrameType = 0x23
	CloseOK            FrameType = 0x24
	GoAway             FrameType = 0x25
	AckFrequency       FrameType = 0x26
)

// The bits of a STREAM frame's type.
const (
	streamOffset = 0x04
	streamLength = 0x02
	streamFin    = 0x01
)

var frameNames = map[FrameType]string{
	Padding: "PADDING", Ping: "PING", Ack: "ACK", AckECN: "ACK_ECN", Crypto: "CRYPTO", NewToken: "NEW_TOKEN",
	Stream: "STREAM", MaxData: "MAX_DATA", MaxStreamData: "MAX_STREAM_DATA", MaxStreams: "MAX_STREAMS",
	DataBlocked: "DATA_BLOCKED", StreamDataBlocked: "STREAM_DATA_BLOCKED", StreamsBlocked: "STREAMS_BLOCKED",
	NewConnectionID: "NEW_CONNECTION_ID", RetireConnectionID: "RETIRE_CONNECTION_ID",
	PathChallenge: "PATH_CHALLENGE", PathResponse: "PATH_RESPONSE", ConnectionAbort: "CONNECTION_ABORT",
	HandshakeDone: "HANDSHAKE_DONE", StreamAbort: "STREAM_ABORT", FinRead: "FIN_READ",
	Close: "CLOSE", CloseOK: "CLOSE_OK", GoAway: "GOAWAY", AckFrequency: "ACK_FREQUENCY",
}

func (t FrameType) String() string {
	if name, known := frameNames[t]; known {
		return name
	}
	return fmt.Sprintf("frame %#02x", uint8(t))
}

// AckEliciting reports whether a packet that holds the frame must be acknowledged (RFC 9000 §13.2). RFC 9000 §19.21:
// "Extension frames MUST be congestion controlled and MUST cause an ACK frame to be sent."
func (t FrameType) AckEliciting() bool {
	switch t {
	case Padding, Ack, AckECN, ConnectionAbort, CloseOK:
		return false
	}
	return true
}

// AtHandshake reports whether the frame may appear in a packet of the Initial or Handshake level; all may at
// the Application level (RFC 9000 §12.4).
func (t FrameType) AtHandshake() bool {
	switch t {
	case Padding, Ping, Ack, AckECN, Crypto, ConnectionAbort:
		return true
	}
	return false
}

// Frame is one frame. Which fields count depends on Type; slices are views of the packet.
type Frame struct {
	Type FrameType

	ID     uint64 // stream; or sequence number of a connection id
	Offset uint64 // STREAM, CRYPTO
	Data   []byte // STREAM, CRYPTO, NEW_TOKEN, PATH_…, and the id and reset token of NEW_CONNECTION_ID
	Fin    bool   // STREAM
	// Value is the limit of MAX_… and …_BLOCKED, the code of an abort, the first refused stream of GOAWAY, the
	// retire-prior-to of NEW_CONNECTION_ID, the byte threshold of ACK_FREQUENCY.
	Value uint64
	// Cause is the type of the frame that a CONNECTION_ABORT is about, 0 for none.
	Cause  uint64
	Reason []byte // of an abort, UTF-8
	// Delay is the ACK delay, or the max_ack_delay of ACK_FREQUENCY, in microseconds.
	Delay uint64

	// Largest and First describe the first range of an ACK: First+1 packets up to Largest. The others
	// are in the ranges, which NextRange reads.
	Largest, First uint64
	ranges         []byte
	left           uint64
	smallest       uint64
	// ECT0, ECT1 and CE are the counts of an ACK_ECN.
	ECT0, ECT1, CE uint64
}

// NextRange returns the next range of an ACK, below the ones before: its smallest and largest packet number.
// The first one it returns is First and Largest's. ParseFrame has checked them all.
func (f *Frame) NextRange() (smallest, largest uint64, ok bool) {
	switch {
	case f.left == 0:
		return 0, 0, false
	case f.smallest == MaxVarint+1: // before the first
		f.smallest = f.Largest - f.First
		f.left--
		return f.smallest, f.Largest, true
	}
	gap, n := ParseVarint(f.ranges)
	length, m := ParseVarint(f.ranges[n:])
	f.ranges = f.ranges[n+m:]
	largest = f.smallest - gap - 2
	f.smallest = largest - length
	f.left--
	return f.smallest, largest, true
}

// The errors of frames, made once.
var (
	errFrameType   = malformed("frame type")
	errFrameShort  = malformed("frame cut short")
	errFrameRange  = malformed("ACK range")
	errFrameOffset = malformed("offset beyond 2^62")
	errFrameReason = malformed("reason")
)

// reader takes numbers and bytes off the front; a failure sticks.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) varint() uint64 {
	v, n := ParseVarint(r.b)
	if n == 0 {
		r.bad = true
		r.b = nil
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad = true
		r.b = nil
		return nil
	}
	data := r.b[:n]
	r.b = r.b[n:]
	return data
}

// ParseFrame reads the frame that b, which is not empty, begins with into f, and returns what
// follows. Runs of PADDING are one frame. RFC 9000 §§19.6, 19.8: offsets beyond 2^62-1: "Receipt of a frame that exceeds
// this limit MUST be treated as a connection error of type FRAME_ENCODING_ERROR". RFC 9000 §12.4: "An endpoint MUST treat
// the receipt of a frame of unknown type as a connection error of type FRAME_ENCODING_ERROR." RFC 9000 §19.3: both kinds of
// ACK are understood. RFC 9000 §19.7: "A client MUST treat receipt of a NEW_TOKEN frame with an empty Token field as a
// connection error of type FRAME_ENCODING_ERROR."
func ParseFrame(f *Frame, b []byte) (rest []byte, err error) {
	*f = Frame{Type: FrameType(b[0])}
	r := reader{b: b[1:]}
	if f.Type&^7 == Stream {
		return parseStream(f, b[0], r)
	}
	switch f.Type {
	case Padding:
		for len(r.b) > 0 && r.b[0] == 0 {
			r.b = r.b[1:]
		}
	case Ping, HandshakeDone, Close, CloseOK:
	case Ack, AckECN:
		return parseAck(f, r)
	case Crypto:
		f.Offset = r.varint()
		f.Data = r.bytes(r.varint())
		if f.Offset+uint64(len(f.Data)) > MaxVarint {
			return nil, errFrameOffset
		}
	case NewToken:
		f.Data = r.bytes(r.varint())
		if len(f.Data) == 0 || len(f.Data) > MaxCookie {
			r.bad = true
		}
	case MaxData, MaxStreams, DataBlocked, StreamsBlocked, GoAway:
		f.Value = r.varint()
	case MaxStreamData, StreamDataBlocked:
		f.ID, f.Value = r.varint(), r.varint()
	case FinRead, RetireConnectionID:
		f.ID = r.varint()
	case NewConnectionID:
		f.ID, f.Value = r.varint(), r.varint()
		f.Data = r.bytes(IDLen + TokenLen)
	case PathChallenge, PathResponse:
		f.Data = r.bytes(8)
	case StreamAbort:
		f.ID, f.Value = r.varint(), r.varint()
		return parseReason(f, r)
	case ConnectionAbort:
		f.Value, f.Cause = r.varint(), r.varint()
		return parseReason(f, r)
	case AckFrequency:
		f.Value, f.Delay = r.varint(), r.varint()
	default:
		return nil, errFrameType
	}
	if r.bad {
		return nil, errFrameShort
	}
	return r.b, nil
}

func parseStream(f *Frame, first byte, r reader) ([]byte, error) {
	f.Type = Stream
	f.Fin = first&streamFin != 0
	f.ID = r.varint()
	if first&streamOffset != 0 {
		f.Offset = r.varint()
	}
	if first&streamLength != 0 {
		f.Data = r.bytes(r.varint())
	} else {
		f.Data, r.b = r.b, nil
	}
	switch {
	case r.bad:
		return nil, errFrameShort
	case f.Offset+uint64(len(f.Data)) > MaxVarint:
		return nil, errFrameOffset
	}
	return r.b, nil
}

// parseReason reads the reason that ends an abort.
func parseReason(f *Frame, r reader) ([]byte, error) {
	f.Reason = r.bytes(r.varint())
	switch {
	case r.bad:
		return nil, errFrameShort
	case len(f.Reason) > MaxReason || !utf8.Valid(f.Reason):
		return nil, errFrameReason
	}
	return r.b, nil
}

// parseAck reads an ACK (RFC 9000 §19.3) and checks its ranges: they go down, and none below 0. RFC 9000 §19.3.1: "If any
// computed packet number is negative, an endpoint MUST generate a connection error of type FRAME_ENCODING_ERROR."
func parseAck(f *Frame, r reader) ([]byte, error) {
	f.Largest, f.Delay = r.varint(), r.varint()
	count := r.varint()
	f.First = r.varint()
	if r.bad {
		return nil, errFrameShort
	}
	if f.First > f.Largest {
		return nil, errFrameRange
	}
	// A range has at least two bytes.
	if count > uint64(len(r.b)/2) {
		return nil, errFrameShort
	}
	f.ranges = r.b
	smallest := f.Largest - f.First
	for range count {
		gap, length := r.varint(), r.varint()
		if r.bad {
			return nil, errFrameShort
		}
		if gap+2 > smallest || length > smallest-gap-2 {
			return nil, errFrameRange
		}
		smallest -= gap + 2 + length
	}
	f.ranges = f.ranges[:len(f.ranges)-len(r.b)]
	f.left, f.smallest = count+1, MaxVarint+1
	if f.Type == AckECN {
		f.ECT0, f.ECT1, f.CE = r.varint(), r.varint(), r.varint()
		if r.bad {
			return nil, errFrameShort
		}
	}
	return r.b, nil
}
