//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

// watchErrors does nothing: a socket that is connected to nobody hears of no ICMP message here.
func watchErrors(*net.UDPConn, bool) {}

// Unreachable never calls f.
func (s *Socket) Unreachable(func(netip.AddrPort)) bool { return false }
