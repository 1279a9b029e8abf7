package conn

import (
	"fmt"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
)

// View is a picture of one stream's two buffers, for comparison with what was sent and received.
type View struct {
	// The outgoing direction: all before Acked is acknowledged, all before Next was sent at least once, End is
	// where what was written ends. Unacked is what lies between Acked and End.
	Acked, Next, End uint64
	Unacked          []byte
	// The incoming direction: all before Ready has arrived, Read is where the messages end that
	// Recv has returned. Unread is what lies between Read and Ready.
	Read, Ready uint64
	Unread      []byte
	copied      []byte // where Unacked is made, again and again
}

// View fills v with what the stream's buffers hold; known is false for a stream
// that is gone, was aborted, or never was. Without content, Unacked and Unread are nil. They are valid until the next
// input, command, or View into v.
func (c *Conn) View(id StreamID, v *View, content bool) (known bool) {
	s := c.find(id)
	if s == nil || s.aborted != nil {
		return false
	}
	out, in := &s.send.outgoing, &s.recv
	*v = View{Acked: out.acked, Next: out.next, End: out.end, Read: in.read, Ready: in.Ready(), copied: v.copied}
	if !content {
		return true
	}
	if n := out.buffered(); cap(v.copied) < n {
		v.copied = make([]byte, 2*n)
	}
	v.Unacked = v.copied[:out.buffered()]
	out.copyTo(v.Unacked, out.acked)
	if v.Read < v.Ready {
		v.Unread = in.Peek(v.Read, v.Ready)
	}
	return true
}

// CheckInvariants returns what is wrong inside the machine, nil if nothing is. It takes time proportional to
// all streams, and is for tests and simulations.
func (c *Conn) CheckInvariants() error {
	if c.rested != nil {
		return c.image().CheckInvariants()
	}
	buffered, kept, held, reserved, grown := 0, 0, 0, uint64(0), uint64(0)
	if wrong := c.checkIDs(); wrong != "" {
		return fmt.Errorf("%s", wrong)
	}
	streams := 0
	for s := c.lists[byAge].first; s != nil; s = c.lists[byAge].next(s) {
		streams++
		buffered += s.send.buffered()
		kept += s.send.beyond()
		held += s.send.held
		reserved += s.recv.claim.Size()
		grown += s.recv.window.Grown()
		if err := c.checkStream(s); err != nil {
			return fmt.Errorf("stream %d: %w", s.id, err)
		}
	}
	switch {
	case streams != c.streams.Len() || streams != c.lists[byAge].n:
		return fmt.Errorf("%d streams in a row, %d in the table", streams, c.streams.Len())
	case buffered != c.buffered:
		return fmt.Errorf("%d bytes are kept to be sent, and %d are counted", buffered, c.buffered)
	case kept != c.kept:
		return fmt.Errorf("%d bytes are kept beyond the floors, and %d are counted", kept, c.kept)
	case held != c.held:
		return fmt.Errorf("%d bytes of headers are held back, and %d are counted", held, c.held)
	case grown+c.surplus != uint64(c.config.surplus()):
		return fmt.Errorf("windows have grown by %d bytes, and %d are left of %d", grown, c.surplus, c.config.surplus())
	case reserved+c.pool.Free()+uint64(c.config.surplus()) != uint64(c.config.Pool):
		return fmt.Errorf("the pool has %d bytes free and %d taken of %d", c.pool.Free(), reserved, c.config.Pool)
	case !c.client && !c.over() && uint64(streams) > uint64(c.config.MaxStreams):
		return fmt.Errorf("%d streams are open of %d that were allowed", streams, c.config.MaxStreams)
	case c.phase == connected && c.loss.BytesInFlight() == 0 && c.loss.Outstanding(handshake.Application):
		return fmt.Errorf("packets are in flight without bytes")
	}
	return nil
}

func (c *Conn) checkStream(s *stream) error {
	out, in := &s.send, &s.recv
	switch {
	case c.find(s.id) != s:
		return fmt.Errorf("not in the table")
	case s.aborted != nil && c.peerClosed && !c.over():
		return fmt.Errorf("aborted, and waits for a peer that has finished")
	case s.aborted != nil:
		if out.buffered() > 0 || in.Ready() > 0 || in.claim.Active() || s.links[byTurn].in {
			return fmt.Errorf("aborted, and not empty")
		}
		return nil
	case out.acked > out.next || out.next > out.end:
		return fmt.Errorf("acknowledged %d, sent %d, written %d", out.acked, out.next, out.end)
	case out.next > out.limit:
		return fmt.Errorf("sent %d, and the peer allows %d", out.next, out.limit)
	case in.Consumed() > in.read || in.read > in.parsed || in.parsed > in.Ready():
		return fmt.Errorf("consumed %d, read %d, parsed %d, arrived %d", in.Consumed(), in.read, in.parsed, in.Ready())
	case c.phase == connected && !c.loss.Outstanding(handshake.Application) && out.next-out.acked != out.arrived.Size()+out.lost.Size():
		return fmt.Errorf("sent up to %d of which %d are acknowledged: nothing is in flight, and %d are to be sent again",
			out.next, out.acked+out.arrived.Size(), out.lost.Size())
	case c.shared != nil && in.borrowed < in.window.Beyond(in.Highest()):
		return fmt.Errorf("%d bytes are borrowed, and %d have arrived beyond floor and reservation", in.borrowed, in.window.Beyond(in.Highest()))
	case !in.window.Allows(in.Ready()):
		return fmt.Errorf("%d bytes arrived, more than were allowed", in.Ready())
	case !out.quiet() && !s.links[byTurn].in && !c.over():
		return fmt.Errorf("it has something to send, and gets no turn")
	case (in.window.Due() || in.limitDue || in.readDue || s.abortDue) && !s.links[byControl].in:
		return fmt.Errorf("it owes the peer a frame, and is not in the list")
	}
	return nil
}
