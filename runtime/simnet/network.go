package simnet

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/sim"
)

// Datagram is one datagram in transit, as Net.Intercept sees it.
type Datagram struct {
	// From and To are the names of hosts.
	From, To string
	// Number counts the datagrams of this direction, from 0.
	Number int
	// Data is the content. It is valid during the call, and may be changed in place.
	Data []byte
}

// network carries datagrams between hosts. The loop owns it.
type network struct {
	options Options
	trace   *trace
	links   map[[2]int]*link // by the indices of two hosts; looked up, never walked
	flying  sim.Queue[flight]
	spare   [][]byte

	// cuts are the partitions: each holds the names on one side.
	cuts      [][]string
	blocked   [][2]string
	intercept func(Datagram) bool
	// calmSince is when the faults ended, mono.Never while there are some.
	calmSince mono.Time
}

// link is one direction between two hosts. Its draws are its own, so that what
// happens elsewhere does not change its fate.
type link struct {
	random *rand.Rand
	count  int
}

// fate is what is drawn for one datagram.
type fate struct {
	dropped bool
	delays  [2]mono.Time // of the datagram and of its duplicate, beyond the latency
	copies  int
	flips   int
}

func newNetwork(options Options, t *trace) *network {
	return &network{options: options, trace: t, links: map[[2]int]*link{}}
}

func (w *network) link(from, to *host) *link {
	key := [2]int{from.index, to.index}
	l := w.links[key]
	if l == nil {
		l = &link{random: rand.New(rand.NewPCG(w.options.Seed, uint64(from.index)<<32|uint64(to.index)))}
		w.links[key] = l
	}
	return l
}

// draw draws all that may happen to a datagram, needed or not, so that each takes
// the same number of draws.
func (w *network) draw(random *rand.Rand) fate {
	o := w.options
	f := fate{dropped: random.Float64() < o.Drop, copies: 1}
	for i := range f.delays {
		late, by := random.Float64() < o.Delay, mono.Time(random.Int64N(int64(o.DelayMax)+1))
		if late {
			f.delays[i] = by
		}
	}
	if random.Float64() < o.Duplicate {
		f.copies = 2
	}
	if random.Float64() < o.Corrupt {
		f.flips = 1 + random.IntN(8)
	}
	return f
}

// healed reports whether the network is past its faults.
func (w *network) healed(now mono.Time) bool {
	return w.options.Heal > 0 && now >= mono.Time(w.options.Heal)
}

// calm reports whether the network does nothing bad at now.
func (w *network) calm(now mono.Time) bool {
	return w.healed(now) || !w.options.faulty() && len(w.cuts) == 0 && len(w.blocked) == 0 && w.intercept == nil
}

// send takes a datagram from a host. to is nil if nobody has that address.
func (w *network) send(now mono.Time, from, to *host, data []byte) {
	w.trace.sent(now, from, to, len(data))
	if to == nil {
		w.trace.lost(now, from, to, "nobody there")
		return
	}
	l := w.link(from, to)
	f := w.draw(l.random)
	number := l.count
	l.count++
	if w.healed(now) {
		f = fate{copies: 1}
	} else if cause := w.fault(from, to, number, data, f); cause != "" {
		w.trace.lost(now, from, to, cause)
		return
	}
	if len(data) > w.options.MTU {
		w.trace.lost(now, from, to, "too large")
		return
	}
	for i := range f.copies {
		copied := append(w.buffer(), data...)
		if i == 0 {
			flip(copied, f.flips, l.random)
		}
		w.fly(now.Add(w.options.Latency)+f.delays[i], from, to, copied)
	}
}

// fault says why a datagram does not pass, "" if it does.
func (w *network) fault(from, to *host, number int, data []byte, f fate) string {
	if w.intercept != nil && !w.intercept(Datagram{From: from.name, To: to.name, Number: number, Data: data}) {
		return "intercepted"
	}
	if slices.Contains(w.blocked, [2]string{from.name, to.name}) {
		return "blocked"
	}
	for _, side := range w.cuts {
		if slices.Contains(side, from.name) != slices.Contains(side, to.name) {
			return "partitioned"
		}
	}
	if f.dropped {
		return "dropped"
	}
	return ""
}

// flip flips n bits of data.
func flip(data []byte, n int, random *rand.Rand) {
	for range n {
		bit := random.IntN(8 * len(data))
		data[bit/8] ^= 1 << (bit % 8)
	}
}

// flight is a datagram on its way.
type flight struct {
	from, to *host
	data     []byte
}

// fly sets out a datagram that arrives at the given time.
func (w *network) fly(at mono.Time, from, to *host, data []byte) {
	w.flying.Push(at, flight{from: from, to: to, data: data})
}

func (w *network) buffer() []byte {
	if n := len(w.spare); n > 0 {
		b := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return b[:0]
	}
	return make([]byte, 0, 2048)
}

// landed takes a datagram's memory back.
func (w *network) landed(f flight) { w.spare = append(w.spare, f.data) }

// host is one address of the network, and who is behind it.
type host struct {
	name  string
	index int
	addr  netip.AddrPort
	site  *site // nil for a host that is only a name
}

// address makes the address of the host with the given index.
func address(index int) netip.AddrPort {
	ip := [4]byte{10}
	binary.BigEndian.PutUint16(ip[2:], uint16(index+1))
	return netip.AddrPortFrom(netip.AddrFrom4(ip), 4433)
}

// Partition cuts the network in two: nothing passes between the named hosts and all others, either way, until
// Net.Heal. Partitions add up. Datagrams already in transit still arrive.
func (n *Net) Partition(names ...string) {
	n.script("partition "+strings.Join(names, " "), func() {
		n.wire.cuts = append(n.wire.cuts, slices.Clone(names))
	})
}

// Block drops everything sent from one host to the other, until Net.Heal.
func (n *Net) Block(from, to string) {
	n.script("block "+from+" "+to, func() {
		n.wire.blocked = append(n.wire.blocked, [2]string{from, to})
	})
}

// Heal ends all partitions and blocks.
func (n *Net) Heal() {
	n.script("heal", func() { n.wire.cuts, n.wire.blocked = nil, nil })
}

// Intercept calls look with every datagram sent from now on, before any fault applies; the datagram is lost
// unless look returns true. nil ends the interception. look must not call the Net or a session: to send
// something, it must hand it to a goroutine that calls Inject.
func (n *Net) Intercept(look func(Datagram) bool) {
	n.script("intercept", func() { n.wire.intercept = look })
}

// Inject delivers a datagram to one host that appears to come from the other, at once and regardless of the
// network's faults. A name that no host has becomes a host with nobody there.
func (n *Net) Inject(from, to string, data []byte) {
	n.script("inject "+from+" "+to, func() {
		n.wire.fly(n.now, n.hostNamed(from), n.hostNamed(to), append(n.wire.buffer(), data...))
	})
}
