//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

const controlMax = 0

// told would be what control messages say of a datagram. They are not asked for.
type told struct {
	ecn   uint8
	local netip.Addr
}

func tellLocal(*net.UDPConn) bool { return false }

func controlOf([]byte) (t told) { return t }

func (told) append([]byte, netip.AddrPort) []byte { return nil }

func refusesControl(error) bool { return false }

func refusesLocal(error) bool { return false }
