// Package udp reads and writes datagrams in batches. It knows sockets, and
// nothing of what the datagrams mean.
//
// A Batch is one slab of memory, allocated once; a read fills it, a write
// empties it, and neither allocates. On Linux one system call moves as many datagrams as the kernel
// can join: those of one size to, or from, one address. Elsewhere it moves one.
package udp

import (
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// bufferBytes is the size that a socket's kernel buffers are asked to have: what
// arrives at 1 Gbit/s while the reader is away for 50 ms. The kernel may give less.
const bufferBytes = 7 << 20

// Socket is a UDP socket that is connected to nobody. One goroutine at a time
// reads, any number write; Interrupt and Close may be called by any.
type Socket struct {
	conn  packetConn
	addr  netip.AddrPort
	ecn   bool
	whole bool
	// hears: control messages come with what is read.
	hears bool
	// unmarked: the system refused to mark a datagram, so none is marked any more.
	unmarked atomic.Bool
	raw      syscall.RawConn
	dials    bool // see Open
	// queued: the system has refused to send, and may have queued why, for Unreachable.
	queued atomic.Bool
	many   *many // nil where a call moves one datagram
}

// packetConn is what a Socket needs of a *net.UDPConn, or of what stands for one.
type packetConn interface {
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)
	SetReadDeadline(t time.Time) error
	Close() error
}

// Listen binds a socket to address, "host:port"; port 0 lets the system choose.
// The network is "udp", "udp4" or "udp6".
func Listen(network, address string) (*Socket, error) {
	bind, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP(network, bind)
	if err != nil {
		return nil, err
	}
	return listening(c), nil
}

// listening makes the socket of one that is bound. RFC 8085 §5: "the application SHOULD send any UDP responses with an IP source address that
// matches the IP destination address of the UDP datagram that carried the request." A socket that is bound to one address does so anyway.
func listening(c *net.UDPConn) *Socket {
	growBuffers(c)
	local := c.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() && tellLocal(c)
	s := newSocket(c)
	s.hears = s.hears || local
	return s
}

// Open binds a socket for dialing, to a port that the system chooses. It hears of ICMP messages: see Unreachable. The network is "udp4" or "udp6".
func Open(network string) (*Socket, error) {
	c, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil, err
	}
	growBuffers(c)
	watchErrors(c, network == "udp6")
	s := newSocket(c)
	s.dials = true
	return s, nil
}

func newSocket(c *net.UDPConn) *Socket {
	s := &Socket{addr: plain(c.LocalAddr().(*net.UDPAddr).AddrPort())}
	s.ecn, s.whole = setPath(c)
	s.hears = s.ecn
	s.many, s.conn, s.raw = openMany(c)
	return s
}

// allWhole reports whether no datagram of the socket is fragmented, if those over IPv4, and those over IPv6, are not.
func allWhole(c *net.UDPConn, only6, v4, v6 bool) bool {
	switch {
	case c.LocalAddr().(*net.UDPAddr).IP.To4() != nil:
		return v4
	case only6:
		return v6
	}
	return v4 && v6
}

// plain is the address as peers know it: an IPv4 address on a socket for both
// versions is an IPv4 address.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// ECN reports whether the socket tells the ECN codepoints of what it reads, and sets those of what it writes.
func (s *Socket) ECN() bool { return s.ecn }

// Whole reports whether what the socket writes arrives whole or not at all, because neither this system nor a router breaks it up. Otherwise
// no probe shows how large datagrams may be: RFC 8899 §3 has probes sent "with the Don't Fragment (DF) bit set in the IP header and without
// network layer endpoint fragmentation."
func (s *Socket) Whole() bool { return s.whole }

// LocalAddr is the address that the socket is bound to.
func (s *Socket) LocalAddr() netip.AddrPort { return s.addr }

// ReadBatch waits for datagrams and puts those that are there into b, at least
// one if the error is nil. What b held before is gone. FaultOf says what an error asks for;
// only FaultClosed is for good.
func (s *Socket) ReadBatch(b *Batch) error {
	b.Reset()
	if s.queued.Swap(false) {
		return errQueued
	}
	if s.many != nil {
		return s.many.read(b)
	}
	room := b.Next()
	control := b.control[:]
	if !s.hears {
		control = nil
	}
	n, controlLen, _, from, err := s.conn.ReadMsgUDPAddrPort(room[:cap(room)], control)
	if err != nil {
		return err
	}
	with := controlOf(control[:controlLen])
	b.Add(Datagram{Addr: plain(from), Local: with.local, ECN: with.ecn, Data: room[:n]})
	return nil
}

