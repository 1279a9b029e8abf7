package conn

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Read reports whether Recv has returned everything that the peer will ever send on the stream.
func (c *Conn) Read(id StreamID) bool {
	s := c.find(id)
	return s == nil || s.recv.done()
}

// Gone reports whether the machine knows the stream no more. Its last event may not have been polled yet.
func (c *Conn) Gone(id StreamID) bool { return c.find(id) == nil }

// Recv returns the next whole message of the stream and when its last byte
// arrived. The slice belongs to the machine and is valid until the next Recv of
// this stream. ErrBlocked: none is there, EventReadable follows. io.EOF: the
// peer's FIN has been reached.
func (c *Conn) Recv(now mono.Time, id StreamID) (message []byte, arrived mono.Time, err error) {
	return c.RecvInto(now, id, nil)
}

// RecvInto is Recv, but a message that room has room for is copied there, so that the machine's memory for it is free.
func (c *Conn) RecvInto(now mono.Time, id StreamID, room []byte) (message []byte, arrived mono.Time, err error) {
	c.rouse(now)
	s, err := c.lookup(id)
	if err != nil {
		return nil, 0, err
	}
	r := &s.recv
	c.consume(now, s)
	if r.read < r.parsed {
		length, prefix := binary.Uvarint(r.Peek(r.read, r.parsed))
		begin := r.read + uint64(prefix)
		r.read = begin + length
		if length <= uint64(len(room)) {
			message = room[:copy(room, r.Peek(begin, r.read)):length]
		} else {
			message = r.View(begin, r.read)
		}
		arrived = r.arrivals.of(r.read)
		if c.finishIfDone(s) {
			c.settle(now)
		}
		return message, arrived, nil
	}
	if r.done() {
		return nil, 0, io.EOF
	}
	r.wanting = true
	return nil, 0, ErrBlocked
}

// Confirm makes the stream a channel's: it is finished only when each end's application has
// read everything and the other end knows. Each end of the stream says so before its first Recv.
func (c *Conn) Confirm(id StreamID) error {
	s, err := c.lookup(id)
	if err == nil {
		s.confirm = true
	}
	return err
}

// heardRead: the peer's application has read everything.
func (c *Conn) heardRead(s *stream) error {
	if s.aborted != nil {
		return nil
	}
	if !s.send.finSent {
		return violation(packet.StreamStateError, "FIN_READ before FIN")
	}
	s.send.read = true
	c.finishIfDone(s)
	return nil
}

// Readable reports whether Recv would return something other than ErrBlocked. If not, EventReadable follows.
// What Recv returned last becomes invalid.
func (c *Conn) Readable(now mono.Time, id StreamID) bool {
	c.rouse(now)
	s, err := c.lookup(id)
	if err != nil {
		return true
	}
	r := &s.recv
	c.consume(now, s)
	r.wanting = r.read == r.parsed && !r.done()
	return !r.wanting
}

// consume releases what Recv returned last, and with it the credit that the peer may have for it. RFC 9000 §4.2: "a receiver
// MUST NOT wait for a STREAM_DATA_BLOCKED or DATA_BLOCKED frame before sending a MAX_STREAM_DATA or MAX_DATA frame".
func (c *Conn) consume(now mono.Time, s *stream) {
	r := &s.recv
	if r.Consumed() == r.read {
		return
	}
	r.Assembler.Consume(&c.buffers, r.read)
	r.window.Consume(r.read)
	if r.window.Narrow(now, c.loss.Smoothed(), r.Highest()) {
		c.widen(now, s)
	}
	if r.claim.Active() && r.claimEnd <= r.read {
		c.pool.Release(&r.claim)
		r.window.Reserve(0)
	}
	c.reserve(s)
	c.granted(now)
	if r.window.Due() {
		c.lists[byControl].push(s)
	}
}

