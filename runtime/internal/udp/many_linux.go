package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// many moves many datagrams a system call: the kernel cuts what is written into segments of one size (UDP_SEGMENT, "GSO"), and
// joins what it read of one sender (UDP_GRO). Neither changes what is on the wire.
type many struct {
	raw syscall.RawConn
	v6  bool // the socket's addresses are of IPv6, which hold those of IPv4
	gso atomic.Bool
	// proven: the kernel has taken segments at least once, so that a refusal is about the ones at hand.
	proven atomic.Bool
	zones  map[uint32]string // of the reader, by index
}

// openMany returns how the socket moves many datagrams at once, nil if it does not.
func openMany(c *net.UDPConn) *many {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	m := &many{raw: raw}
	var domain int
	control := raw.Control(func(fd uintptr) {
		if domain, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil {
			return
		}
		_, refused := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		m.gso.Store(refused == nil)
		// Without it the kernel delivers what was joined cut up again.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	})
	if control != nil || err != nil {
		return nil
	}
	m.v6 = domain == unix.AF_INET6
	return m
}

const (
	// segmentsMax and segmentBytes bound what one call writes. A longer one is cut up in software, and
	// arrives as so many reads.
	segmentsMax  = 64
	segmentBytes = 65000
)

// system is what the system calls of a Batch need. It is made with the first of them.
type system struct {
	header  unix.Msghdr
	vector  unix.Iovec
	name    unix.RawSockaddrInet6 // has room for one of IPv4
	control [controlMax]byte
	n       int
	err     unix.Errno
	// What a RawConn calls, made once: a closure a call would be an allocation.
	receive, poll, send func(fd uintptr) (done bool)
}

func newSystem() *system {
	y := new(system)
	y.header.Name = (*byte)(unsafe.Pointer(&y.name))
	y.header.Iov = &y.vector
	y.header.SetIovlen(1)
	y.receive = func(fd uintptr) bool { y.call(unix.SYS_RECVMSG, fd); return y.err != unix.EAGAIN }
	y.poll = func(fd uintptr) bool { y.call(unix.SYS_RECVMSG, fd); return true }
	y.send = func(fd uintptr) bool { y.call(unix.SYS_SENDMSG, fd); return y.err != unix.EAGAIN }
	return y
}

// call makes a system call with the header. The socket does not block, so the runtime is not told: it would take the
// processor away from a call that lasts 20 us, as those do that deliver on the way, and wake another thread for it.
func (y *system) call(trap, fd uintptr) {
	for {
		n, _, err := unix.RawSyscall(trap, fd, uintptr(unsafe.Pointer(&y.header)), 0)
		if y.n, y.err = int(n), err; err != unix.EINTR {
			return
		}
	}
}

func (b *Batch) system() *system {
	if b.sys == nil {
		b.sys = newSystem()
	}
	return b.sys
}

// read fills b with what one call returns. Without wait, errNothing means that nothing is there.
func (m *many) read(b *Batch, wait bool) error {
	y := b.system()
	y.vector.Base = unsafe.SliceData(b.slab)
	y.vector.SetLen(len(b.slab))
	y.header.Namelen = uint32(unsafe.Sizeof(y.name))
	y.header.Control = &y.control[0]
	y.header.SetControllen(len(y.control))
	how := y.poll
	if wait {
		how = y.receive
	}
	y.err = 0
	switch err := m.raw.Read(how); {
	case err != nil:
		return err
	case y.err == unix.EAGAIN:
		return errNothing
	case y.err != 0:
		return y.err
	}
	ecn, size := controlOf(y.control[:y.header.Controllen])
	from := m.address(&y.name)
	rest := b.slab[:y.n]
	for first := true; first || len(rest) > 0; first = false {
		n := len(rest)
		if size > 0 {
			n = min(n, size)
		}
		b.Datagrams = append(b.Datagrams, Datagram{Addr: from, ECN: ecn, Data: rest[:min(n, b.sizeMax)]})
		rest = rest[n:]
	}
	b.used = len(b.slab)
	return nil
}

// controlOf finds the ECN codepoint, and the size of the segments if there are several, among the control messages.
func controlOf(control []byte) (ecn uint8, segment int) {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		switch {
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_TOS && len(data) >= 1:
			ecn = data[0] & 3
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_TCLASS && len(data) >= 4:
			ecn = uint8(binary.NativeEndian.Uint32(data)) & 3
		case header.Level == unix.IPPROTO_UDP && header.Type == unix.UDP_GRO && len(data) >= 4:
			segment = int(int32(binary.NativeEndian.Uint32(data)))
		}
		control = rest
	}
	return ecn, segment
}

// address is the address that the kernel wrote to name.
func (m *many) address(name *unix.RawSockaddrInet6) netip.AddrPort {
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), swapped(v4.Port))
	}
	addr := netip.AddrFrom16(name.Addr)
	if addr.Is4In6() {
		addr = addr.Unmap()
	} else if name.Scope_id != 0 {
		addr = addr.WithZone(m.zone(name.Scope_id))
	}
	return netip.AddrPortFrom(addr, swapped(name.Port))
}

