package udp

import (
	"net"

	"golang.org/x/sys/unix"
)

// setPath makes the socket tell the ECN codepoints of what it reads, and send datagrams that nobody
// may fragment, whatever the kernel believes of the path: the connections find out
// themselves how large they may be (RFC 9000 §14, RFC 8899 §4.5). It reports whether ECN works, and whether nothing is fragmented.
func setPath(c *net.UDPConn) (ecn, whole bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false, false
	}
	_ = raw.Control(func(fd uintptr) {
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
