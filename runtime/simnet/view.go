package simnet

import (
	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/sim"
)

// sendBuffer reads a lane's send buffer out of the sending core. known is false
// where there is nothing to compare.
func sendBuffer(h *history, role int) (out sim.Outgoing, known bool) {
	s, end := h.ends[role], h.lanes[role].End()
	if s == nil { // the listening end has not heard of the session, and sent nothing
		return sim.Outgoing{}, end == 0
	}
	if s.over == errFinished {
		return sim.Outgoing{Acked: end, Next: end, End: end}, true
	}
	var v conn.View
	known = s.peer.core.View(s.id, &v, true)
	return sim.Outgoing{Acked: v.Acked, Next: v.Next, End: v.End, Unacked: v.Unacked}, known
}

// receiveBuffer reads a lane's receive buffer out of the receiving core.
func receiveBuffer(h *history, role int) sim.Incoming {
	s, end := h.ends[1-role], h.lanes[role].End()
	if s != nil && s.over == errFinished {
		return sim.Incoming{Ready: end, Read: end}
	}
	core, id := (*conn.Conn)(nil), conn.StreamID(0)
	switch {
	case s != nil:
		core, id = s.peer.core, s.id
	case h.ends[0].peer.partner != nil: // parts of the header may have arrived
		core, id = h.ends[0].peer.partner.core, h.ends[0].id
	default:
		return sim.Incoming{}
	}
	var v conn.View
	core.View(id, &v, true)
	return sim.Incoming{Read: v.Read, Ready: v.Ready, Unread: v.Unread}
}
