package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handle is a socket that Go's poller does not know. What the poller knows is asked not only what has arrived but also whether
// there is room to send, and the kernel says so again after each datagram that has left: it wakes a thread of this process, which
// finds nothing to do. The poller knows an epoll descriptor instead, which watches the socket for what arrives, and only while
// somebody waits for that. A handle is a syscall.RawConn, and a packetConn.
type handle struct {
	fd    int
	epoll *os.File
	ready syscall.RawConn // of epoll
	// bell is an event descriptor, which ends a wait in the system: the reader looks at it while it is awaiting.
	bell     int
	awaiting atomic.Bool

	// What the epoll descriptor watches for. It is the reader's.
	watched unix.EpollEvent

	life   sync.RWMutex // held by all who use fd, except the reader, who keeps epoll open
	closed bool
	scoped *net.UDPConn // the socket as package net has it, once it has been asked for
	making sync.Mutex
}

// takeOver makes a handle of c's socket, and closes c.
func takeOver(c *net.UDPConn) (*handle, error) {
	was, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	h := new(handle)
	if err := control(was, func(fd int) (err error) { h.fd, err = duplicate(fd); return err }); err != nil {
		return nil, err
	}
	if h.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(h.fd)
		return nil, err
	}
	watch, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		unix.Close(h.bell)
		unix.Close(h.fd)
		return nil, err
	}
	unix.SetNonblock(watch, true) // so that the poller is told of it
	h.epoll = os.NewFile(uintptr(watch), "epoll")
	h.ready, err = h.epoll.SyscallConn()
	err = errors.Join(err, h.epoll.SetReadDeadline(time.Time{}), // which it knows only if the poller knows it
		unix.EpollCtl(watch, unix.EPOLL_CTL_ADD, h.fd, &h.watched))
	if err != nil {
		h.epoll.Close()
		unix.Close(h.bell)
		unix.Close(h.fd)
		return nil, err
	}
	c.Close()
	return h, nil
}

func duplicate(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// watch makes the poller hear of the events of the socket, for the reader, in a call of Read.
func (h *handle) watch(epoll uintptr, events uint32) {
	if events != h.watched.Events {
		h.watched.Events = events
		_ = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_MOD, h.fd, &h.watched)
	}
}

// ring ends the wait of a reader that is awaiting.
func (h *handle) ring() {
	if !h.awaiting.Load() {
		return
	}
	h.life.RLock()
	defer h.life.RUnlock()
	if !h.closed {
		h.strike()
	}
}

// strike makes the bell ring until it is silenced.
func (h *handle) strike() { _, _ = unix.Write(h.bell, []byte{7: 1}) }

// silence is for the reader, that has heard the bell.
func (h *handle) silence() {
	var count [8]byte
	_, _ = unix.Read(h.bell, count[:])
}

// Control calls f with the socket's descriptor.
func (h *handle) Control(f func(fd uintptr)) error {
	h.life.RLock()
	defer h.life.RUnlock()
	if h.closed {
		return net.ErrClosed
	}
	f(uintptr(h.fd))
	return nil
}

// Write calls f with the socket's descriptor, and does not wait.
func (h *handle) Write(f func(fd uintptr) bool) error { return h.Control(func(fd uintptr) { f(fd) }) }

// Read calls f with the epoll descriptor until it returns true, each time that something has arrived. Meanwhile the socket stays open.
func (h *handle) Read(f func(fd uintptr) bool) error { return h.explain(h.ready.Read(f)) }

// explain tells what a file calls closed from its other errors.
func (h *handle) explain(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	h.life.RLock()
	defer h.life.RUnlock()
	if h.closed {
		return net.ErrClosed
	}
	return err
}

// SetReadDeadline is that of Read.
func (h *handle) SetReadDeadline(t time.Time) error { return h.explain(h.epoll.SetReadDeadline(t)) }

// WriteMsgUDPAddrPort writes as package net does, which knows zones.
func (h *handle) WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error) {
	c, err := h.conn()
	if err != nil {
		return 0, 0, err
	}
	return c.WriteMsgUDPAddrPort(b, oob, addr)
}

// ReadMsgUDPAddrPort reads as package net does.
func (h *handle) ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	c, err := h.conn()
	if err != nil {
		return 0, 0, 0, netip.AddrPort{}, err
	}
	return c.ReadMsgUDPAddrPort(b, oob)
}

// conn is the socket as package net has it.
func (h *handle) conn() (*net.UDPConn, error) {
	h.life.RLock()
	defer h.life.RUnlock()
	h.making.Lock()
	defer h.making.Unlock()
	if h.closed {
		return nil, net.ErrClosed
	}
	if h.scoped == nil {
		fd, err := duplicate(h.fd)
		if err != nil {
			return nil, err
		}
		f := os.NewFile(uintptr(fd), "udp")
		defer f.Close()
		c, err := net.FilePacketConn(f)
		if err != nil {
			return nil, err
		}
		h.scoped = c.(*net.UDPConn)
	}
	return h.scoped, nil
}

// Close ends all calls.
func (h *handle) Close() error {
	h.life.Lock()
	if h.closed {
		h.life.Unlock()
		return net.ErrClosed
	}
	h.closed = true
	h.strike()
	h.life.Unlock()
	err := h.epoll.Close() // which waits until nobody reads, and so uses the others
	if h.scoped != nil {
		h.scoped.Close()
	}
	return errors.Join(err, unix.Close(h.bell), unix.Close(h.fd))
}
