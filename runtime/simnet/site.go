package simnet

import (
	"context"
	"fmt"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/registry"
	"github.com/sessgen/sessgen/runtime/session"
)

// site is the socket of a host: it finds out which connection a datagram is for.
type site struct {
	host   *host
	table  *endpoint.Endpoint[*peer]
	serves *Server // nil for a host that only dials
	reply  []byte
}

// Server is a host that serves protocols to peers that dial it. It implements session.Registrar.
type Server struct {
	net    *Net
	name   string
	served registry.Registry[*service]
}

// service is what a Server does for one protocol.
type service struct {
	protocol *session.Protocol
	serve    func(ctx context.Context, s session.Stream)
}

var _ session.Registrar = (*Server)(nil)

// Server returns the server with this name, adding it to the network on the first call.
func (n *Net) Server(name string) *Server {
	var srv *Server
	n.script("server "+name, func() {
		h := n.hostNamed(name)
		if h.site == nil || h.site.serves == nil {
			h.site = n.newSite(h, &Server{net: n, name: name})
		}
		srv = h.site.serves
	})
	if srv == nil { // the run is over; nobody will ever call
		srv = &Server{net: n, name: name}
	}
	return srv
}

// Handle implements session.Registrar; generated code calls it.
func (srv *Server) Handle(p *session.Protocol, serve func(ctx context.Context, s session.Stream)) {
	srv.served.Add(p.Name, string(p.Fingerprint), &service{protocol: p, serve: serve})
}

// hostNamed returns the host with this name, and makes it if there is none.
func (n *Net) hostNamed(name string) *host {
	h := n.byName[name]
	if h == nil {
		h = &host{name: name, index: len(n.hosts)}
		h.addr = address(h.index)
		n.hosts = append(n.hosts, h)
		n.byName[name], n.byAddr[h.addr] = h, h
	}
	return h
}

func (n *Net) newSite(h *host, serves *Server) *site {
	return &site{host: h, table: n.newEndpoint(serves != nil), serves: serves}
}

// clientHost makes a host to dial from, with a name that nobody has.
func (n *Net) clientHost() *host {
	for i := 1; ; i++ {
		name := fmt.Sprintf("client-%d", i)
		if n.byName[name] == nil {
			return n.hostNamed(name)
		}
	}
}

// arrive takes a datagram to whom it is for.
func (n *Net) arrive(f flight) {
	if f.to.site == nil {
		n.trace.arrived(n.now, f, "nobody there")
		return
	}
	s := f.to.site
	if s.reply == nil {
		s.reply = make([]byte, 0, 2048)
	}
	switch r := s.table.Route(n.now, f.from.addr, f.data, s.reply[:0]); r.Verdict {
	case endpoint.Deliver:
		n.trace.arrived(n.now, f, "delivered")
		n.feed(r.Conn, f)
	case endpoint.Reply:
		n.trace.arrived(n.now, f, "answered")
		n.wire.send(n.now, f.to, f.from, r.Reply)
	case endpoint.Accept:
		n.trace.arrived(n.now, f, "accepted")
		p := n.newPeer(f.to, f.from, conn.NewServer(n.now, n.config(false), r.Accepted))
		p.id = r.Accepted.ServerID
		p.partner = n.dialed(f.from, r.Accepted.ClientID)
		s.table.Add(p.id, p)
		n.feed(p, f)
	default:
		n.trace.arrived(n.now, f, "dropped")
	}
}

func (n *Net) feed(p *peer, f flight) {
	p.dirty = true
	p.core.HandleDatagram(n.now, f.from.addr, f.data)
}

// dialed returns the dialing end with this id at the host, nil if there is none: its
// first flights were made up.
func (n *Net) dialed(h *host, id endpoint.ID) *peer {
	for _, p := range n.peers {
		if p.dials && p.host == h && p.id == id {
			return p
		}
	}
	return nil
}
