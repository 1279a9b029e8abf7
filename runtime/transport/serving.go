package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/registry"
	"github.com/sessgen/sessgen/runtime/internal/udp"
	"github.com/sessgen/sessgen/runtime/session"
)

// serving is one Serve in progress.
type serving struct {
	served *registry.Registry[handler]
	ln     *Listener
	group  *group
	values context.Context // parent of the handlers' contexts; it does not end

	// drain: no new sessions, those in progress may finish. force: nor may they. done: nothing is left.
	drain, force, done chan struct{}
	draining, forcing  sync.Once
}

// wait waits until good is closed, or for what ends the serving first; it returns nil after a Shutdown.
func (sv *serving) wait(ctx context.Context, good <-chan struct{}) error {
	select {
	case <-good:
		return nil
	case <-sv.force:
		return nil
	case <-sv.ln.closed:
		return fmt.Errorf("transport: listener %v: %w", sv.ln.Addr(), net.ErrClosed)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// closeLinks closes every connection once its sessions have finished. It returns a channel that is closed when
// none is left.
func (sv *serving) closeLinks() <-chan struct{} {
	links, emptied := sv.group.table.refuse()
	for _, l := range links {
		l.close()
	}
	return emptied
}

// stop aborts the remaining connections because of err, and returns when nothing is left.
func (sv *serving) stop(err error) {
	links, emptied := sv.group.table.refuse()
	for _, l := range links {
		l.abort(err, session.Abort{Code: AbortStopped, Reason: "the server stopped"})
	}
	<-emptied
	sv.group.stop()
	sv.group.running.Wait()
	sv.group.lent.Wait()
	_ = sv.ln.Close()
	for _, s := range sv.group.shards {
		s.handlers.wait()
	}
}

// accept makes the listening end of a connection whose cookie came back, to an address of this system if that is known; it returns nil if no
// more are accepted.
func (s *shard) accept(at mono.Time, accepted endpoint.Accepted, local netip.Addr) *link {
	if s.serving == nil {
		return nil
	}
	config, to := s.serving.ln.config, s.of(accepted.ServerID)
	to.suit(&config.conn)
	config.conn.Local = local
	if config.conn.HandshakeTimeout == 0 {
		config.conn.HandshakeTimeout = endpoint.HalfOpenLife
	}
	machine := conn.NewServer(at, config.conn, accepted)
	l := newLink(to, accepted.ServerID, accepted.From, machine)
	l.tls, l.secure = config.tls, config.tls != nil
	l.values = peerContext{s.serving.values, l}
	if !s.table.add(l) {
		s.refuse(at, machine)
		return nil
	}
	l.startTrace(&config, accepted.ClientID, false)
	return l
}

// refuse tells a dialing end that no more connections are accepted.
func (s *shard) refuse(at mono.Time, machine *conn.Conn) {
	machine.Close(at)
	if datagram, on, ok := machine.PollTransmit(at, s.replies.Next()); ok {
		s.replies.Add(udp.Datagram{Addr: on.Peer, Local: on.Local, Data: datagram})
	}
}

// find returns what serves the protocol that header asks for, and the note in it, or else how its session must
// be aborted.
func (sv *serving) find(known *registry.Accepted[handler], header []byte) (handler, []byte, session.Abort) {
	select {
	case <-sv.drain:
		return nil, nil, session.Abort{Code: session.AbortRefused}
	default:
	}
	serve, note, refusal, found := known.Find(sv.served, header)
	if !found {
		return nil, nil, session.Abort{Code: session.AbortMismatch, Reason: refusal}
	}
	return serve, note, session.Abort{}
}

// run lets serve run a session.
func (sv *serving) run(serve handler, s *stream) {
	s.link.shard.handlers.add(job{serve, s})
}

// release tells the machine that nothing runs for the session any more.
func (s *stream) release() {
	if !s.released {
		l := s.link
		l.mu.Lock()
		l.machine.Release(now(), s.id)
		// Nothing is written here: what the session said last is on its way, or is the pump's to pack with that of others.
		if l.machine.Pressing() {
			l.wantWrite()
		}
		l.unlockSame()
	}
	s.leave()
}
