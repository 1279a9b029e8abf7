package sim

import (
	"net/netip"
	"slices"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// sight is what somebody sees who watches every network that the client of a connection has been in: its ids, and at which of the
// client's addresses. Where the client moves knowingly, with a spare id, no id is seen at two of them.
type sight struct {
	seen []sighting
	// homes are the addresses that the client has sent from. Who copies its datagrams and sends them from elsewhere learns nothing.
	homes []netip.AddrPort
	// excused: the client has moved without knowing, or sooner than it was given another id.
	excused bool
}

// sighting is an id, and where it was seen last.
type sighting struct {
	id packet.ID
	at netip.AddrPort
}

// migrate tells a dialing end that its address has changed, if it knows.
func (p *peer) migrate(knowing bool) {
	if !knowing || !p.core.Movable() {
		p.sight.excused = true
	}
	if knowing {
		p.w.logf("%s: Migrate", p)
		p.core.Migrate(p.host.clock())
		p.w.attend(p)
	}
}

// expose looks at a datagram that an end of a connection sends.
func (p *peer) expose(to netip.AddrPort, datagram []byte) {
	client, near := p, p.host.addr
	if !p.dials {
		client, near = p.partner, to
	}
	id, ok := packet.DstID(datagram)
	if client == nil || !ok || packet.IsLong(datagram) {
		return
	}
	s := &client.sight
	if known := slices.Contains(s.homes, near); !known && !p.dials {
		return
	} else if !known {
		s.homes = append(s.homes, near)
	}
	i := slices.IndexFunc(s.seen, func(g sighting) bool { return g.id == id })
	if i < 0 {
		s.seen = append(s.seen, sighting{id, near})
		return
	}
	if was := s.seen[i].at; was != near && !s.excused {
		p.w.fail("%s: id %x is seen at %v and at %v", p, id, was, near)
	}
	s.seen[i].at = near
}