// widen makes the stream's window twice as large, as far as the surplus goes, and what is shared.
func (c *Conn) widen(now mono.Time, s *stream) {
	more := min(s.recv.window.Size(), c.surplus)
	if more == 0 || !c.borrow(s, s.recv.window.Grown()+more) {
		return
	}
	c.surplus -= more
	s.recv.window.Grow(now, more)
	if s.recv.window.Due() {
		c.lists[byControl].push(s)
	}
}

// borrow sees to it that the stream has so many bytes of the shared stock for its window.
func (c *Conn) borrow(s *stream, bytes uint64) bool {
	r := &s.recv
	if bytes <= r.borrowed || c.shared == nil {
		return true
	}
	if !c.shared.TakeNow(bytes - r.borrowed) {
		return false
	}
	r.borrowed = bytes
	return true
}

// giveBack gives back what the stream has borrowed.
func (c *Conn) giveBack(s *stream) {
	if r := &s.recv; r.borrowed > 0 {
		c.shared.Give(r.borrowed)
		r.borrowed = 0
	}
}

// giveBackWindows gives back what streams have borrowed for windows that nothing is in. The peer may use them all the same: then they borrow it again, and
// where there is no room what comes is as good as lost until what is before it was read.
func (c *Conn) giveBackWindows() {
	for s := c.lists[byAge].first; s != nil; s = c.lists[byAge].next(s) {
		if s.recv.window.Beyond(s.recv.Highest()) == 0 {
			c.giveBack(s)
		}
	}
}

// receive takes in a piece of the stream. An error is the connection's, but for
// errNotNow, which only says that the packet is to be dropped. RFC 9000 §4.1: "A receiver MUST close the connection with an
// error of type FLOW_CONTROL_ERROR if the sender violates the advertised connection or stream data limits". So have it
// §§19.9, 19.10.
func (c *Conn) receive(now mono.Time, s *stream, offset uint64, data []byte, fin bool) error {
	if s.aborted != nil {
		return nil
	}
	r := &s.recv
	end := offset + uint64(len(data))
	if end < offset || !r.window.Allows(end) {
		return violation(packet.FlowControlError, "stream data beyond the limit")
	}
	if fin {
		if err := r.Finish(end); err != nil {
			return violation(packet.FinalSizeError, err.Error())
		}
	}
	if beyond := r.window.Beyond(end); beyond > r.borrowed && !c.borrow(s, r.window.Grown()) {
		return errNotNow
	}
	before := r.Ready()
	switch err := r.Write(&c.buffers, offset, data); {
	case errors.Is(err, flow.ErrFinalSize):
		return violation(packet.FinalSizeError, err.Error())
	case err != nil:
		return err
	}
	if r.header && !s.links[byOpening].in {
		r.openedAt = now
		c.lists[byOpening].push(s)
	}
	// What was lost holds up a reader that has read all that it could, and the credit behind it is used up.
	if r.read == r.parsed && r.window.Spent(r.Highest()) {
		c.widen(now, s)
	}
	if r.Ready() > before || fin {
		c.parse(now, s)
	}
	return nil
}

// maxLength is how many bytes are examined for a message's length: one more than the longest has, which
// distinguishes an endless length from an incomplete one.
const maxLength = MessagePrefix + 1

// parse looks for messages that have become complete.
func (c *Conn) parse(now mono.Time, s *stream) {
	r := &s.recv
	whole := false
	for r.parsed < r.Ready() {
		window := r.Peek(r.parsed, min(r.Ready(), r.parsed+maxLength))
		length, prefix := binary.Uvarint(window)
		limit := uint64(c.config.MaxMessage)
		if r.header {
			limit = packet.MaxHeader
		}
		switch {
		case prefix < 0 || prefix > 0 && length > limit:
			c.fault(s, AbortTooLarge, "a message longer than the limit")
			return
		case prefix > 1 && window[prefix-1] == 0:
			c.fault(s, AbortMalformed, "a length in more bytes than it needs")
			return
		}
		end := r.parsed + uint64(prefix) + length
		if prefix == 0 || end > r.Ready() {
			break
		}
		if r.header {
			c.accept(s, r.parsed+uint64(prefix), end)
		} else {
			r.arrivals.add(end, now)
			whole = true
		}
		r.parsed = end
	}
	if r.Complete() && (r.parsed < r.Ready() || r.header) {
		c.fault(s, AbortMalformed, "the stream ends inside a message")
		return
	}
	c.reserve(s)
	c.granted(now)
	if !c.finishIfDone(s) && r.wanting && (whole || r.done()) {
		r.wanting = false
		c.events.push(Event{Kind: EventReadable, Stream: s.id})
	}
}

