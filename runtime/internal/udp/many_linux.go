package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// many moves many datagrams a system call: the kernel cuts what is written into segments of one size (UDP_SEGMENT, "GSO"), and
// joins what it read of one sender (UDP_GRO). Neither changes what is on the wire.
type many struct {
	*handle
	raw syscall.RawConn // the handle, where datagrams are sent
	v6  bool            // the socket's addresses are of IPv6, which hold those of IPv4
	gso atomic.Bool
	// proven: the kernel has taken segments at least once, so that a refusal is about the ones at hand.
	proven atomic.Bool
	zones  map[uint32]string // of the reader, by index
}

// openMany takes the socket over. It returns how it moves many datagrams at once, nil if it does not, and what stands for c from now on.
func openMany(c *net.UDPConn) (*many, packetConn, syscall.RawConn) {
	h, err := takeOver(c)
	if err != nil {
		raw, _ := c.SyscallConn() // which fails for no socket that is open
		return nil, c, raw
	}
	m := &many{handle: h, raw: h}
	_ = h.Control(func(fd uintptr) {
		domain, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		m.v6 = domain == unix.AF_INET6
		_, refused := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		m.gso.Store(refused == nil)
		// Without it the kernel delivers what was joined cut up again.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	})
	return m, h, h
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
	control [controlMax]byte
	name    unix.RawSockaddrInet6 // has room for one of IPv4
	n       int
	err     unix.Errno
	from    *handle // that is read
	// What calls are made with, and is made once: a closure a call would be an allocation.
	receive, poll, await func(fd uintptr) (done bool)
	send                 func(fd uintptr)
	waited               [2]unix.PollFd
	full                 bool // a wait for room was in vain, and there has been none since
	timeout              unix.Timespec
}

func newSystem() *system {
	y := new(system)
	y.header.Name = (*byte)(unsafe.Pointer(&y.name))
	y.header.Iov = &y.vector
	y.header.SetIovlen(1)
	y.receive = func(epoll uintptr) bool {
		y.from.watch(epoll, unix.EPOLLIN)
		y.call(unix.SYS_RECVMSG, uintptr(y.from.fd))
		return y.err != unix.EAGAIN
	}
	y.poll = func(epoll uintptr) bool {
		if y.call(unix.SYS_RECVMSG, uintptr(y.from.fd)); y.err == 0 {
			y.from.watch(epoll, 0) // the reader is awake
		}
		return true
	}
	y.await = func(epoll uintptr) bool {
		y.from.watch(epoll, 0)
		y.waited[0] = unix.PollFd{Fd: int32(y.from.fd), Events: unix.POLLIN}
		y.waited[1] = unix.PollFd{Fd: int32(y.from.bell), Events: unix.POLLIN}
		y.err = unix.EAGAIN
		y.wait(2)
		if y.waited[1].Revents != 0 {
			y.from.silence()
		}
		if y.waited[0].Revents != 0 {
			y.call(unix.SYS_RECVMSG, uintptr(y.from.fd))
		}
		return true
	}
	y.send = func(fd uintptr) {
		for y.timeout = unix.NsecToTimespec(int64(fullWait)); ; {
			if y.call(unix.SYS_SENDMSG, fd); y.err != unix.EAGAIN {
				y.full = y.full && y.err != 0
				return
			}
			y.waited[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
			if y.full || !y.wait(1) {
				y.full, y.err = true, unix.ENOBUFS
				return
			}
		}
	}
	return y
}

// fullWait is how long a datagram waits for room in the socket's buffer before it is lost. If none came, those behind it do not wait, until
// there is some: with a whole batch of them the reader would be away for seconds.
const fullWait = 100 * time.Millisecond

// wait waits in a thread of its own until one of the first n of those waited for is ready, for y.timeout at most, and reports whether
// one may be.
func (y *system) wait(n int) bool {
	ready, _, err := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&y.waited)), uintptr(n), uintptr(unsafe.Pointer(&y.timeout)), 0, 0, 0)
	return int(ready) > 0 || err == unix.EINTR
}

