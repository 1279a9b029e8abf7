package simnet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

// history is what the programs at both ends of one session have done, as they saw
// it. The ends' buffers are compared with it.
type history struct {
	number   uint64 // the session's, in the order of opening
	protocol *session.Protocol
	ends     [2]*stream // the dialing one first, nil where it was never seen
	// lanes are the two directions, each under the role that sends.
	lanes   [2]lane
	header  []byte
	aborted bool // by a program, so that the ends may come to different ends
	lone    bool // it has no dialing end: that was forgotten before, or is forged
}

// lane is one direction of a session. T is what the one program sent, R what the
// other received: R is a prefix of T, so an offset stands for it.
type lane struct {
	base uint64 // the offset of kept[0]
	kept []byte // T from base on, with lengths before the messages, as it travels
	read uint64 // where R ends in T
	// start is where the messages begin: behind the header.
	start          uint64
	sent, received int // messages
	// steps are the messages of the protocol that were sent and not yet received.
	steps []int
	// seen is what the buffers were when they were last looked at; they only grow.
	seen progress
}

// progress is how far the two buffers of a lane have come, as offsets.
type progress struct{ acked, next, ready uint64 }

// outgoing is a lane's send buffer: S.
type outgoing struct {
	// acked, next and end are offsets: everything before acked is acknowledged,
	// everything before next was sent at least once, end is where what was written ends.
	acked, next, end uint64
	unacked          []byte // from acked to end
}

// incoming is a lane's receive buffer: B.
type incoming struct {
	// ready is the offset up to which everything has arrived, read where the
	// messages end that the program has had.
	read, ready uint64
	unread      []byte // from read to ready
}

// end is where T ends.
func (l *lane) end() uint64 { return l.base + uint64(len(l.kept)) }

// from returns T from offset on.
func (l *lane) from(offset uint64) []byte { return l.kept[offset-l.base:] }

// write adds to T, with its length before it.
func (l *lane) write(p []byte) {
	l.kept = binary.AppendUvarint(l.kept, uint64(len(p)))
	l.kept = append(l.kept, p...)
}

// open notes the header that is before all messages. No program receives it.
func (l *lane) open(header []byte) {
	l.write(header)
	l.start = l.end()
	l.read = l.start
}

// send notes that a message was taken to be sent.
func (l *lane) send(message []byte) {
	l.write(message)
	l.sent++
}

// receive notes that a message was received, and compares it with T.
func (l *lane) receive(message []byte) error {
	if l.read == l.end() {
		return fmt.Errorf("message %d was received and never sent: %s", l.received, excerpt(message))
	}
	rest := l.from(l.read)
	length, prefix := binary.Uvarint(rest)
	want := rest[prefix : prefix+int(length)]
	if !bytes.Equal(message, want) {
		return fmt.Errorf("message %d was received as %s and sent as %s", l.received, excerpt(message), excerpt(want))
	}
	l.read += uint64(prefix) + length
	l.received++
	return nil
}

// check compares the buffers with T and R. in is zero where the receiving end knows
// nothing of the session yet.
func (l *lane) check(out outgoing, in incoming) error {
	now := progress{out.acked, out.next, in.ready}
	read := max(in.read, l.start) // the header is taken off before the program hears of the session
	if in.ready < l.start {
		read = l.read // it has not all arrived, so nothing else was read
	}
	switch {
	case out.end != l.end():
		return fmt.Errorf("the send buffer ends at %d, and what was sent at %d", out.end, l.end())
	case out.acked > out.next || out.next > out.end:
		return fmt.Errorf("the send buffer is out of order: acknowledged %d, sent %d, written %d", out.acked, out.next, out.end)
	case out.acked > in.ready:
		return fmt.Errorf("%d bytes are acknowledged, and %d have arrived", out.acked, in.ready)
	case in.ready > out.next:
		return fmt.Errorf("%d bytes have arrived, and %d were sent", in.ready, out.next)
	case read != l.read:
		return fmt.Errorf("the receive buffer begins at %d, and what was received ends at %d", in.read, l.read)
	case now.acked < l.seen.acked || now.next < l.seen.next || now.ready < l.seen.ready:
		return fmt.Errorf("the buffers went back: %+v after %+v", now, l.seen)
	case !bytes.Equal(out.unacked, l.from(out.acked)):
		return fmt.Errorf("the send buffer holds something else than was sent from %d on", out.acked)
	case in.ready > read && !bytes.Equal(in.unread[read-in.read:], l.from(read)[:in.ready-read]):
		return fmt.Errorf("the receive buffer holds something else than was sent from %d to %d", read, in.ready)
	}
	l.seen = now
	l.trim(min(l.read, out.acked))
	return nil
}

// trim forgets what lies before offset, when that is most of what is kept.
func (l *lane) trim(offset uint64) {
	if n := int(offset - l.base); n > len(l.kept)/2 {
		l.kept = append(l.kept[:0], l.kept[n:]...)
		l.base = offset
	}
}

// complete reports whether everything that was sent has been received.
func (l *lane) complete() bool { return l.read == l.end() }

// newHistory begins the history of a session that was opened.
func (n *Net) newHistory(p *peer, id conn.StreamID, protocol *session.Protocol, header []byte) *history {
	n.trace.Sessions++
	h := &history{number: uint64(n.trace.Sessions), protocol: protocol, header: header}
	h.lanes[0].open(header)
	p.histories[id] = h
	return h
}

// historyAt returns the history of a session that has come to a listening end.
func (n *Net) historyAt(p *peer, id conn.StreamID, protocol *session.Protocol, header []byte) *history {
	var h *history
	if p.partner != nil {
		h = p.partner.histories[id]
	}
	switch {
	case h == nil:
		n.trace.Sessions++
		return &history{number: uint64(n.trace.Sessions), protocol: protocol, lone: true}
	case h.ends[1] != nil:
		n.fail("%s was accepted a second time", h.ends[1])
	case !bytes.Equal(h.header, header):
		n.fail("%s was opened with the header %x and accepted with %x", h.ends[0], h.header, header)
	}
	return h
}

// excerpt shows a message, or how it begins.
func excerpt(message []byte) string {
	const most = 32
	if len(message) <= most {
		return fmt.Sprintf("%q", message)
	}
	return fmt.Sprintf("%q… (%d bytes)", slices.Clip(message[:most]), len(message))
}
