// Package endpoint routes the datagrams of one socket without holding one: by
// connection id to the connection they are for, a first flight to the stateless
// cookie, what nobody owns to the floor (or a reset, at a limited rate).
//
// The shell and the simulator drive the same Endpoint. It locks nothing: its
// driver owns it. It keeps no memory for a peer whose cookie has not come back.
package endpoint

import (
	"net/netip"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// ID is a connection id as its owner chose it.
type ID [8]byte

// Verdict says what a driver does with a datagram.
type Verdict uint8

// The verdicts of Route.
const (
	// Drop: nothing is to be done; a counter says why.
	Drop Verdict = iota
	// Deliver: the datagram is for Route.Conn.
	Deliver
	// Reply: Route.Reply goes back to where the datagram came from. It is never larger than what came.
	Reply
	// Accept: a valid cookie or token came back. The driver makes a server
	// connection from Route.Accepted, adds it under Accepted.ServerID, and hands it the datagram.
	Accept
)

// Route is what Route decided. C is what the driver keeps for a connection.
type Route[C any] struct {
	Verdict  Verdict
	Conn     C
	Reply    []byte
	Accepted Accepted
}

// Accepted is what a cookie that came back proves.
type Accepted struct {
	ClientID, ServerID ID
	From               netip.AddrPort
	Cookie             []byte // as it came; valid as long as the datagram
}

// Endpoint is a routing table and a cookie maker. The zero value is not ready: use New.
type Endpoint[C any] struct{}

// Route decides what a datagram is for. reply is where a reply is built.
func (e *Endpoint[C]) Route(now mono.Time, from netip.AddrPort, datagram, reply []byte) Route[C] {
	panic("skeleton")
}

// Add makes datagrams for id go to c.
func (e *Endpoint[C]) Add(id ID, c C) { panic("skeleton") }

// Remove forgets id. Until then, tombstone (at most 32 bytes kept) answers a
// repeated CLOSE; nil keeps nothing.
func (e *Endpoint[C]) Remove(now mono.Time, id ID, until mono.Time, tombstone []byte) {
	panic("skeleton")
}
