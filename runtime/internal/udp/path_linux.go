package udp

import (
	"encoding/binary"
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// controlMax is room for the control messages that come with a datagram.
const controlMax = 64

// setPath makes the socket tell the ECN codepoints of what it reads, and send datagrams that nobody
// may fragment, whatever the kernel believes of the path: the connections find out
// themselves how large they may be (RFC 9000 §14, RFC 8899 §4.5). It reports whether ECN works, and whether nothing is fragmented.
func setPath(c *net.UDPConn) (ecn, whole bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false, false
	}
	err = raw.Control(func(fd uintptr) {
		set := func(level, option, value int) bool {
			return unix.SetsockoptInt(int(fd), level, option, value) == nil
		}
		// Of a socket for both versions of IP, both sets of options count; one for IPv4 refuses those of IPv6.
		v4 := set(unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
		v6 := set(unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1)
		ecn = v4 || v6
		v4 = set(unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		v6 = set(unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
		only, _ := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		whole = allWhole(c, only != 0, v4, v6)
	})
	return ecn, whole
}

// ecnOf finds the ECN codepoint among the control messages of a datagram. RFC 8085 §3.1.7: "A receiver that enables the use
// of ECN for a UDP port MUST check the ECN field at the receiver for each UDP datagram that it receives on this port."
func ecnOf(control []byte) uint8 {
	ecn, _ := controlOf(control)
	return ecn
}

// marks are the control messages that set an ECN codepoint, of IPv4 and IPv6.
var marks = func() (messages [2][4][]byte) {
	for ecn := range 4 {
		messages[0][ecn] = controlMessage(unix.IPPROTO_IP, unix.IP_TOS, uint32(ecn))
		messages[1][ecn] = controlMessage(unix.IPPROTO_IPV6, unix.IPV6_TCLASS, uint32(ecn))
	}
	return messages
}()

func controlMessage(level, option int, value uint32) []byte {
	b := make([]byte, unix.CmsgSpace(4))
	// struct cmsghdr: the length, a word; level and type, four bytes each; then the value.
	header := unix.CmsgLen(0)
	if word := header - 8; word == 8 {
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(4)))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(4)))
	}
	binary.NativeEndian.PutUint32(b[header-8:], uint32(level))
	binary.NativeEndian.PutUint32(b[header-4:], uint32(option))
	binary.NativeEndian.PutUint32(b[header:], value)
	return b
}

// mark returns the control message that sets the datagram's ECN codepoint.
func mark(d *Datagram) []byte {
	version := 0
	if a := d.Addr.Addr(); a.Is6() && !a.Is4In6() {
		version = 1
	}
	return marks[version][d.ECN&3]
}

// refusesControl reports whether the error says that the system takes no such control message.
func refusesControl(err error) bool { return errors.Is(err, unix.EINVAL) }
