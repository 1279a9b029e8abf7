package conn

import (
	"strings"
	"unicode/utf8"

	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// The codes with which the machine itself aborts a stream.
const (
	// AbortTooLarge: a message of the peer's exceeds the limit that it was told.
	AbortTooLarge uint64 = 0x20
	// AbortMalformed: the bytes of the stream are not a sequence of whole messages.
	AbortMalformed uint64 = 0x21
	// AbortRefused: the connection is closing, and accepts no new streams. The stream was not looked at.
	AbortRefused uint64 = 0x22
	// AbortStalled: memory that others wait for was held by the stream, and next to nothing of it moved for the death timeout;
	// or its header did not arrive for the idle timeout.
	AbortStalled uint64 = 0x23
)

// AbortStream ends the stream at once, in both directions, at both ends, with a
// reason of at most 1,024 bytes (the rest is cut off). It is idempotent. No event
// follows at this end.
func (c *Conn) AbortStream(now mono.Time, id StreamID, code uint64, reason string) {
	if s := c.find(id); s != nil && s.aborted == nil && !c.over() {
		c.rouse(now)
		if c.peerClosed { // the peer has finished, and may be gone: it is not told
			c.dropStream(s)
		} else {
			c.abort(s, code, reason)
		}
		c.settle(now)
	}
}

// abort ends the stream at this end; its record stays until the peer has heard. RFC 9000 §3.3: nothing of a stream "from a
// terminal state", no STREAM frame "after sending a RESET_STREAM frame". RFC 9000 §13.3: "The content of a RESET_STREAM
// frame MUST NOT change when it is sent again."
func (c *Conn) abort(s *stream, code uint64, reason string) {
	s.aborted = &AbortError{Code: code, Reason: cutReason(reason)}
	c.emptyStream(s)
	c.lists[byTurn].remove(s)
	c.lists[byAdmission].remove(s)
	c.lists[byOpening].remove(s)
	s.abortDue = true
	c.lists[byControl].push(s)
}

// fault ends a stream on which the peer broke the rules: a fault of one session does not affect the others. Deviation from
// RFC 9000 §11.2, "RESET_STREAM MUST only be instigated by the application protocol that uses QUIC."
func (c *Conn) fault(s *stream, code uint64, reason string) {
	c.abort(s, code, reason)
	if s.accepted {
		c.events.push(Event{Kind: EventAborted, Stream: s.id, Err: s.aborted})
	}
}

// heardAbort ends a stream because the peer has. If this end aborted it too, the peer no longer needs to be
// told.
func (c *Conn) heardAbort(s *stream, code uint64, reason []byte) {
	if s.accepted && s.aborted == nil {
		err := &AbortError{Code: code, Reason: string(reason), Remote: true}
		c.events.push(Event{Kind: EventAborted, Stream: s.id, Err: err})
	}
	c.dropStream(s)
}

// cutReason makes text fit for the wire: UTF-8, and no longer than is allowed.
func cutReason(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= packet.MaxReason {
		return text
	}
	end := packet.MaxReason
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
