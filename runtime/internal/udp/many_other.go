//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

// many would move many datagrams a system call. There is none: the portable form moves one.
type many struct{}

type system struct{}

func openMany(*net.UDPConn) *many { return nil }

func (*many) read(*Batch, bool) error { return errNothing }

func (*many) run([]Datagram) int { return 1 }

func (*many) writes(netip.AddrPort) bool { return false }

func (*many) write(*Batch, []Datagram, bool) error { return nil }
