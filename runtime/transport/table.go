package transport

import (
	"net/netip"
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// table has the connections of a shard, and finds the one that a datagram is for.
type table struct {
	mu       sync.Mutex
	endpoint *endpoint.Endpoint[*link]
	links    map[*link]struct{}
	past     conn.Stats // the sum of those of the connections that are gone
	// emptied is closed when the last link is gone. Once it is set, no link is added.
	emptied chan struct{}
}

// route decides what a datagram is for. A reply is put into replies.
func (t *table) route(at mono.Time, d *udp.Datagram, replies *udp.Batch) endpoint.Route[*link] {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.endpoint.Route(at, d.Addr, d.Data, replies.Next())
	if r.Verdict == endpoint.Reply {
		replies.Add(udp.Datagram{Addr: d.Addr, Local: d.Local, Data: r.Reply})
	}
	return r
}

// add makes the datagrams for l's id go to l; false if the table is being emptied.
func (t *table) add(l *link) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.emptied != nil {
		return false
	}
	t.endpoint.Add(l.id, l)
	t.links[l] = struct{}{}
	return true
}

// to returns the dialing ends of connections to the address.
func (t *table) to(addr netip.AddrPort) (links []*link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for l := range t.links {
		if l.dials && l.peer == addr {
			links = append(links, l)
		}
	}
	return links
}

// addReset makes stateless resets with the token go to l, a dialing end.
func (t *table) addReset(token [packet.TokenLen]byte, l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endpoint.AddReset(token, l)
}

// moveReset routes stateless resets with the token to l, and no longer those with the previous token.
func (t *table) moveReset(before, token [packet.TokenLen]byte, l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endpoint.RemoveReset(before)
	t.endpoint.AddReset(token, l)
}

// issue makes one more id for l.
func (t *table) issue(l *link) (endpoint.ID, [packet.TokenLen]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.endpoint.Issue(l, l.id)
}

// retire forgets one of the ids of a link that has others.
func (t *table) retire(id endpoint.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endpoint.Retire(id)
}

// removeReset undoes addReset.
func (t *table) removeReset(token [packet.TokenLen]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endpoint.RemoveReset(token)
}

// established records that l, a listening end, is up. It returns an address token for its peer.
func (t *table) established(at mono.Time, l *link) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endpoint.Established(l.id)
	return t.endpoint.Token(at, l.peer)
}

// counts returns the endpoint's counters, and how many handshakes are under way.
func (t *table) counts() (endpoint.Counts, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.endpoint.Counts(), t.endpoint.HalfOpen()
}

// remove forgets l, except for its statistics, and answers for it with tombstone until the given time.
func (t *table) remove(l *link, at, until mono.Time, tombstone []byte, did conn.Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.past.Add(did)
	var ids [2]endpoint.ID
	t.endpoint.Remove(at, l.machine.IDs(ids[:0]), until, tombstone)
	delete(t.links, l)
	if t.emptied != nil && len(t.links) == 0 {
		close(t.emptied)
	}
}

// refuse lets no more links be added. It returns the existing ones, and a channel that is closed when the last
// one is gone.
func (t *table) refuse() (links []*link, emptied <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.emptied == nil {
		t.emptied = make(chan struct{})
		if len(t.links) == 0 {
			close(t.emptied)
		}
	}
	for l := range t.links {
		links = append(links, l)
	}
	return links, t.emptied
}
