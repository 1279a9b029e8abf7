package simnet

import (
	"context"
	"slices"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

// Conn is the dialing end of a connection. It implements session.Conn, and may be used by any number of
// goroutines of the test's function.
type Conn struct {
	net  *Net
	peer *peer
}

var _ session.Conn = (*Conn)(nil)

// Dial connects a host of its own to the server; the first such host is called client-1. It returns once the
// handshake is complete.
func (n *Net) Dial(ctx context.Context, server string) (*Conn, error) {
	return n.DialFrom(ctx, "", server)
}

// DialFrom is Dial from the host with the given name, which may dial more than once.
func (n *Net) DialFrom(ctx context.Context, host, server string) (*Conn, error) {
	c := &call{verb: verbDial, actor: n.actorOf(ctx), from: host, text: server}
	if err := n.do(ctx, c); err != nil {
		return nil, err
	}
	return &Conn{net: n, peer: c.peer}, nil
}

// OpenStream implements session.Conn; generated code calls it.
func (c *Conn) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	open := &call{verb: verbOpen, actor: c.net.actorOf(ctx), peer: c.peer, protocol: p, note: slices.Clone(note)}
	if err := c.net.do(ctx, open); err != nil {
		return nil, err
	}
	return open.opened, nil
}

// Close ends the connection once its sessions have finished, and returns nil if each of them did and everything
// has arrived. If ctx ends first, whatever is still in progress is aborted. Connections that are still open at
// the end of a test are closed.
func (c *Conn) Close(ctx context.Context) error {
	return c.net.do(ctx, &call{verb: verbConnClose, peer: c.peer})
}

// Abort ends the connection and all its sessions at once, at both ends. The peer receives text only if err is a
// session.Reason.
func (c *Conn) Abort(err error) {
	_ = c.net.do(context.Background(), &call{verb: verbConnAbort, peer: c.peer, err: err})
}

func (n *Net) dial(c *call) {
	var h *host
	if c.from == "" {
		h = n.clientHost()
	} else {
		h = n.hostNamed(c.from)
	}
	if h.site == nil {
		h.site = n.newSite(h, nil)
	}
	to, config := n.hostNamed(c.text), n.config(true)
	p := n.newPeer(h, to, conn.NewClient(n.now, config, to.addr))
	p.dials, p.id, p.dialing = true, config.ClientID, c
	h.site.table.Add(p.id, p)
	c.peer = p
}

// open opens a stream for the call, or lets it wait its turn.
func (n *Net) open(c *call) {
	p := c.peer
	if p.gone {
		n.answer(c, p.ended())
		return
	}
	p.openers = append(p.openers, c)
	n.reopen(p)
}

// reopen opens streams for those that wait, first come, first served.
func (n *Net) reopen(p *peer) {
	for len(p.openers) > 0 {
		c := p.openers[0]
		spoken, err := p.dialed.Of(c.protocol, c.protocol.Name, string(c.protocol.Fingerprint))
		var header []byte
		if err == nil {
			header, err = spoken.Append(nil, c.note)
		}
		var id conn.StreamID
		if err == nil {
			id, err = p.core.OpenStream(n.now, header, !c.protocol.DialerSendsFirst())
		}
		if err == conn.ErrBlocked {
			return
		}
		p.openers = p.openers[1:]
		p.dirty = true
		if err != nil {
			n.answer(c, errorOf(err))
			continue
		}
		h := n.newHistory(p, id, c.protocol, header)
		c.opened = n.newStream(p, id, h, 0)
		c.opened.spoken = spoken
		n.answer(c, nil)
	}
}

// closeConn begins to close a connection.
func (n *Net) closeConn(c *call) {
	p := c.peer
	if p.gone {
		n.answer(c, p.err)
		return
	}
	p.closers = append(p.closers, c)
	p.dirty = true
	p.core.Close(n.now)
}

// abortConn aborts a connection.
func (n *Net) abortConn(p *peer, err error) {
	if p.gone {
		return
	}
	abort := session.AbortFor(err)
	p.aborted, p.dirty = err, true
	p.core.Abort(n.now, uint64(abort.Code), abort.Reason)
}
