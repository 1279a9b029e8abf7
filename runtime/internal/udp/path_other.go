//go:build !linux

package udp

import "net"

// setPath makes the socket send datagrams that nobody may fragment, where the system can (RFC 9000 §14), and reports whether it does. ECN codepoints are
// neither told nor set.
func setPath(c *net.UDPConn) (ecn, whole bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false, false
	}
	err = raw.Control(func(fd uintptr) {
		only6, v4, v6 := dontFragment(fd)
		whole = allWhole(c, only6, v4, v6)
	})
	return false, err == nil && whole
}
