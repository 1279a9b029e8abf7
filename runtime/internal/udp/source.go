package udp

import (
	"net"
	"net/netip"
)

// SourceFor asks the system from which of its addresses datagrams leave that go to an address. It sends nothing. The
// answer is not valid where there is no way there.
func SourceFor(to netip.AddrPort) netip.Addr {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	return plain(c.LocalAddr().(*net.UDPAddr).AddrPort()).Addr()
}
