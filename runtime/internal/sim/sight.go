package sim

import (
	"net/netip"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// sight is what somebody sees who watches every network that the client of a connection has been in: its ids, and at which of the
// client's addresses. Where the client moves knowingly, with a spare id, no id is seen at two of them.
type sight struct {
	at map[packet.ID]netip.AddrPort
	// homes are the addresses that the client has sent from. Who copies its datagrams and sends them from elsewhere learns nothing.
	homes map[netip.AddrPort]bool
	// excused: the client has moved without knowing, or sooner than it was given another id.
	excused bool
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
	if s.at == nil {
		s.at, s.homes = map[packet.ID]netip.AddrPort{}, map[netip.AddrPort]bool{}
	}
	if p.dials {
		s.homes[near] = true
	}
	if !s.homes[near] {
		return
	}
	if was, seen := s.at[id]; seen && was != near && !s.excused {
		p.w.fail("%s: id %x is seen at %v and at %v", p, id, was, near)
	}
	s.at[id] = near
}
