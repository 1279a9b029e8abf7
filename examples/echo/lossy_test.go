package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
)

// lossy relays datagrams between its clients and the server at address, each
// client through a socket of its own. Of those that pass, either way, it drops a fifth, and
// holds back a fifth until another has gone by. It prints its address and never returns but with an error.
func lossy(out io.Writer, address string, seed uint64) error {
	server, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	front, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, front.LocalAddr())

	backs := map[netip.AddrPort]*link{}
	buf := make([]byte, 65536)
	for {
		n, client, err := front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		up, known := backs[client]
		if !known {
			back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
			if err != nil {
				return err
			}
			seed++
			up = &link{random: rand.New(rand.NewPCG(seed, 1)), send: func(b []byte) { back.Write(b) }}
			down := &link{random: rand.New(rand.NewPCG(seed, 2)), send: func(b []byte) { front.WriteToUDPAddrPort(b, client) }}
			backs[client] = up
			go func() {
				buf := make([]byte, 65536)
				for {
					n, err := back.Read(buf)
					if err != nil {
						return
					}
					down.pass(buf[:n])
				}
			}()
		}
		up.pass(buf[:n])
	}
}

// link is one direction of the bad network.
type link struct {
	mu     sync.Mutex
	random *rand.Rand
	held   [][]byte
	send   func([]byte)
}

func (l *link) pass(datagram []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch draw := l.random.IntN(5); {
	case draw == 0: // dropped
	case draw == 1 && len(l.held) < 8:
		l.held = append(l.held, append([]byte(nil), datagram...))
		return
	default:
		l.send(datagram)
	}
	for _, held := range l.held {
		l.send(held)
	}
	l.held = l.held[:0]
}
