package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlMax is room for the control messages that come with a datagram: of one over IPv4 that came to a socket for both versions, two tell the address.
const controlMax = 128

// tellLocal makes the socket tell at which of the system's addresses datagrams arrive, and reports whether it does.
func tellLocal(c *net.UDPConn) (tells bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		v4 := unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		v6 := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1) // which a socket for IPv4 refuses
		tells = v4 == nil || v6 == nil
	})
	return tells && err == nil
}

// told is what control messages say of a datagram, or of several that were joined.
type told struct {
	ecn     uint8
	segment int        // the size of each but the last one, in bytes; zero if there is one
	local   netip.Addr // see Datagram
}

// controlOf reads the control messages that came with a datagram. RFC 8085 §3.1.7: "A receiver that enables the use
// of ECN for a UDP port MUST check the ECN field at the receiver for each UDP datagram that it receives on this port."
func controlOf(control []byte) (t told) {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		switch {
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_TOS && len(data) >= 1:
			t.ecn = data[0] & 3
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_TCLASS && len(data) >= 4:
			t.ecn = uint8(binary.NativeEndian.Uint32(data)) & 3
		case header.Level == unix.IPPROTO_UDP && header.Type == unix.UDP_GRO && len(data) >= 4:
			t.segment = int(int32(binary.NativeEndian.Uint32(data)))
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			// Of what was sent to a group, or to all, Spec_dst is the address to answer from.
			t.place(netip.AddrFrom4((*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0])).Spec_dst))
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			// Of IPv4's, IP_PKTINFO knows more.
			if a := netip.AddrFrom16((*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0])).Addr); !a.Is4In6() {
				t.place(a)
			}
		}
		control = rest
	}
	return t
}

// place notes the address, if datagrams can leave from it. What arrived before the socket was told to tell has none.
func (t *told) place(a netip.Addr) {
	if !a.IsUnspecified() && !a.IsMulticast() {
		t.local = a
	}
}

// append appends the control messages that have datagrams leave like this, to an address.
func (t told) append(control []byte, to netip.AddrPort) []byte {
	v6 := to.Addr().Is6() && !to.Addr().Is4In6()
	var data []byte
	if t.ecn != 0 {
		if v6 {
			control, data = appendMessage(control, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 4)
		} else {
			control, data = appendMessage(control, unix.IPPROTO_IP, unix.IP_TOS, 4)
		}
		binary.NativeEndian.PutUint32(data, uint32(t.ecn))
	}
	switch {
	case !t.local.IsValid():
	case v6:
		control, data = appendMessage(control, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		(*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0])).Addr = t.local.As16()
	case t.local.Is4():
		control, data = appendMessage(control, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		(*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0])).Spec_dst = t.local.As4()
	}
	if t.segment > 0 {
		control, data = appendMessage(control, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)
		binary.NativeEndian.PutUint16(data, uint16(t.segment))
	}
	return control
}

// appendMessage appends a control message, and returns its size bytes, which are zero, too. There is room.
func appendMessage(control []byte, level, kind int32, size int) (longer, data []byte) {
	at := len(control)
	control = control[:at+unix.CmsgSpace(size)]
	clear(control[at:])
	header := (*unix.Cmsghdr)(unsafe.Pointer(&control[at]))
	header.Level, header.Type = level, kind
	header.SetLen(unix.CmsgLen(size))
	return control, control[at+unix.CmsgLen(0):][:size]
}

// refusesControl reports whether the error says that the system takes no such control message.
func refusesControl(err error) bool { return errors.Is(err, unix.EINVAL) }

// refusesLocal reports whether the error may say that no datagram can leave from an address.
func refusesLocal(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EADDRNOTAVAIL) ||
		errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH)
}
