//go:build darwin || freebsd

package udp

import "golang.org/x/sys/unix"

// dontFragment asks for datagrams that nobody may fragment, and reports whether those over IPv4 and over IPv6 are such, and
// whether the socket is for IPv6 only.
func dontFragment(fd uintptr) (only6, v4, v6 bool) {
	v4 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_DONTFRAG, 1) == nil
	v6 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1) == nil
	only, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	return err == nil && only != 0, v4, v6
}
