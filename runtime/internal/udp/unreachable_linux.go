package udp

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// watchErrors has ICMP messages about what was sent kept for Unreachable. Without it, a socket that is connected to nobody hears of none.
func watchErrors(c *net.UDPConn, v6 bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		if v6 {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		} else {
			unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		}
	})
}

const (
	// errorsMax bounds how many messages are taken from the queue in one go: all that a socket's buffer has room for.
	errorsMax = 1 << 15
	// foundMax bounds how many of them are told.
	foundMax = 64
)

// Unreachable calls f with each address of which an ICMP message has said since that nobody is there, or
// that no way leads there. Anyone who knows of the traffic can forge one. RFC 9000 §14.2.1: "ICMP message validation MUST
// include matching IP addresses and UDP ports". It reports whether there was any message, of whatever kind.
//
// The reader calls it after every fault of a read. What is queued, also of datagrams that were larger than the path takes, has its room in the
// socket's buffer: if nobody takes it, none is left for datagrams.
func (s *Socket) Unreachable(f func(netip.AddrPort)) (any bool) {
	if !s.dials {
		return false
	}
	var found []netip.AddrPort
	s.raw.Control(func(fd uintptr) {
		var oob [512]byte
		for range errorsMax {
			_, n, _, to, err := unix.Recvmsg(int(fd), nil, oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
			if err != nil {
				return
			}
			any = true
			if unreachable(oob[:n]) && len(found) < foundMax {
				found = append(found, addrPort(to))
			}
		}
	})
	for _, to := range found {
		if to.IsValid() {
			f(to)
		}
	}
	return any
}

// unreachable reports whether a control message tells of an ICMP message that says so. A datagram
// that was too large, or a socket's own trouble, is something else. RFC 9000 §14.2.1: "An endpoint MUST ignore an ICMP
// message that claims the PMTU has decreased below" 1,200 bytes, and "MUST NOT increase the PMTU based on ICMP messages" (RFC 8899 §4.6.2 says the same).
func unreachable(oob []byte) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for _, m := range messages {
		// struct sock_extended_err: errno, then where it comes from.
		const icmp, icmp6 = unix.SO_EE_ORIGIN_ICMP, unix.SO_EE_ORIGIN_ICMP6
		if len(m.Data) < 5 || m.Data[4] != icmp && m.Data[4] != icmp6 {
			continue
		}
		switch unix.Errno(binary.NativeEndian.Uint32(m.Data)) {
		case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH:
			return true
		}
	}
	return false
}

func addrPort(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
