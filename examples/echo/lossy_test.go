package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// lossy relays datagrams between its clients and the server at address, each
// client through a socket of its own. Of those that pass, either way, it drops a fifth, and
// holds back a fifth for a while, so that others overtake it. It prints its address and never returns but with an error.
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
	send   func([]byte)
}

// lateness is how long a datagram is held back.
const lateness = 5 * time.Millisecond

func (l *link) pass(datagram []byte) {
	l.mu.Lock()
	draw := l.random.IntN(5)
	l.mu.Unlock()
	switch draw {
	case 0: // dropped
	case 1:
		late := append([]byte(nil), datagram...)
		time.AfterFunc(lateness, func() { l.send(late) })
	default:
		l.send(datagram)
	}
}
