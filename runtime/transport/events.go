package transport

import (
	"bytes"
	"errors"
	"log/slog"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/session"
)

// settle does what the machine's events ask for. l.mu is held.
func (l *link) settle() {
	for {
		e, ok := l.machine.PollEvent()
		if !ok {
			return
		}
		switch e.Kind {
		case conn.EventStart, conn.EventHandshake, conn.EventHandshakeOver:
			l.shake(e)
		case conn.EventConnected:
			l.up = true
			if token, ok := l.machine.ResetToken(); ok {
				l.shard.table.addReset(token, l)
			}
			l.logUp()
			if l.trace != nil {
				l.trace.Connected(now())
			}
			signalAll(l.waiters)
			if l.shard.serving != nil {
				l.shard.refusals.completed.Add(1)
				l.machine.OfferToken(now(), l.shard.table.established(now(), l))
				l.wantWrite()
			}
		case conn.EventMoved:
			l.journal().log(slog.LevelDebug, "moved", slog.String("peer", l.peer.String()), slog.String("to", e.Addr.String()))
			l.peer = e.Addr
		case conn.EventIDWanted:
			id, token := l.shard.table.issue(l)
			l.machine.OfferID(now(), id, token)
		case conn.EventIDRetired:
			l.shard.table.retire(e.ID)
		case conn.EventResetToken:
			token, _ := l.machine.ResetToken()
			l.shard.table.moveReset([packet.TokenLen]byte(e.Data), token, l)
		case conn.EventToken:
			tokens.put(tokenKey{l.peer, l.version()}, addressToken{
				bytes: bytes.Clone(e.Data), got: now(), rtt: l.machine.Stats().SmoothedRTT,
			})
		case conn.EventAccepted:
			l.accept(e.Stream, e.Data)
		case conn.EventStreams:
			if len(l.openers) > 0 {
				l.openers[0].signal()
			}
		case conn.EventClosed:
			l.end(e.Err)
		default:
			if s := l.streams.Get(uint64(e.Stream)); s != nil {
				s.event(e)
			}
		}
	}
}

// event does what an event of the stream asks for. l.mu is held.
func (s *stream) event(e conn.Event) {
	switch e.Kind {
	case conn.EventReadable:
		if s.expecting {
			s.link.answering++
			if s.fetch(); s.link.machine.Gone(s.id) {
				return // EventFinished follows, which is a signal too
			}
		}
		s.recv.signal()
		if s.both {
			s.send.signal()
		}
	case conn.EventWritable:
		s.send.signal()
	case conn.EventFinished:
		s.end(errFinished)
	case conn.EventAborted:
		var aborted *conn.AbortError
		if errors.As(e.Err, &aborted) {
			s.end(&session.AbortError{
				Abort:  session.Abort{Code: session.AbortCode(aborted.Code), Reason: aborted.Reason},
				Remote: aborted.Remote,
			})
		}
	}
}

// accept begins a session that the peer opened. l.mu is held.
func (l *link) accept(id conn.StreamID, header []byte) {
	serve, note, refusal := l.shard.serving.find(&l.accepted, header)
	if serve == nil {
		l.machine.AbortStream(now(), id, uint64(refusal.Code), refusal.Reason)
		l.machine.Release(now(), id)
		l.wantWrite()
		return
	}
	l.answering++
	s := newStream(l, id, servedUsers)
	s.ctx = &sessionContext{values: l.values}
	if len(note) > 0 {
		s.note = bytes.Clone(note)
	}
	l.shard.serving.run(serve, s)
}

// end is what EventClosed asks for. l.mu is held.
func (l *link) end(cause error) {
	l.over, l.err = true, errorOf(cause, l.peer, l.aborted)
	if failed, why := (*HandshakeError)(nil), l.refused.Load(); why != nil && errors.As(l.err, &failed) && failed.Err == nil {
		failed.Err = *why
	}
	for _, s := range l.streams.All() {
		s.end(l.ended())
	}
	signalAll(l.waiters)
	signalAll(l.openers)
	l.unshake()
	if !l.up && l.shard.serving != nil {
		l.shard.refusals.count(cause, l.evicted.Load())
	}
	l.logEnd()
	l.shard.pump.add(l) // writes the last datagram, then removes the link
}

// ended is what calls return once the connection is over.
func (l *link) ended() error {
	if l.err == nil {
		return closedError{}
	}
	return l.err
}

// remove makes the shard forget a link that is over and has said all. l.mu is held.
func (l *link) remove() {
	if l.removed {
		return
	}
	l.removed = true
	l.endTrace()
	l.budget(conn.Outgoing).forget(l)
	l.budget(conn.Incoming).forget(l)
	at := now()
	tombstone, until := l.machine.Tombstone(at)
	l.shard.timers.remove(l)
	if token, ok := l.machine.ResetToken(); ok {
		l.shard.table.removeReset(token)
	}
	l.shard.table.remove(l, at, until, tombstone, l.machine.Stats())
	switch {
	case l.own:
		l.shard.stop()
	case l.shard.serving == nil:
		dialers.release(l.shard) // the last one's tombstone goes with the socket: see Conn.Close
	}
	signalAll(l.waiters)
}