// Polls reports whether PollBatch finds anything on this system.
func (s *Socket) Polls() bool { return s.many != nil }

// PollBatch is ReadBatch where something is there already; its fault is FaultNothing where not, and always where Polls is false.
func (s *Socket) PollBatch(b *Batch) error {
	b.Reset()
	if s.many == nil {
		return ErrNothing
	}
	if s.queued.Swap(false) {
		return errQueued
	}
	return s.many.poll(b)
}

// AwaitBatch is PollBatch where something comes within d. The wait takes a thread, which the system wakes: that is quicker than to
// wake a thread that polls for all, which then finds the goroutine. Where Interrupt ends it, it has found nothing.
func (s *Socket) AwaitBatch(b *Batch, d time.Duration) error {
	b.Reset()
	if s.many == nil {
		return ErrNothing
	}
	if s.queued.Swap(false) {
		return errQueued
	}
	return s.many.await(b, d)
}

// WriteBatch sends the datagrams of b, in order. One that the system refuses is
// lost, as it might be on the way, and the others are sent all the same; the first
// error is returned. Only with FaultClosed is nothing more sent.
func (s *Socket) WriteBatch(b *Batch) error {
	var first error
	for rest := b.Datagrams; len(rest) > 0; {
		n := s.writeRun(b, rest)
		if n == 0 {
			n = 1
			err := s.writeOne(b, rest[:1])
			if first == nil {
				first = err
			}
			if FaultOf(err) == FaultClosed {
				break
			}
		}
		rest = rest[n:]
	}
	return first
}

// writeRun sends as many of the datagrams as one system call takes, and returns how many that were. It is
// zero if there is only one, or if the system refuses them together.
func (s *Socket) writeRun(b *Batch, datagrams []Datagram) int {
	if s.many == nil {
		return 0
	}
	n := s.many.run(datagrams)
	if n == 1 {
		return 0
	}
	err := s.send(b, datagrams[:n], s.marks(), true)
	if datagrams[0].Local.IsValid() && refusesLocal(err) {
		err = s.send(b, datagrams[:n], s.marks(), false)
	}
	if err != nil {
		return 0
	}
	return n
}

func (s *Socket) writeOne(b *Batch, one []Datagram) error {
	err := s.write(b, one)
	if s.dials && FaultOf(err) == FaultRefused {
		// It is another datagram's error, which this one's system call was told. See Unreachable.
		err = s.write(b, one)
	}
	return err
}

func (s *Socket) write(b *Batch, one []Datagram) error {
	d := &one[0]
	marked, placed := s.marks() && d.ECN != 0, d.Local.IsValid()
	err := s.send(b, one, marked, placed)
	if placed && refusesLocal(err) { // the address may be this system's no more
		placed = false
		err = s.send(b, one, marked, false)
	}
	if marked && refusesControl(err) {
		if err = s.send(b, one, false, placed); err == nil { // so it was the mark, and not where it goes
			s.unmarked.Store(true)
		}
	}
	return err
}

// marks reports whether datagrams are marked that are to be.
func (s *Socket) marks() bool { return s.ecn && !s.unmarked.Load() }

// send sends one datagram, or a run of them: marked as it is to be or not, from where it is to leave or from wherever the routes say.
func (s *Socket) send(b *Batch, run []Datagram, marked, placed bool) (err error) {
	d := &run[0]
	with := told{}
	if marked {
		with.ecn = d.ECN & 3
	}
	if placed {
		with.local = d.Local
	}
	if s.many != nil && s.many.writes(d.Addr) {
		err = s.many.write(b, run, with)
	} else {
		_, _, err = s.conn.WriteMsgUDPAddrPort(d.Data, with.append(b.control[:0], d.Addr), d.Addr)
	}
	if err != nil && s.dials {
		s.queued.Store(true)
	}
	return err
}

// past is a deadline that every read has missed.
var past = time.Unix(1, 0)

// Interrupt makes a read that waits return with FaultInterrupted, and every later
// one too, until Resume. No datagram is lost. It is no system call unless the reader is in AwaitBatch.
func (s *Socket) Interrupt() {
	s.conn.SetReadDeadline(past)
	if s.many != nil {
		s.many.ring()
	}
}

// Resume lets reads wait again.
func (s *Socket) Resume() { s.conn.SetReadDeadline(time.Time{}) }

// ResumeFor lets a read wait for d, then interrupts it.
func (s *Socket) ResumeFor(d time.Duration) { s.conn.SetReadDeadline(time.Now().Add(d)) }

// Close ends all calls with FaultClosed.
func (s *Socket) Close() error { return s.conn.Close() }
