package transport

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fate is what a proxy does with a datagram.
type fate uint8

const (
	pass fate = iota
	drop
	late // so that others overtake it
	twice
)

// lateness is how long a datagram is kept that is to come late.
const lateness = 5 * time.Millisecond

// proxy stands between one client and a server.
type proxy struct {
	addr   string
	mu     sync.Mutex
	decide func(datagram []byte, toServer bool) fate
	record [][]byte
}

// startProxy relays datagrams until the end of the test, as decide says.
func startProxy(t testing.TB, server string, decide func([]byte, bool) fate) *proxy {
	t.Helper()
	local := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0"))
	front, err := net.ListenUDP("udp4", local)
	require.NoError(t, err)
	back, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)))
	require.NoError(t, err)
	p := &proxy{addr: front.LocalAddr().String(), decide: decide}

	var client netip.AddrPort
	var relays sync.WaitGroup
	relay := func(from *net.UDPConn, toServer bool, send func([]byte)) {
		buf := make([]byte, 1<<16)
		for {
			n, addr, err := from.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			d := bytes.Clone(buf[:n])
			p.mu.Lock()
			if toServer {
				client = addr
			}
			if len(p.record) < 1000 {
				p.record = append(p.record, d)
			}
			does := p.decide(d, toServer)
			p.mu.Unlock()
			switch does {
			case pass:
				send(d)
			case twice:
				send(d)
				send(d)
			case late:
				relays.Add(1)
				time.AfterFunc(lateness, func() {
					defer relays.Done()
					send(d)
				})
			}
		}
	}
	relays.Go(func() { relay(front, true, func(d []byte) { _, _ = back.Write(d) }) })
	relays.Go(func() {
		relay(back, false, func(d []byte) {
			p.mu.Lock()
			to := client
			p.mu.Unlock()
			_, _ = front.WriteToUDPAddrPort(d, to)
		})
	})
	t.Cleanup(func() {
		front.Close()
		back.Close()
		relays.Wait()
	})
	return p
}

func (p *proxy) recorded() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([][]byte(nil), p.record...)
}

// TestEchoThroughALossyProxy has a fifth of the datagrams dropped, and a fifth
// come late, each way.
func TestEchoThroughALossyProxy(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	random := rand.New(rand.NewPCG(20, 20))
	p := startProxy(t, srv.addr, func([]byte, bool) fate {
		switch random.IntN(5) {
		case 0:
			return drop
		case 1:
			return late
		}
		return pass
	})
	c := dial(t, p.addr)
	s := open(t, c, echoes)
	for i := range 100 {
		require.NoError(t, exchange(bounded(t), s, fmt.Appendf(nil, "exchange %d", i)))
	}
	require.NoError(t, exchange(bounded(t), s, make([]byte, 1<<20)))
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, c.Close(bounded(t)))
}
