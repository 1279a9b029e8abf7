package simnet

import (
	"bytes"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/sim"
	"github.com/sessgen/sessgen/runtime/session"
)

// history is what the programs at both ends of one session have done, as they saw
// it. The ends' buffers are compared with it.
type history struct {
	number   uint64 // the session's, in the order of opening
	protocol *session.Protocol
	ends     [2]*stream // the dialing one first, nil where it was never seen
	// lanes are the two directions, each under the role that sends.
	lanes   [2]lane
	header  []byte
	aborted bool // by a program, so that the ends may come to different ends
	lone    bool // it has no dialing end: that was forgotten before, or is forged
}

// lane is one direction of a session.
type lane struct {
	sim.Lane
	// steps are the messages of the protocol that were sent and not yet received.
	steps []int
}

// newHistory begins the history of a session that was opened.
func (n *Net) newHistory(p *peer, id conn.StreamID, protocol *session.Protocol, header []byte) *history {
	n.trace.Sessions++
	h := &history{number: uint64(n.trace.Sessions), protocol: protocol, header: header}
	h.lanes[0].Open(header)
	p.histories[id] = h
	return h
}

// historyAt returns the history of a session that has come to a listening end.
func (n *Net) historyAt(p *peer, id conn.StreamID, protocol *session.Protocol, header []byte) *history {
	var h *history
	if p.partner != nil {
		h = p.partner.histories[id]
	}
	switch {
	case h == nil:
		n.trace.Sessions++
		return &history{number: uint64(n.trace.Sessions), protocol: protocol, lone: true}
	case h.ends[1] != nil:
		n.fail("%s was accepted a second time", h.ends[1])
	case !bytes.Equal(h.header, header):
		n.fail("%s was opened with the header %x and accepted with %x", h.ends[0], h.header, header)
	}
	return h
}
