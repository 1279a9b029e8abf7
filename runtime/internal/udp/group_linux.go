package udp

import (
	"context"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// groupTries is how often a port is asked for that somebody else may take meanwhile.
const groupTries = 8

// ListenGroup binds n sockets to one address, as Listen binds one. Of the datagrams, those whose first byte has its highest
// bit set come to the first socket, of the others each to the one whose number is its second byte modulo n. Where the
// system cannot, it binds one socket.
//
// The system lets whoever else asks for it join the group, if it is the same user's. So that a second listener is an error, as
// it is with one socket, the address is first bound alone.
func ListenGroup(network, address string, n int) ([]*Socket, error) {
	if n <= 1 {
		return listenAlone(network, address)
	}
	for range groupTries {
		alone, err := Listen(network, address)
		if err != nil {
			return nil, err
		}
		bound := alone.LocalAddr()
		alone.Close()
		group, err := bindGroup(network, address, int(bound.Port()), n)
		switch {
		case err == nil:
			return group, nil
		case !errors.Is(err, unix.EADDRINUSE):
			return listenAlone(network, address) // not everything that passes for Linux can steer
		}
	}
	return listenAlone(network, address)
}

func listenAlone(network, address string) ([]*Socket, error) {
	s, err := Listen(network, address)
	if err != nil {
		return nil, err
	}
	return []*Socket{s}, nil
}

// bindGroup binds n sockets to the host of address and the port.
func bindGroup(network, address string, port, n int) (group []*Socket, err error) {
	defer func() {
		if err != nil {
			for _, s := range group {
				s.Close()
			}
			group = nil
		}
	}()
	bind, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	bind.Port = port
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		return control(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	}}
	for i := range n {
		p, err := config.ListenPacket(context.Background(), network, bind.String())
		if err != nil {
			return group, err
		}
		c := p.(*net.UDPConn)
		if i == 0 {
			raw, err := c.SyscallConn()
			if err == nil {
				err = control(raw, func(fd int) error { return steer(fd, n) })
			}
			if err != nil {
				c.Close()
				return group, err
			}
		}
		group = append(group, listening(c))
	}
	return group, nil
}

// control calls f with the descriptor of c.
func control(c syscall.RawConn, f func(fd int) error) (err error) {
	if outer := c.Control(func(fd uintptr) { err = f(int(fd)) }); outer != nil {
		return outer
	}
	return err
}

// steer makes the kernel choose among n sockets, with a program of the classic BPF that sees a datagram from its first byte on.
func steer(fd, n int) error {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: 3, K: 0x80},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 1},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(n)},
		{Code: unix.BPF_RET | unix.BPF_A},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}
