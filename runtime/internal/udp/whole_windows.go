package udp

import "golang.org/x/sys/windows"

// The options of ws2ipdef.h.
const (
	ipDontFragment   = 14
	ipv6DontFragment = 14
)

// dontFragment asks for datagrams that nobody may fragment, and reports whether those over IPv4 and over IPv6 are such, and
// whether the socket is for IPv6 only.
func dontFragment(fd uintptr) (only6, v4, v6 bool) {
	s := windows.Handle(fd)
	v4 = windows.SetsockoptInt(s, windows.IPPROTO_IP, ipDontFragment, 1) == nil
	v6 = windows.SetsockoptInt(s, windows.IPPROTO_IPV6, ipv6DontFragment, 1) == nil
	only, err := windows.GetsockoptInt(s, windows.IPPROTO_IPV6, windows.IPV6_V6ONLY)
	return err == nil && only != 0, v4, v6
}
