package transport

import (
	"context"
	"fmt"
	"net"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/session"
)

// Conn is the dialing end of a connection, on which generated code opens any number of concurrent sessions. It
// is safe for concurrent use.
type Conn struct{ link *link }

var _ session.Conn = (*Conn)(nil)

// OpenStream implements session.Conn; generated code calls it. It waits, until ctx ends, only while as many
// sessions are open as the peer allows.
func (c *Conn) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, err := c.link.open(ctx, p, note)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// OpenSend is OpenStream followed, if neither has to wait, by the Send of message, the only one of the stream;
// it is for package rpc. sent reports whether the message was sent. Nobody at the peer waits until its answer
// has been acknowledged: see stream.Patient.
func (c *Conn) OpenSend(ctx context.Context, p *session.Protocol, note, message []byte) (opened session.Stream, sent bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	l := c.link
	l.mu.Lock()
	if len(l.openers) > 0 {
		l.unlockSame()
		opened, err = c.OpenStream(ctx, p, note)
		return opened, false, err
	}
	idle, at := l.machine.Idle(), now()
	s, err := l.tryOpen(at, p, note, false)
	switch err {
	case nil:
	case conn.ErrBlocked:
		l.unlockSame()
		opened, err = c.OpenStream(ctx, p, note)
		return opened, false, err
	default:
		l.unlockSame()
		return nil, false, err
	}
	l.machine.Patient(s.id)
	sent = l.machine.Send(at, s.id, message, true) == nil
	if sent {
		s.asked, s.expecting = true, !l.machine.Readable(at, s.id)
	}
	l.ask(idle)
	return s, sent, nil
}

// Silent reports, for package rpc, whether the peer leaves unanswered what is sent to it: nothing has come for three
// probe timeouts. It may yet; if not, the connection will end after the death timeout.
func (c *Conn) Silent() bool {
	l := c.link
	l.mu.Lock()
	defer l.unlockSame()
	return !l.over && l.machine.Unanswered(now())
}

// ask is push for a caller that waits for the answer next, and so writes at once what a Recv would write.
func (l *link) ask(idle bool) {
	if (idle || l.streams.Len() < crowd) && !l.shard.pump.isAttended() {
		l.transmit()
		return
	}
	l.wantWrite()
	l.unlockSame()
}

// open opens a stream. Callers that have to wait are served in turn.
func (l *link) open(ctx context.Context, p *session.Protocol, note []byte) (*stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	idle := l.machine.Idle()
	eager := !p.DialerSendsFirst()
	s, err := (*stream)(nil), conn.ErrBlocked
	if len(l.openers) == 0 {
		s, err = l.tryOpen(now(), p, note, eager)
	}
	if err == conn.ErrBlocked {
		waited := l.await(ctx, &l.openers, func(w *waiter) bool {
			if l.openers[0] == w || l.over {
				s, err = l.tryOpen(now(), p, note, eager)
			}
			return err != conn.ErrBlocked
		})
		if waited != nil {
			err = fmt.Errorf("transport: %v: waiting for a session to end, since the peer allows no more at once: %w", l.peer, waited)
		}
	}
	if err == nil && eager {
		l.push(idle)
	} else {
		l.unlockSame()
	}
	return s, err
}

// tryOpen opens a stream now, whose header travels at once if it is eager, or returns conn.ErrBlocked. l.mu is held.
func (l *link) tryOpen(at mono.Time, p *session.Protocol, note []byte, eager bool) (*stream, error) {
	if l.over {
		return nil, l.ended()
	}
	spoken, err := l.dialed.Of(p, p.Name, string(p.Fingerprint))
	if err != nil {
		return nil, err
	}
	l.header, err = spoken.Append(l.header[:0], note)
	if err != nil {
		return nil, err
	}
	id, err := l.machine.OpenStream(at, l.header, eager)
	switch err {
	case conn.ErrClosing:
		return nil, closedError{}
	case conn.ErrGoingAway:
		return nil, &session.AbortError{Abort: session.Abort{Code: session.AbortRefused}, Remote: true}
	}
	if err != nil {
		return nil, err
	}
	s := newStream(l, id, dialedUsers)
	s.spoken = spoken
	return s, nil
}

// Close ends the connection once its sessions have finished. It returns nil if all of them finished and
// everything has arrived. Once Close has been called, no new session can be opened. If ctx ends first, whatever
// is still in progress is aborted, and ctx's error is returned. If the connection had already ended, Close
// returns the error that ended it.
//
// After Close nothing of the connection is left: no goroutine, no timer, and no socket if this was the last
// dialed connection of the process. Only for what the program itself does for it, as what writes its trace and log lines and the
// callbacks of a tls.Config do, Close waits no longer than ctx lets it. Whatever the peer still asks then goes unanswered, so a peer that an Abort
// did not reach finds out by its own timeout.
func (c *Conn) Close(ctx context.Context) error {
	c.link.close()
	err := c.link.awaitRemoved(ctx)
	if err != nil {
		c.link.abort(err, session.Abort{Code: session.AbortCanceled})
		_ = c.link.awaitRemoved(context.Background()) // the last datagram is written, no answer awaited
	}
	c.link.awaitLeft(ctx)
	if err != nil {
		return err
	}
	return c.link.err
}

// Abort ends the connection and all its sessions at once, at both ends. The peer receives text only if err is a
// session.Reason. Abort is idempotent, does nothing after the end, and does not block.
func (c *Conn) Abort(err error) {
	c.link.abort(err, session.AbortFor(err))
}

// LocalAddr returns the local address of the socket, a *net.UDPAddr. All connections that a process dials share
// a socket, which is not bound to a particular interface.
func (c *Conn) LocalAddr() net.Addr { return c.link.localAddr() }

// RemoteAddr returns the peer's address, a *net.UDPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.link.remoteAddr() }

func (l *link) localAddr() net.Addr  { return net.UDPAddrFromAddrPort(l.shard.sock.LocalAddr()) }
func (l *link) remoteAddr() net.Addr { return net.UDPAddrFromAddrPort(l.who().Addr) }

// Stats returns a snapshot of the connection. Once the connection has ended, the snapshot no longer changes.
func (c *Conn) Stats() Stats {
	c.link.mu.Lock()
	defer c.link.unlock()
	return statsOf(c.link.machine.Stats())
}

// awaitLeft waits, once the shard has forgotten the link, until nothing of it is left: for what the program does for it, until ctx ends.
func (l *link) awaitLeft(ctx context.Context) {
	if l.trace != nil {
		select {
		case <-l.trace.Written():
		case <-ctx.Done():
		}
	}
	l.shard.awaitStopped(ctx)
}

// awaitRemoved waits until the shard has forgotten the link.
func (l *link) awaitRemoved(ctx context.Context) error {
	l.mu.Lock()
	defer l.unlock()
	return l.await(ctx, &l.waiters, func(*waiter) bool { return l.removed })
}
