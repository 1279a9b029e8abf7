//go:build !linux

package udp

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

// many would move many datagrams a system call. There is none: the portable form moves one.
type many struct{}

type system struct{}

func openMany(c *net.UDPConn) (*many, packetConn, syscall.RawConn) {
	raw, _ := c.SyscallConn() // which fails for no socket that is open
	return nil, c, raw
}

func (*many) read(*Batch) error { return ErrNothing }

func (*many) poll(*Batch) error { return ErrNothing }

func (*many) await(*Batch, time.Duration) error { return ErrNothing }

func (*many) ring() {}

func (*many) run([]Datagram) int { return 1 }

func (*many) writes(netip.AddrPort) bool { return false }

func (*many) write(*Batch, []Datagram, told) error { return nil }
