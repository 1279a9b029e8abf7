package sim

import (
	"net/netip"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// flight is a datagram on its way.
type flight struct {
	source netip.AddrPort // where it says that it comes from
	to     *host
	data   []byte
	mark   conn.Mark
}

// send takes a datagram from a host, and draws what becomes of it.
func (w *world) send(from *host, addr netip.AddrPort, data []byte, mark conn.Mark) {
	to := w.hostAt(addr)
	number := w.Datagrams
	w.Datagrams++
	if to == nil {
		return // an address that the attacker made up, or that somebody has left
	}
	w.fold(1, uint64(w.now), uint64(from.index)<<8|uint64(to.index), uint64(len(data)))
	if w.logging {
		w.logf("%s sends %s to %s", from, describe(data), to)
	}
	if len(data) > w.mtu || from.cut > 0 || to.cut > 0 || from.mute > 0 || to.deaf > 0 {
		w.lose(to, "no way")
		return
	}
	if w.fate != nil {
		w.sendAs(from, to, data)
		return
	}
	d := roll(w.o.Seed, 5, uint64(number))
	w.attack(from, to, data)
	f := w.set(from.addr, to, data)
	f.mark = w.mark(&d, mark)
	late, twice := mono.Time(w.o.Latency), false
	if w.now < mono.Time(w.o.Heal) && !w.spared[number] {
		hurt := false
		if d.chance(w.o.Drop) {
			w.hurt = append(w.hurt, number)
			w.land(f)
			w.lose(to, "dropped")
			return
		}
		if d.chance(w.o.Delay) {
			late += mono.Time(d.upTo(w.o.DelayMax))
			hurt = true
		}
		if twice = d.chance(w.o.Duplicate); twice {
			at := w.now + mono.Time(w.o.Latency) + mono.Time(d.upTo(w.o.DelayMax))
			again := w.set(from.addr, to, data)
			again.mark = f.mark
			w.agenda.Push(at, happening{flight: again})
		}
		if d.chance(w.o.Corrupt) {
			for range 1 + d.intn(8) {
				bit := d.intn(8 * len(f.data))
				f.data[bit/8] ^= 1 << (bit % 8)
			}
			hurt = true
		}
		if d.chance(w.o.Truncate) {
			f.data = f.data[:d.intn(len(f.data))]
			hurt = true
		}
		if hurt || twice {
			w.hurt = append(w.hurt, number)
		}
	}
	w.agenda.Push(w.now+late, happening{flight: f})
}

// hostAt returns the host that has the address now, nil if none has.
func (w *world) hostAt(addr netip.AddrPort) *host {
	for _, h := range w.hosts {
		if h.addr == addr {
			return h
		}
	}
	return nil
}

// sendAs sends a datagram to the fate that a test has for it.
func (w *world) sendAs(from, to *host, data []byte) {
	number := from.sent
	from.sent++
	copies, late := w.fate(number, from, to, data)
	if copies == 0 {
		w.lose(to, "as the test says")
	}
	for range copies {
		w.agenda.Push(w.now.Add(w.o.Latency+late), happening{flight: w.set(from.addr, to, data)})
	}
}

func (w *world) lose(to *host, cause string) {
	w.Lost++
	w.fold(2, uint64(w.now), uint64(to.index))
	if w.logging {
		w.logf("… and it is lost: %s", cause)
	}
}

// arrive is the socket's: a datagram came.
func (w *world) arrive(f *flight) {
	h := f.to
	w.fold(3, uint64(w.now), uint64(h.index), uint64(len(f.data)))
	if w.logging {
		w.logf("%s gets %s from %s", h, describe(f.data), f.source)
	}
	switch {
	case h.down || len(f.data) == 0 && h.stopped:
	case h.stopped:
		if len(h.socket) < socketMax {
			h.socket = append(h.socket, f)
			return
		}
	default:
		w.take(h, f)
	}
	w.land(f)
}

// set makes a flight with a copy of data.
func (w *world) set(source netip.AddrPort, to *host, data []byte) (f *flight) {
	if n := len(w.flights); n > 0 {
		f, w.flights = w.flights[n-1], w.flights[:n-1]
	} else {
		f = &flight{data: make([]byte, 0, 2048)}
	}
	f.source, f.to, f.data, f.mark = source, to, append(f.data[:0], data...), conn.NotECT
	return f
}

// land takes a flight's memory back.
func (w *world) land(f *flight) {
	f.to = nil
	w.flights = append(w.flights, f)
}
