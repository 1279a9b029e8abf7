package simnet

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/registry"
	"github.com/sessgen/sessgen/runtime/session"
)

// peer is one end of a connection, and what waits for it. The loop owns it.
type peer struct {
	index  int // in Net.peers
	host   *host
	far    *host
	id     endpoint.ID
	dials  bool
	core   *conn.Conn
	driver handshake.Driver

	dirty   bool      // something may be to send, and to check
	timeout mono.Time // of core, when it was last asked
	gone    bool      // the core's last event was seen
	removed bool      // and its last datagram sent
	err     error     // why it is gone, nil for a Close that drained
	aborted error     // what this end gave to Abort
	streams map[conn.StreamID]*stream
	order   []*stream // the same, oldest first

	// partner is the other end; at the dialing end, that which its sessions reach.
	partner   *peer
	histories map[conn.StreamID]*history // of sessions that this end has opened

	// What streams speak: at the dialing end, and at the listening end.
	dialed   registry.Dialed[*session.Protocol]
	accepted registry.Accepted[*service]

	dialing *call
	openers []*call
	closers []*call
}

func (p *peer) String() string {
	if p.dials {
		return fmt.Sprintf("the connection of %s to %s", p.host, p.far)
	}
	return fmt.Sprintf("the connection of %s from %s", p.host, p.far)
}

func (n *Net) newPeer(at, far *host, core *conn.Conn) *peer {
	p := &peer{
		index: len(n.peers), host: at, far: far, core: core, dirty: true,
		timeout: mono.Never, streams: map[conn.StreamID]*stream{}, histories: map[conn.StreamID]*history{},
	}
	n.peers = append(n.peers, p)
	return p
}

// hear does what the events of the connection ask for.
func (n *Net) hear(p *peer) {
	for {
		e, ok := p.core.PollEvent()
		if !ok {
			return
		}
		p.dirty = true
		switch e.Kind {
		case conn.EventStart:
			p.driver = n.newDriver(p.dials)
			p.core.HandleHandshake(n.now, p.driver.Start(bytes.Clone(e.Data)))
		case conn.EventHandshake:
			p.core.HandleHandshake(n.now, p.driver.Handle(e.Level, e.Data))
		case conn.EventConnected:
			if !p.dials {
				p.host.site.table.Established(p.id)
			}
			if token, ok := p.core.ResetToken(); ok {
				p.host.site.table.AddReset(token, p)
			}
			if p.partner != nil && !p.dials {
				p.partner.partner = p
			}
			if p.dialing != nil {
				n.answer(p.dialing, nil)
				p.dialing = nil
			}
		case conn.EventAccepted:
			n.accept(p, e.Stream, bytes.Clone(e.Data))
		case conn.EventIDWanted:
			id, token := p.host.site.table.Issue(p, p.id)
			p.core.OfferID(n.now, id, token)
		case conn.EventIDRetired:
			p.host.site.table.Retire(e.ID)
		case conn.EventStreams:
			n.reopen(p)
		case conn.EventClosed:
			n.lose(p, e.Err)
		default:
			if s := p.streams[e.Stream]; s != nil {
				n.streamEvent(s, e)
			}
		}
	}
}

func (n *Net) streamEvent(s *stream, e conn.Event) {
	switch e.Kind {
	case conn.EventReadable:
		n.tryRecv(s)
		n.trySend(s)
	case conn.EventWritable:
		n.trySend(s)
	case conn.EventFinished:
		n.finished(s)
	case conn.EventAborted:
		var a *conn.AbortError
		if errors.As(e.Err, &a) {
			n.end(s, &session.AbortError{
				Abort:  session.Abort{Code: session.AbortCode(a.Code), Reason: a.Reason},
				Remote: a.Remote,
			})
		}
	}
}

// accept begins a session that was opened at the other end.
func (n *Net) accept(p *peer, id conn.StreamID, header []byte) {
	service, note, refusal, found := p.accepted.Find(&p.host.site.serves.served, header)
	if !found {
		p.core.AbortStream(n.now, id, uint64(session.AbortMismatch), refusal)
		p.core.Release(n.now, id)
		return
	}
	s := n.newStream(p, id, n.historyAt(p, id, service.protocol, header), 1)
	s.service, s.note = service, note
	n.started = append(n.started, s)
}

// transmit sends what the connection has to send, and asks when it wants to be called.
func (n *Net) transmit(p *peer) {
	if !p.dirty || p.removed {
		return
	}
	for {
		datagram, on, ok := p.core.PollTransmit(n.now, n.packet[:0])
		if !ok {
			break
		}
		n.wire.send(n.now, p.host, n.byAddr[on.Peer], datagram)
	}
	p.timeout = p.core.NextTimeout()
	if p.gone {
		p.removed, p.timeout = true, mono.Never
		if token, ok := p.core.ResetToken(); ok {
			p.host.site.table.RemoveReset(token)
		}
		tombstone, until := p.core.Tombstone(n.now)
		p.host.site.table.Remove(n.now, p.core.IDs(nil), until, tombstone)
	}
}

// lose ends all that a connection carries, with the reason for its own end.
func (n *Net) lose(p *peer, cause error) {
	p.gone = true
	p.err = lost(p, cause)
	for _, s := range p.open() {
		n.end(s, p.ended())
	}
	if p.dialing != nil {
		n.answer(p.dialing, p.ended())
		p.dialing = nil
	}
	for _, c := range p.openers {
		n.answer(c, p.ended())
	}
	for _, c := range p.closers {
		n.answer(c, p.err)
	}
	p.openers, p.closers = nil, nil
}

// open returns the streams that are not over, the oldest first.
func (p *peer) open() []*stream { return slices.Clone(p.order) }

// forget lets go of a stream that is over.
func (p *peer) forget(s *stream) {
	delete(p.streams, s.id)
	p.order = slices.DeleteFunc(p.order, func(o *stream) bool { return o == s })
}