// reserve makes sure that the message in progress gets credit to its end. If the stream's own credit does not
// reach that far, it asks the pool for the whole message. If it does, and the peer was not told because the
// limit has not grown by enough to be worth a frame, the peer is told now: it may have nothing else to wait
// for. At most one message of a stream is reserved at a time, so whatever is reserved can complete, whoever
// else waits.
func (c *Conn) reserve(s *stream) {
	r := &s.recv
	if r.claim.Active() || r.parsed == r.Ready() {
		return
	}
	length, prefix := binary.Uvarint(r.Peek(r.parsed, min(r.Ready(), r.parsed+maxLength)))
	end := r.parsed + uint64(prefix) + length
	switch {
	case prefix <= 0:
	case end > r.window.Limit():
		r.claimEnd = end
		c.pool.Reserve(&r.claim, end-r.parsed)
	case r.window.Short(end):
		r.limitDue = true
		c.lists[byControl].push(s)
	}
}

// granted gives their credit to the streams whose messages have been reserved. now is zero where it is not known.
func (c *Conn) granted(now mono.Time) {
	for claim := c.pool.Granted(); claim != nil; claim = c.pool.Granted() {
		s := c.find(StreamID(claim.Owner))
		s.recv.window.Reserve(claim.Size())
		s.recv.pace = pace{now, s.recv.Highest() + s.recv.read}
		s.recv.Expect(s.recv.window.Limit())
		c.lists[byControl].push(s)
	}
}

// keepHeader copies a header to where it stays until its event has been polled and the next input arrives.
func (c *Conn) keepHeader(header []byte) []byte {
	if c.events.n == 0 {
		c.headers = c.headers[:0]
		if cap(c.headers) > headersKept {
			c.headers = nil
		}
	}
	begin := len(c.headers)
	c.headers = append(c.headers, header...)
	return c.headers[begin:len(c.headers):len(c.headers)]
}

// headersKept bounds the memory kept for the headers of future streams.
const headersKept = 1 << 10

// leastOpening is how long a header may take at the least. How soon a silent connection is given up says nothing of how
// long a lost packet takes to be repeated on one that is not silent.
const leastOpening = 30 * time.Second

// openingAt is when the next stream ends whose header has begun to arrive and is not whole: after the idle timeout, in which a
// peer that lives has sent it. One that only has a number, because a later one was opened, takes nothing and may wait for its first message.
func (c *Conn) openingAt() mono.Time {
	s := c.lists[byOpening].first
	if s == nil {
		return mono.Never
	}
	return s.recv.openedAt.Add(max(c.idleTimeout(), leastOpening))
}

// endOpenings ends the streams whose header did not come.
func (c *Conn) endOpenings(now mono.Time) {
	for now >= c.openingAt() {
		c.fault(c.lists[byOpening].first, AbortStalled, "the opening did not arrive")
	}
}

// accept tells the application of a stream whose header has arrived.
func (c *Conn) accept(s *stream, begin, end uint64) {
	r := &s.recv
	r.header, s.accepted, s.served = false, true, true
	c.lists[byOpening].remove(s)
	header := c.keepHeader(r.Peek(begin, end))
	r.read = end
	r.Assembler.Consume(&c.buffers, end)
	r.window.Consume(end)
	c.events.push(Event{Kind: EventAccepted, Stream: s.id, Data: header})
}
