package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Lane is one direction of a session, as the programs at its two ends see it. T is what the one
// sent and R what the other received. R is a prefix of T, so an offset into the bytes of T
// stands for it. The buffers S of the sending machine and B of the receiving one
// are compared with both: R, B and S together are T, in order, and S and B may overlap.
//
//	        R           B
//	├───────────────┼────────┤
//	0 … Read      read     ready
//	                  ├──────────────┼──────────┤
//	                acked    S      next       end
type Lane struct {
	base uint64 // the offset of kept[0]
	kept []byte // T from base on, with lengths before the messages, as it travels
	read uint64 // where R ends in T
	// start is where the messages begin: behind the header.
	start uint64
	seen  progress
	// Sent and Received count messages.
	Sent, Received int
}

// progress is how far the two buffers of a lane have come, as offsets. They only grow.
type progress struct{ acked, next, ready uint64 }

// Outgoing is S, a lane's send buffer.
type Outgoing struct {
	// Acked, Next and End are offsets: everything before Acked is acknowledged,
	// everything before Next was sent at least once, End is where what was written ends.
	Acked, Next, End uint64
	// Unacked is what lies between Acked and End; nil if it is not to be compared.
	Unacked []byte
}

// Incoming is B, a lane's receive buffer. It is zero where the receiving end knows nothing of the session yet.
type Incoming struct {
	// Ready is the offset up to which everything has arrived, Read where the
	// messages end that the program has had.
	Read, Ready uint64
	// Unread is what lies between Read and Ready; nil if it is not to be compared.
	Unread []byte
}

// End is where T ends.
func (l *Lane) End() uint64 { return l.base + uint64(len(l.kept)) }

// from returns T from offset on.
func (l *Lane) from(offset uint64) []byte { return l.kept[offset-l.base:] }

// write adds to T, with its length before it.
func (l *Lane) write(p []byte) {
	l.kept = binary.AppendUvarint(l.kept, uint64(len(p)))
	l.kept = append(l.kept, p...)
}

// Open notes the header that is before all messages. No program receives it.
func (l *Lane) Open(header []byte) {
	l.write(header)
	l.start = l.End()
	l.read = l.start
}

// Send notes that a message was taken to be sent.
func (l *Lane) Send(message []byte) {
	l.write(message)
	l.Sent++
}

// Receive notes that a message was received, and compares it with T.
func (l *Lane) Receive(message []byte) error {
	if l.read == l.End() {
		return fmt.Errorf("message %d was received and never sent: %s", l.Received, excerpt(message))
	}
	rest := l.from(l.read)
	length, prefix := binary.Uvarint(rest)
	want := rest[prefix : prefix+int(length)]
	if !bytes.Equal(message, want) {
		return fmt.Errorf("message %d was received as %s and sent as %s", l.Received, excerpt(message), excerpt(want))
	}
	l.read += uint64(prefix) + length
	l.Received++
	return nil
}

// Carried compares what a packet carries with T. What both ends are past is not compared any more.
func (l *Lane) Carried(offset uint64, data []byte, fin bool) error {
	end := offset + uint64(len(data))
	switch {
	case end > l.End():
		return fmt.Errorf("a packet carries bytes up to %d, and what was sent ends at %d", end, l.End())
	case fin && end != l.End():
		return fmt.Errorf("a packet says that the stream ends at %d, and it ends at %d", end, l.End())
	case offset >= l.base && !bytes.Equal(data, l.from(offset)[:len(data)]):
		return fmt.Errorf("a packet carries something else than was sent from %d to %d", offset, end)
	}
	return nil
}

// Check compares the buffers with T and R.
func (l *Lane) Check(out Outgoing, in Incoming) error {
	now := progress{out.Acked, out.Next, in.Ready}
	read := max(in.Read, l.start) // the header is taken off before the program hears of the session
	if in.Ready < l.start {
		read = l.read // it has not all arrived, so nothing else was read
	}
	switch {
	case out.End != l.End():
		return fmt.Errorf("the send buffer ends at %d, and what was sent at %d", out.End, l.End())
	case out.Acked > out.Next || out.Next > out.End:
		return fmt.Errorf("the send buffer is out of order: acknowledged %d, sent %d, written %d", out.Acked, out.Next, out.End)
	case out.Acked > in.Ready:
		return fmt.Errorf("%d bytes are acknowledged, and %d have arrived", out.Acked, in.Ready)
	case in.Ready > out.Next:
		return fmt.Errorf("%d bytes have arrived, and %d were sent", in.Ready, out.Next)
	case read != l.read:
		return fmt.Errorf("the receive buffer begins at %d, and what was received ends at %d", in.Read, l.read)
	case now.acked < l.seen.acked || now.next < l.seen.next || now.ready < l.seen.ready:
		return fmt.Errorf("the buffers went back: %+v after %+v", now, l.seen)
	case out.Unacked != nil && !bytes.Equal(out.Unacked, l.from(out.Acked)):
		return fmt.Errorf("the send buffer holds something else than was sent from %d on", out.Acked)
	case in.Unread != nil && in.Ready > read && !bytes.Equal(in.Unread[read-in.Read:], l.from(read)[:in.Ready-read]):
		return fmt.Errorf("the receive buffer holds something else than was sent from %d to %d", read, in.Ready)
	}
	l.seen = now
	l.trim(min(l.read, out.Acked))
	return nil
}

// trim forgets what lies before offset, when that is most of what is kept.
func (l *Lane) trim(offset uint64) {
	if n := int(offset - l.base); n > len(l.kept)/2 {
		l.kept = append(l.kept[:0], l.kept[n:]...)
		l.base = offset
	}
}

// Complete reports whether everything that was sent has been received: R = T.
func (l *Lane) Complete() bool { return l.read == l.End() }

// excerpt shows a message, or how it begins.
func excerpt(message []byte) string {
	const most = 32
	if len(message) <= most {
		return fmt.Sprintf("%q", message)
	}
	return fmt.Sprintf("%q… (%d bytes)", message[:most], len(message))
}
