package sim

import (
	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Marks is what becomes of the ECN codepoints of datagrams, where both ends mark them.
type Marks struct {
	// Congested, Bleached and Altered are probabilities: of being marked as having met congestion, of losing the mark, of
	// coming out as ECT(1), which nobody sends.
	Congested, Bleached, Altered float64 `json:",omitempty"`
	// Lies is how often a peer's count of marks is another one than it was.
	Lies float64 `json:",omitempty"`
}

// drawMarks draws what a network, and a peer, does to marks: mostly one thing, sometimes all the time.
func (o *Options) drawMarks(d *dice) {
	share := 1.0
	if d.chance(0.7) {
		share = float64(1+d.intn(300)) / 1000
	}
	o.Marks = &Marks{}
	switch d.intn(5) {
	case 0:
		o.Marks.Congested = share
	case 1:
		o.Marks.Bleached = share
	case 2:
		o.Marks.Altered = share
	case 3:
		o.Marks.Lies = share
	}
}

// mark is the codepoint that a datagram arrives with that was sent with m.
func (w *world) mark(d *dice, m conn.Mark) conn.Mark {
	o := w.o.Marks
	switch {
	case o == nil || m == conn.NotECT || w.now >= mono.Time(w.o.Heal):
		return m
	case d.chance(o.Congested):
		return conn.CE
	case d.chance(o.Bleached):
		return conn.NotECT
	case d.chance(o.Altered):
		return conn.ECT1
	}
	return m
}

// liar is an Opener that hears a peer who lies about the marks that it has seen: the active attacker of row 13, who has the
// keys, because it is the peer.
type liar struct {
	handshake.Opener
	dice *dice
	lies float64
}

// Open implements handshake.Opener.
func (k liar) Open(dst, header, sealed []byte, pn uint64) ([]byte, bool) {
	payload, ok := k.Opener.Open(dst, header, sealed, pn)
	if ok && k.dice.chance(k.lies) {
		lie(payload[len(dst):], k.dice)
	}
	return payload, ok
}

// lie changes a count of each ACK_ECN frame. Their lengths stay.
func lie(payload []byte, d *dice) {
	for f := (packet.Frame{}); len(payload) > 0; {
		rest, err := packet.ParseFrame(&f, payload)
		if err != nil {
			return
		}
		if f.Type == packet.AckECN {
			end := payload[:len(payload)-len(rest)]
			counts := []*uint64{&f.ECT0, &f.ECT1, &f.CE}
			length := 0
			for _, c := range counts {
				length += packet.VarintLen(*c)
			}
			c := counts[d.intn(len(counts))]
			switch packet.VarintLen(*c) {
			case 1:
				*c = uint64(d.intn(1 << 6))
			case 2:
				*c = uint64(1<<6 + d.intn(1<<14-1<<6))
			}
			b := end[len(end)-length : len(end)-length]
			for _, c := range counts {
				b = packet.AppendVarint(b, *c)
			}
		}
		payload = rest
	}
}

// hearing is what a peer opens packets of the Application level with.
func (p *peer) hearing(o handshake.Opener) handshake.Opener {
	if _, real := o.(handshake.Cipher); real || p.w.o.Marks == nil || p.w.o.Marks.Lies == 0 {
		return o
	}
	return liar{o, &p.w.attacker.dice, p.w.o.Marks.Lies}
}