// zonesMax bounds the zones that are remembered.
const zonesMax = 64

// zone is the name of the interface with the index.
func (m *many) zone(index uint32) string {
	name, known := m.zones[index]
	if known {
		return name
	}
	name = strconv.Itoa(int(index))
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		name = i.Name
	}
	if m.zones == nil || len(m.zones) == zonesMax {
		m.zones = make(map[uint32]string)
	}
	m.zones[index] = name
	return name
}

// swapped turns a port from network byte order into this machine's, or back.
func swapped(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

// run is how many of the datagrams one call can write.
func (m *many) run(datagrams []Datagram) int {
	first := &datagrams[0]
	size := len(first.Data)
	if size == 0 || !m.gso.Load() || !m.writes(first.Addr) {
		return 1
	}
	most := min(len(datagrams), segmentsMax, max(1, segmentBytes/size))
	for n := 1; n < most; n++ {
		d := &datagrams[n]
		end := unsafe.Add(unsafe.Pointer(unsafe.SliceData(datagrams[n-1].Data)), size)
		if len(d.Data) == 0 || len(d.Data) > size || d.Addr != first.Addr || d.ECN != first.ECN || unsafe.Pointer(unsafe.SliceData(d.Data)) != end {
			return n
		}
		if len(d.Data) < size { // the last one may be shorter
			return n + 1
		}
	}
	return most
}

// write writes a run of datagrams of b in one call.
func (m *many) write(b *Batch, run []Datagram, marked bool) error {
	y, first, last := b.system(), &run[0], &run[len(run)-1]
	size := len(first.Data)
	y.vector.Base = unsafe.SliceData(first.Data)
	y.vector.SetLen(size*(len(run)-1) + len(last.Data))
	y.header.Namelen = m.name(&y.name, first.Addr)
	control := y.control[:0]
	if marked && first.ECN != 0 {
		control = append(control, mark(first)...)
	}
	if len(run) > 1 {
		at := len(control)
		control = control[:at+unix.CmsgSpace(2)]
		clear(control[at:])
		header := (*unix.Cmsghdr)(unsafe.Pointer(&control[at]))
		header.Level, header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		header.SetLen(unix.CmsgLen(2))
		binary.NativeEndian.PutUint16(control[at+unix.CmsgLen(0):], uint16(size))
	}
	y.header.Control = nil
	if len(control) > 0 {
		y.header.Control = &y.control[0]
	}
	y.header.SetControllen(len(control))
	y.err = 0
	err := m.raw.Write(y.send)
	if err == nil && y.err != 0 {
		err = y.err
	}
	if len(run) > 1 {
		m.learn(err)
	}
	return err
}

// writes reports whether write can write to the address.
func (m *many) writes(to netip.AddrPort) bool {
	a := to.Addr()
	return a.Zone() == "" && (m.v6 || a.Unmap().Is4())
}

// learn takes in what became of a run: whether there are to be more of them.
func (m *many) learn(err error) {
	switch {
	case err == nil:
		if !m.proven.Load() {
			m.proven.Store(true)
		}
	case errors.Is(err, unix.EIO): // a device without checksums in hardware
		m.gso.Store(false)
	case errors.Is(err, unix.EINVAL) && !m.proven.Load(): // a kernel without it; later, a route with a smaller MTU
		m.gso.Store(false)
	}
}

// name writes an address as the socket's kind has it, and returns its length.
func (m *many) name(name *unix.RawSockaddrInet6, to netip.AddrPort) uint32 {
	if m.v6 {
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swapped(to.Port()), Addr: to.Addr().As16()}
		return unix.SizeofSockaddrInet6
	}
	v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
	*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swapped(to.Port()), Addr: to.Addr().Unmap().As4()}
	return unix.SizeofSockaddrInet4
}
