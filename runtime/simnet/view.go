package simnet

import "github.com/sessgen/sessgen/runtime/internal/conn"

// sendBuffer reads a lane's send buffer out of the sending core. known is false
// where there is nothing to compare.
func sendBuffer(h *history, role int) (out outgoing, known bool) {
	s, end := h.ends[role], h.lanes[role].end()
	if s == nil { // the listening end has not heard of the session, and sent nothing
		return outgoing{}, end == 0
	}
	if s.over == errFinished {
		return outgoing{acked: end, next: end, end: end}, true
	}
	var v conn.View
	known = s.peer.core.View(s.id, &v, true)
	return outgoing{acked: v.Acked, next: v.Next, end: v.End, unacked: v.Unacked}, known
}

// receiveBuffer reads a lane's receive buffer out of the receiving core.
func receiveBuffer(h *history, role int) incoming {
	s, end := h.ends[1-role], h.lanes[role].end()
	if s != nil && s.over == errFinished {
		return incoming{ready: end, read: end}
	}
	core, id := (*conn.Conn)(nil), conn.StreamID(0)
	switch {
	case s != nil:
		core, id = s.peer.core, s.id
	case h.ends[0].peer.partner != nil: // parts of the header may have arrived
		core, id = h.ends[0].peer.partner.core, h.ends[0].id
	default:
		return incoming{}
	}
	var v conn.View
	core.View(id, &v, true)
	return incoming{read: v.Read, ready: v.Ready, unread: v.Unread}
}
