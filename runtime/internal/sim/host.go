package sim

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// host is one address, the socket there, and the process behind it.
type host struct {
	w         *world
	index     int
	addr      netip.AddrPort
	listening bool
	resetKey  [32]byte
	table     *endpoint.Endpoint[*peer]
	dice      dice      // of its programs
	skew      mono.Time // how far its clock is ahead
	// What faults are in force.
	cut, deaf, mute, stops, restarts int
	stopped                          bool
	down                             bool
	sent                             int       // datagrams
	socket                           []*flight // what arrived while the process was stopped
}

// socketMax is how many datagrams a socket holds for a process that does not read.
const socketMax = 256

func (h *host) String() string {
	if h.listening {
		return "server"
	}
	return fmt.Sprintf("client %d", h.index)
}

// clock is what time it is to the host.
func (h *host) clock() mono.Time { return h.w.now + h.skew }

func (w *world) newHost(listening bool) {
	h := &host{w: w, index: len(w.hosts), listening: listening, dice: roll(w.o.Seed, 3, uint64(len(w.hosts)))}
	h.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + h.index)}), 4433)
	w.random.fill(h.resetKey[:])
	w.hosts = append(w.hosts, h)
	h.boot()
}

// boot starts the process: it knows nothing but the key of its resets.
func (h *host) boot() {
	config := endpoint.Config{Draw: h.w.random.fill, Version: h.w.version, Listening: h.listening, ResetKey: h.resetKey}
	h.table = endpoint.New[*peer](h.clock(), config)
}

func (w *world) beginFault(f *Fault) {
	h := w.hosts[f.Host]
	w.logf("fault: %s at %s for %s", f.Kind, h, f.For)
	switch f.Kind {
	case Partition:
		h.cut++
	case Deaf:
		h.deaf++
	case Mute:
		h.mute++
	case Stop:
		h.stops++
		h.stopped = true
	case Jump:
		h.skew += mono.Time(f.For)
		for _, p := range w.peers {
			if p.host == h {
				p.arm()
			}
		}
	case Shrink:
		w.mtu = min(w.mtu, f.Size)
	case Move:
		h.move(f.Size&PortOnly != 0, f.Size&Knowing != 0)
	case Restart:
		h.crash()
		h.restarts++
		h.down = true
	case Close:
		for _, p := range w.peersOf(h) {
			if p.dials {
				p.close()
			}
		}
	case Abort:
		for _, p := range w.peersOf(h) {
			p.abort()
		}
	}
}

func (w *world) endFault(f *Fault) {
	h := w.hosts[f.Host]
	w.logf("no more: %s at %s", f.Kind, h)
	switch f.Kind {
	case Partition:
		h.cut--
	case Deaf:
		h.deaf--
	case Mute:
		h.mute--
	case Stop:
		if h.stops--; h.stops == 0 {
			h.resume()
		}
	case Restart:
		if h.restarts--; h.restarts > 0 {
			return
		}
		h.down = false
		h.boot()
		if !h.listening {
			w.dial(h)
		}
	}
}

// move gives the host another address, and tells its connections if it knows of it. What is under way to the one before is lost. RFC 9000 §9: "An endpoint MUST NOT
// initiate connection migration before the handshake is confirmed"; where an address changes
// earlier, the attempt may fail, so none does here.
func (h *host) move(portOnly, knowing bool) {
	for _, p := range h.w.peersOf(h) {
		if p.partner == nil || !p.partner.connected {
			return
		}
	}
	ip := h.addr.Addr().As4()
	if !portOnly {
		ip[1]++
	}
	h.addr = netip.AddrPortFrom(netip.AddrFrom4(ip), h.addr.Port()+1)
	for _, p := range h.w.peersOf(h) {
		p.migrate(knowing)
	}
}

// resume continues a stopped process: it reads its socket dry before any timer fires.
func (h *host) resume() {
	h.stopped = false
	waiting := h.socket
	h.socket = nil
	for _, f := range waiting {
		h.w.take(h, f)
		h.w.land(f)
	}
}

// crash ends the process: its connections are gone, and nobody is told.
func (h *host) crash() {
	for _, p := range h.w.peersOf(h) {
		p.die()
	}
	h.socket = nil
}

// peersOf returns the ends of connections at the host that are not over.
func (w *world) peersOf(h *host) (peers []*peer) {
	for _, p := range w.peers {
		if p.host == h && !p.buried {
			peers = append(peers, p)
		}
	}
	return peers
}

// take gives a datagram that arrived to whom it is for.
func (w *world) take(h *host, f *flight) {
	now := h.clock()
	switch r := h.table.Route(now, f.source, f.data, w.reply[:0]); r.Verdict {
	case endpoint.Deliver:
		r.Conn.core.HandleMarked(now, conn.Path{Peer: f.source}, f.data, f.mark)
		w.attend(r.Conn)
	case endpoint.Reply:
		if len(r.Reply) > len(f.data) {
			w.fail("%s answers %d bytes with %d", h, len(f.data), len(r.Reply))
		}
		w.send(h, f.source, r.Reply, conn.NotECT)
	case endpoint.Accept:
		p := w.newPeer(h, w.hostAt(f.source), conn.NewServer(now, w.config(), r.Accepted))
		p.id = r.Accepted.ServerID
		p.partner = w.dialing(r.Accepted.ClientID)
		h.table.Add(p.id, p)
		p.core.HandleMarked(now, conn.Path{Peer: f.source}, f.data, f.mark)
		w.attend(p)
	}
}

// dialing returns the dialing end of a connection by its first id, nil if nobody has dialed with that.
func (w *world) dialing(id packet.ID) *peer {
	for _, p := range w.peers {
		if p.dials && p.id == id {
			return p
		}
	}
	return nil
}

// config is what connections are made with.
func (w *world) config() conn.Config {
	c := conn.Config{
		Version:     w.version,
		IdleTimeout: w.o.Idle, DeathTimeout: w.o.Death, HandshakeTimeout: w.o.Handshake,
		MaxStreams: w.o.MaxStreams, Pool: int64(w.o.Pool), MaxMessage: maxMessage, Congestion: w.o.Congestion,
		ECN: w.o.Marks != nil,
	}
	if w.o.Skip {
		c.Seed = w.random.next()
	}
	return c
}

// maxMessage is the limit on messages.
const maxMessage = 1 << 20

// driver makes one end's handshake.
func (w *world) driver(p *peer) handshake.Driver {
	dials := p.dials
	if w.tls != nil {
		return w.tls(dials)
	}
	d := &w.random
	if w.apart {
		own := roll(w.o.Seed, 9, binary.BigEndian.Uint64(p.id[:]), uint64(p.begun))
		d = &own
		p.begun++
	}
	if w.o.Lane == Stub {
		return &stubDriver{client: dials, half: d.next()}
	}
	var half [handshake.KeyHalfLen]byte
	d.fill(half[:])
	if dials {
		return handshake.NewPlainClient(half)
	}
	return handshake.NewPlainServer(half)
}

// dial begins a connection from the host to the server.
func (w *world) dial(h *host) {
	if h.down || w.now > w.calm && w.Connections > 100 {
		return
	}
	w.Connections++
	config := w.config()
	w.random.fill(config.ClientID[:])
	w.random.fill(config.Nonce[:])
	p := w.newPeer(h, w.hosts[0], conn.NewClient(h.clock(), config, w.hosts[0].addr))
	p.dials, p.id = true, config.ClientID
	h.table.Add(p.id, p)
	w.attend(p)
}
