package udp

import (
	"math"

	"golang.org/x/sys/unix"
)

// headerLen is the length of a UDP header, with which what a socket's filter sees begins.
const headerLen = 8

// Admit makes the kernel drop datagrams that have none of the shapes, before they take room in the socket's buffer or
// wake its reader. It is a saving and no promise: a reader must expect any datagram in any case. Of datagrams that the kernel
// has joined, the first one speaks for all.
func (s *Socket) Admit(shapes ...Shape) {
	if s.many == nil {
		return
	}
	program := filter(shapes)
	// A system that refuses it delivers everything.
	_ = control(s.many, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
}

// filter is a program of the classic BPF that returns how many bytes to keep of a datagram: all or none.
func filter(shapes []Shape) (program []unix.SockFilter) {
	for _, h := range shapes {
		words := len(h.Words)
		rest := uint8(5) // how far it is to the next shape
		if words > 0 {
			rest += uint8(words) + 1
		}
		program = append(program,
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_LEN},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: uint32(headerLen + h.Least), Jf: rest - 1},
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: headerLen},
			unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: uint32(h.Mask)},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(h.Value), Jf: rest - 4},
		)
		if words > 0 {
			program = append(program, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: headerLen + 1})
		}
		for i, word := range h.Words {
			jump := unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: word, Jt: uint8(words - 1 - i)}
			if i == words-1 {
				jump.Jf = 1
			}
			program = append(program, jump)
		}
		program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: math.MaxUint32})
	}
	return append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0})
}
