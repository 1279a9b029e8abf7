package conn

import (
	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// stream is one end of one stream. Its bytes, each way, are
//
//	header  messages …  FIN
//
// each header and message with its length before it. The header goes from the
// dialing end only; the other direction has messages only.
type stream struct {
	links [orders]link
	send  sending
	recv  receiving
	standing
}

// standing is what begins anew where the record of a stream is used again, as sendState and recvState do.
type standing struct {
	id StreamID
	// accepted: the application knows of it. At the dialing end it opened it itself.
	accepted bool
	// served: it was accepted, and its handler has not returned.
	served bool
	// confirm: it is a channel's stream, whose ends tell each other when they have read everything; see
	// Confirm.
	confirm bool
	// patient: the peer's FIN need not be acknowledged at once; see Patient.
	patient bool
	// aborted is why it ended early at this end. Its record stays until the peer knows.
	aborted  *AbortError
	abortDue bool
}

// sending is a stream's outgoing direction.
type sending struct {
	outgoing
	sendState
}

type sendState struct {
	// limit is the offset up to which the peer allows sending.
	limit uint64
	// held is how many bytes wait for the first message to travel with: the header.
	held int
	// deficit is what the stream may still send in its turn, in bytes.
	deficit int
	// wanted is the length of the message that Send refused. refused: for lack of room on the stream. called:
	// it waited for room on the connection, and its turn has come.
	wanted          int
	refused, called bool
	// fin: nothing more will be written. It travels with the last byte.
	fin                        bool
	finSent, finLost, finAcked bool
	// read: the peer's application has read everything, as FIN_READ says.
	read bool
	// pace is that of acked, since something is kept beyond the floor.
	pace pace
}

// quiet reports whether nothing can be sent now.
func (s *sending) quiet() bool {
	if s.held > 0 {
		return true
	}
	return s.blank(s.limit) && !s.finReady()
}

// finReady reports whether the FIN is to be sent, and everything before it was.
func (s *sending) finReady() bool {
	return s.fin && s.next == s.end && (!s.finSent || s.finLost)
}

// done reports whether the peer has everything, and knows that it is everything.
func (s *sending) done() bool { return s.finAcked && s.acked == s.end }

// receiving is a stream's incoming direction.
//
//	0 … consumed … read … parsed … ready
type receiving struct {
	flow.Assembler
	window flow.Window
	claim  flow.Reservation
	// arrivals is when messages became whole.
	arrivals arrivals
	recvState
}

type recvState struct {
	// claimEnd is the end of the message that claim is for.
	claimEnd uint64
	// openedAt is when the first bytes of the stream arrived, before the header was whole.
	openedAt mono.Time
	// borrowed is what it has of the shared stock for what the window has grown by; nothing of it need be after a rest.
	borrowed uint64
	// pace is that of what has come, and what was read, since a message was reserved.
	pace pace
	// read is where the next message begins that Recv has not returned, parsed where the first one begins that is not whole.
	read, parsed uint64
	// header: the stream's header is still to come.
	header bool
	// limitDue: the peer is to be told the limit again.
	limitDue bool
	// readSaid: the application has read everything, and the peer is told or is to be told (readDue). readAcked: it knows.
	readSaid, readDue, readAcked bool
	// wanting: Recv returned ErrBlocked, and no event has followed yet.
	wanting bool
}

// done reports whether the application has had everything.
func (r *receiving) done() bool { return r.Complete() && r.read == r.Ready() }

// arrivals tells when messages became whole: all up to end by the time at.
type arrivals struct {
	marks []arrival
	first int
}

type arrival struct {
	end uint64
	at  mono.Time
}

// maxArrivals bounds how many times are kept apart. To a reader that is further behind, later messages seem to
// have arrived together with the last one that is kept apart.
const maxArrivals = 64

func (a *arrivals) add(end uint64, now mono.Time) {
	if n := len(a.marks); n > a.first && (a.marks[n-1].at == now || n-a.first == maxArrivals) {
		a.marks[n-1].end = end
		return
	}
	if a.first > 0 && len(a.marks) == cap(a.marks) {
		a.marks = a.marks[:copy(a.marks, a.marks[a.first:])]
		a.first = 0
	}
	a.marks = append(a.marks, arrival{end, now})
}

// clear forgets them all.
func (a *arrivals) clear() { a.marks, a.first = a.marks[:0], 0 }

// of returns when the message with this end became whole, and forgets those before.
func (a *arrivals) of(end uint64) mono.Time {
	for a.marks[a.first].end < end {
		a.first++
	}
	at := a.marks[a.first].at
	if a.marks[a.first].end == end {
		if a.first++; a.first == len(a.marks) {
			a.marks, a.first = a.marks[:0], 0
		}
	}
	return at
}

// Patient says of an open stream that the peer's program does not wait until its FIN is acknowledged, so the
// acknowledgement may travel with what is sent next.
func (c *Conn) Patient(id StreamID) {
	if s := c.find(id); s != nil {
		s.patient = true
	}
}

// newStream makes the record of a stream.
func (c *Conn) newStream(id StreamID) *stream {
	var s *stream
	if n := len(c.spare); n > 0 {
		s, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		s = new(stream)
	}
	s.id = id
	s.send.limit = c.peer.floor
	s.recv.window = flow.NewWindow()
	s.recv.claim.Owner = uint64(id)
	s.recv.header = !c.client
	c.streams.Put(uint64(id), s)
	c.lists[byAge].push(s)
	return s
}

// dropStream forgets a stream that has ended.
func (c *Conn) dropStream(s *stream) {
	c.emptyStream(s)
	for i := range c.lists {
		c.lists[i].remove(s)
	}
	c.streams.Delete(uint64(s.id))
	if !c.client && !s.served {
		c.peerStreams.End()
	}
	// What holds memory has been emptied, and is used again.
	s.standing, s.send.sendState, s.recv.recvState, s.recv.claim = standing{}, sendState{}, recvState{}, flow.Reservation{}
	s.recv.arrivals.clear()
	if len(c.spare) < spareStreams {
		c.spare = append(c.spare, s)
	}
}

// Release says that nothing runs any more for the stream of an EventAccepted; it must be called once for each.
// Until then the peer may not open another stream in its place, whatever became of this one: a peer that opens
// streams and aborts them at once starts no more programs than it may have streams.
func (c *Conn) Release(now mono.Time, id StreamID) {
	c.rouse(now)
	if s := c.find(id); s != nil {
		s.served = false
		return
	}
	c.peerStreams.End()
	c.pressing = c.pressing || c.peerStreams.Due()
}

// spareStreams is how many records of streams are kept for the next ones.
const spareStreams = 256

// emptyStream gives a stream's memory back.
func (c *Conn) emptyStream(s *stream) {
	c.buffered -= s.send.buffered()
	c.kept -= s.send.beyond()
	c.unhold(s)
	s.send.free(&c.chunks)
	s.recv.Free(&c.buffers)
	c.pool.Release(&s.recv.claim)
	c.surplus += s.recv.window.Grown()
	c.giveBack(s)
	s.recv.window = flow.Window{}
	c.granted(0)
}

// finishIfDone ends a stream when both directions have, R = T both ways, and reports whether they have.
func (c *Conn) finishIfDone(s *stream) bool {
	if s.aborted != nil || !s.accepted {
		return false
	}
	if s.confirm && s.recv.done() && !s.recv.readSaid {
		s.recv.readSaid, s.recv.readDue = true, true
		c.pressing = true
		c.lists[byControl].push(s)
	}
	if !s.send.done() || !s.recv.done() || s.confirm && !(s.send.read && s.recv.readAcked) {
		return false
	}
	c.events.push(Event{Kind: EventFinished, Stream: s.id})
	c.dropStream(s)
	return true
}
