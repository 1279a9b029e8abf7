package endpoint

import (
	"net/netip"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// The bounds of handshakes that are under way at a listening end.
const (
	// maxHalfOpen is the maximum number; the oldest makes room for the next.
	maxHalfOpen = 4096
	// crowd is how many there may be before each prefix is counted: maxPerPrefix of one /24 of IPv4,
	// or one /56 of IPv6. Loopback is not counted.
	crowd        = 1024
	maxPerPrefix = 64

	// HalfOpenLife is the default time that a handshake may take at a listening end.
	HalfOpenLife = 5 * time.Second
)

// half is a connection whose cookie came back, and whose handshake is not finished.
type half struct {
	id         ID
	prefix     netip.Prefix // the zero value for loopback
	prev, next *half
}

// halves are the connections that are half open, the oldest first.
type halves struct {
	byID     map[ID]*half
	byPrefix map[netip.Prefix]int
	root     half // of the ring; next is the oldest
}

func newHalves() *halves {
	h := &halves{byID: map[ID]*half{}, byPrefix: map[netip.Prefix]int{}}
	h.root.prev, h.root.next = &h.root, &h.root
	return h
}

func prefixOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := 56
	switch {
	case addr.IsLoopback():
		return netip.Prefix{}
	case addr.Is4():
		bits = 24
	}
	p, _ := addr.WithZone("").Prefix(bits) // an address always has as many bits
	return p
}

// crowded reports whether the address's prefix has as many as are allowed.
func (h *halves) crowded(addr netip.Addr) bool {
	if len(h.byID) < crowd {
		return false
	}
	p := prefixOf(addr)
	return p.IsValid() && h.byPrefix[p] >= maxPerPrefix
}

// add adds a connection. evicted is the oldest one, if it has to make room.
func (h *halves) add(id ID, addr netip.Addr) (evicted ID, full bool) {
	if full = len(h.byID) >= maxHalfOpen; full {
		evicted = h.root.next.id
		h.remove(evicted)
	}
	x := &half{id: id, prefix: prefixOf(addr), prev: h.root.prev, next: &h.root}
	x.prev.next, x.next.prev = x, x
	h.byID[id] = x
	if x.prefix.IsValid() {
		h.byPrefix[x.prefix]++
	}
	return evicted, full
}

// remove takes a connection out, if it is in.
func (h *halves) remove(id ID) {
	x := h.byID[id]
	if x == nil {
		return
	}
	x.prev.next, x.next.prev = x.next, x.prev
	delete(h.byID, id)
	if !x.prefix.IsValid() {
		return
	}
	if h.byPrefix[x.prefix]--; h.byPrefix[x.prefix] == 0 {
		delete(h.byPrefix, x.prefix)
	}
}

// Established says that the handshake of the connection with the id is finished. The driver of a listening end
// calls it on conn.EventConnected; until then the connection counts as half open.
func (e *Endpoint[C]) Established(id ID) {
	if e.half != nil {
		e.half.remove(id)
	}
}

// HalfOpen is how many handshakes are in progress.
func (e *Endpoint[C]) HalfOpen() int {
	if e.half == nil {
		return 0
	}
	return len(e.half.byID)
}

// Token makes an address token for the peer that receives at the address. The connection gives it to its peer,
// whose next CONNECT may bring it in place of a cookie. nil at an end that does not listen.
func (e *Endpoint[C]) Token(now mono.Time, to netip.AddrPort) []byte {
	if e.tokens == nil {
		return nil
	}
	server := e.drawInTurn()
	return e.tokens.Append(server[:], now, to.Addr(), server, uint32(e.config.Version))
}