// call makes a system call with the header, which does not wait, so the runtime is not told: it would take the
// processor away from a call that lasts 20 us, as those do that deliver on the way, and wake another thread for it.
func (y *system) call(trap, fd uintptr) {
	for {
		n, _, err := unix.RawSyscall(trap, fd, uintptr(unsafe.Pointer(&y.header)), unix.MSG_DONTWAIT)
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

// read fills b with what one call returns.
func (m *many) read(b *Batch) error { return m.readBy(b, b.system().receive) }

// poll is read where something is there already, and ErrNothing where not.
func (m *many) poll(b *Batch) error { return m.readBy(b, b.system().poll) }

// await is poll after a wait of up to d in the system.
func (m *many) await(b *Batch, d time.Duration) error {
	y := b.system()
	y.timeout = unix.NsecToTimespec(int64(d))
	m.awaiting.Store(true) // from now on Interrupt rings, and what it said before is found first
	defer m.awaiting.Store(false)
	return m.readBy(b, y.await)
}

func (m *many) readBy(b *Batch, how func(fd uintptr) (done bool)) error {
	y := b.system()
	y.vector.Base = unsafe.SliceData(b.slab)
	y.vector.SetLen(len(b.slab))
	y.header.Namelen = uint32(unsafe.Sizeof(y.name))
	y.header.Control = &y.control[0]
	y.header.SetControllen(len(y.control))
	y.from, y.err = m.handle, 0
	switch err := m.Read(how); {
	case err != nil:
		return err
	case y.err == unix.EAGAIN:
		return ErrNothing
	case y.err != 0:
		return y.err
	}
	with := controlOf(y.control[:y.header.Controllen])
	from := m.address(&y.name)
	rest := b.slab[:y.n]
	for first := true; first || len(rest) > 0; first = false {
		n := len(rest)
		if with.segment > 0 {
			n = min(n, with.segment)
		}
		b.Datagrams = append(b.Datagrams, Datagram{Addr: from, Local: with.local, ECN: with.ecn, Data: rest[:min(n, b.sizeMax)]})
		rest = rest[n:]
	}
	b.used = len(b.slab)
	return nil
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
		if len(d.Data) == 0 || len(d.Data) > size || d.Addr != first.Addr || d.Local != first.Local || d.ECN != first.ECN || unsafe.Pointer(unsafe.SliceData(d.Data)) != end {
			return n
		}
		if len(d.Data) < size { // the last one may be shorter
			return n + 1
		}
	}
	return most
}

// write writes a run of datagrams of b in one call.
func (m *many) write(b *Batch, run []Datagram, with told) error {
	y, first, last := b.system(), &run[0], &run[len(run)-1]
	size := len(first.Data)
	y.vector.Base = unsafe.SliceData(first.Data)
	y.vector.SetLen(size*(len(run)-1) + len(last.Data))
	y.header.Namelen = m.name(&y.name, first.Addr)
	if len(run) > 1 {
		with.segment = size
	}
	control := with.append(y.control[:0], first.Addr)
	y.header.Control = nil
	if len(control) > 0 {
		y.header.Control = &y.control[0]
	}
	y.header.SetControllen(len(control))
	y.err = 0
	err := m.raw.Control(y.send)
	if err == nil && y.err != 0 {
		err = y.err
	}
	if len(run) > 1 {
		m.learn(err, with.local.IsValid())
	}
	return err
}

// writes reports whether write can write to the address.
func (m *many) writes(to netip.AddrPort) bool {
	a := to.Addr()
	return a.Zone() == "" && (m.v6 || a.Unmap().Is4())
}

// learn takes in what became of a run, that was to leave from an address or not: whether there are to be more of them.
func (m *many) learn(err error, placed bool) {
	switch {
	case err == nil:
		if !m.proven.Load() {
			m.proven.Store(true)
		}
	case errors.Is(err, unix.EIO): // a device without checksums in hardware
		m.gso.Store(false)
	case errors.Is(err, unix.EINVAL) && !placed && !m.proven.Load(): // a kernel without it; later, a route with a smaller MTU
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
