package conn

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// mtu discovers the size of datagrams that the path carries (RFC 9000 §14.3, RFC 8899): it sends one of the
// next size, and adopts the size if that is acknowledged. When the path no longer carries what it did, it
// starts over.
type mtu struct {
	// size is the current size of datagrams, limit the largest that it may become.
	size, limit int
	// probing is the size of the probe in flight, zero if none is; tries is how many of the next size were lost.
	probing int
	tries   int32
	// sent is how many bytes have been sent on the path, up to mtuWorth.
	sent int32
	// again is when to resume the search after a size that did not get through.
	again mono.Time
}

// mtuSizes are the sizes that are tried: what links with 1,500 and with 9,000 bytes carry over IPv6. RFC 8085 §3.2: "applications
// MUST subtract the size of the IP header […] as well as the length of the UDP header (8 bytes) from the PMTU size."
var mtuSizes = [...]int{1452, 8952}

const (
	defaultMaxDatagram = 8952
	// mtuTries: RFC 8899 §5.1.2, "MAX_PROBES […] The default value of MAX_PROBES is 3." So §3's "robust in the case where probe packets are
	// lost due to other reasons".
	mtuTries = 3
	// mtuRaise: RFC 8899 §5.1.1, the PMTU_RAISE_TIMER is 600 s.
	mtuRaise = 600 * time.Second
	// mtuWorth is how many bytes must have been sent before a search for larger datagrams pays.
	mtuWorth = 32 << 10
	// mtuWindow is how many datagrams a window holds at the least, whatever controls it.
	mtuWindow = 4
	// mtuBlackHole is how many probe timeouts in a row make the path a black hole for large datagrams.
	mtuBlackHole = 2
)

func newMTU(limit int) mtu { return mtu{size: baseDatagram, limit: limit} }

// next is the size to try next, zero if there is none.
func (m *mtu) next() int {
	for _, size := range mtuSizes {
		if size > m.size && size <= m.limit {
			return size
		}
	}
	if m.limit > m.size {
		return m.limit
	}
	return 0
}

// lost learns that a probe of the size was lost.
func (m *mtu) lost(size int) {
	if size == m.probing {
		m.probing = 0
		m.tries++
	}
}

// watch looks whether large datagrams no longer get through. RFC 8899 §4.3 has black holes detected by several
// losses in a row, of whatever is sent or, where small datagrams get through, of large ones; then datagrams of the base size are sent,
// and the search begins anew.
func (m *mtu) watch(c *Conn) {
	if m.size > baseDatagram && (c.loss.PTOCount() >= mtuBlackHole || c.loss.LargeLost() >= mtuTries) {
		*m = mtu{size: baseDatagram, limit: m.limit, sent: m.sent}
		c.loss.SetMaxDatagram(m.size)
	}
}

// mtuProbeAcked learns that the path carries datagrams of the size: the feedback that RFC 8899 §3 requires.
func (c *Conn) mtuProbeAcked(size int) {
	m := &c.mtu
	if size != m.probing {
		return
	}
	m.probing, m.tries = 0, 0
	if !c.mtuFits(size) {
		return // the window has shrunk meanwhile: it is probed for again once it has grown
	}
	// RFC 9000 §14.2: "An endpoint SHOULD use DPLPMTUD […] or PMTUD […] to determine whether the path to a destination will support a desired maximum datagram size".
	m.size = size
	c.loss.SetMaxDatagram(size)
}

// mtuFits reports whether the window holds as many datagrams of the size as it does at the least. RFC 8899 §3: "An update to the PLPMTU (or
// MPS) MUST NOT increase the congestion window measured in bytes".
func (c *Conn) mtuFits(size int) bool { return c.loss.Controller.Window() >= mtuWindow*size }

// appendMTUProbe appends a datagram of the size to be tried next, if there is one. RFC 8899 §3: "the interval between probe packets
// MUST be at least one RTT", so the fate of the one before is known.
func (c *Conn) appendMTUProbe(now mono.Time, b []byte) []byte {
	m := &c.mtu
	size := m.next()
	room := cap(b) - len(b)
	switch {
	case size == 0 || m.probing > 0 || m.sent < mtuWorth || room >= baseDatagram && room < size:
		return b
	case !c.confirmed || c.loss.PTOCount() > 0 || c.loss.Available() < size || !c.mtuFits(size):
		return b
	}
	if m.tries >= mtuTries {
		m.again, m.tries = now.Add(mtuRaise), 0
	}
	if now < m.again {
		return b
	}
	p := c.newPacket(b, len(b)+size, handshake.Application)
	p.probe = true
	p.b = packet.AppendPing(p.b)
	for range p.room() {
		p.b = append(p.b, byte(packet.Padding))
	}
	c.carry(&p, recovery.Ref{Kind: refMTUProbe, Length: uint32(size)})
	m.probing = size
	return c.seal(now, &p)
}
