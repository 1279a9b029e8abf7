package sim

import (
	"net/netip"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// attacker sees every datagram and writes what it likes, from any address. It has no keys but those of
// the Initial level, which everybody has who sees a COOKIE. What it does may delay, and must change nothing else.
type attacker struct {
	dice    dice
	seen    *[32][]byte // what went by, to be sent again: the last of count
	count   int
	doubts  bool // it answers INITs with VERSIONS
	version packet.Version
}

// nowhere is an address where nobody is.
var nowhere = netip.MustParseAddrPort("10.9.9.9:9")

// attack lets the attacker act on a datagram that goes by.
func (w *world) attack(from, to *host, data []byte) {
	a := &w.attacker
	if w.o.Attack == 0 || w.now >= w.calm {
		return
	}
	if a.dice.chance(0.3) {
		slot := &a.seen[a.count%len(a.seen)]
		*slot = append((*slot)[:0], data...)
		a.count++
	}
	for d := &a.dice; d.chance(w.o.Attack); {
		f := w.set(from.addr, to, nil)
		f.data = a.make(f.data, data)
		if d.chance(0.2) {
			f.source = nowhere
		}
		if d.chance(0.3) { // back to who sent it
			f.to, f.source = from, to.addr
		}
		w.Forged++
		w.agenda.Push(w.now.Add(d.upTo(2*w.o.Latency)), happening{flight: f})
		if w.logging {
			w.logf("the attacker sends %s to %s", describe(f.data), f.to)
		}
	}
}

// make makes a datagram of one that goes by, or of what went by before, or of nothing.
func (a *attacker) make(b, data []byte) []byte {
	d := &a.dice
	old := data
	if n := min(a.count, len(a.seen)); n > 0 {
		old = a.seen[d.intn(n)]
	}
	switch d.intn(10) {
	case 0: // replayed
		return append(b, old...)
	case 1: // replayed, edited
		b = append(b, old...)
		for range 1 + d.intn(3) {
			b[d.intn(len(b))] ^= byte(1 + d.intn(255))
		}
		return b
	case 2: // cut, and joined with another
		return append(append(b, data[:d.intn(len(data))]...), old[d.intn(len(old)):]...)
	case 3: // garbage to a true id
		b = append(b, data[:min(len(data), 1+packet.IDLen)]...)
		b = b[:len(b)+d.intn(200)]
		d.fill(b[min(9, len(b)):])
		return b
	case 4: // an INIT, perhaps with an id and a nonce that are true
		var id packet.ID
		var nonce [16]byte
		d.fill(id[:])
		d.fill(nonce[:])
		if h, _, err := packet.ParseHeader(old); err == nil && d.chance(0.5) {
			id = h.Dst
			copy(nonce[:], h.Nonce)
		}
		return packet.AppendInit(b, a.version, id, nonce)
	case 5: // a COOKIE for an INIT that it saw
		if h, _, err := packet.ParseHeader(old); err == nil && h.Type <= packet.Versions {
			var id packet.ID
			d.fill(id[:])
			cookie := make([]byte, 1+d.intn(60))
			d.fill(cookie)
			return packet.AppendCookie(b, a.version, h.Dst, h.Nonce, id, cookie)
		}
	case 6: // VERSIONS: it is believed if no COOKIE comes, so only where datagrams are not lost does it end nothing
		if h, _, err := packet.ParseHeader(old); err == nil && h.Type == packet.Cookie && a.doubts {
			return packet.AppendVersions(b, h.Dst, h.Nonce, packet.Version(d.next()))
		}
	case 7: // a reset, with a token that is a guess
		b = append(b, 0x40)
		b = b[:1+packet.IDLen+packet.MinReset+d.intn(10)]
		d.fill(b[1:])
		if len(data) > 9 && data[0]&0x80 == 0 {
			copy(b[1:9], data[1:9])
		}
		return b
	case 8: // a CONNECT with a cookie that is made up
		var id packet.ID
		token := make([]byte, 40)
		d.fill(token)
		d.fill(id[:])
		b = packet.AppendLong(b, packet.Long{
			Type: packet.Connect, Version: a.version, Dst: id, Src: id, Token: token, NumberLen: 1,
		}, 32)
		return append(b, token[:32]...)
	}
	b = b[:1+d.intn(60)]
	d.fill(b)
	return b
}
