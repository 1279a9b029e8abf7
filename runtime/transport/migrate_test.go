package transport

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nat stands between one client and a server, like a router that forgets what it has mapped: the server then sees the
// client at another port.
type nat struct {
	t      testing.TB
	addr   string
	server *net.UDPAddr
	front  *net.UDPConn
	relays sync.WaitGroup

	mu     sync.Mutex
	client netip.AddrPort
	back   *net.UDPConn
	backs  []*net.UDPConn
}

func startNAT(t testing.TB, server string) *nat {
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	n := &nat{t: t, addr: front.LocalAddr().String(), server: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)), front: front}
	n.rebind("127.0.0.1")
	n.relays.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			size, from, err := front.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.client = from
			_, _ = n.back.Write(buf[:size])
			n.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		front.Close()
		for _, b := range n.backs {
			b.Close()
		}
		n.relays.Wait()
	})
	return n
}

// rebind maps the client anew. What comes to the old mapping is lost.
func (n *nat) rebind(ip string) {
	back, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)}, n.server)
	require.NoError(n.t, err)
	n.mu.Lock()
	old := n.back
	n.back = back
	n.backs = append(n.backs, back)
	n.mu.Unlock()
	if old != nil {
		old.Close()
	}
	n.relays.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			size, err := back.Read(buf)
			if err != nil {
				select {
				case <-n.t.Context().Done():
					return
				default:
				}
				n.mu.Lock()
				gone := n.back != back
				n.mu.Unlock()
				if gone {
					return
				}
				time.Sleep(time.Millisecond) // the server is not there
				continue
			}
			n.mu.Lock()
			to := n.client
			n.mu.Unlock()
			_, _ = n.front.WriteToUDPAddrPort(buf[:size], to)
		}
	})
}

// TestClientMoves changes the client's port, then its address, while it talks. The server sees where it is, and every
// message arrives.
func TestClientMoves(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	n := startNAT(t, srv.addr)
	c := dial(t, n.addr)
	s := open(t, c, echoes)
	peers := func() map[string]bool {
		links, _, _ := srv.onlyShard().table.picture()
		found := map[string]bool{}
		for _, l := range links {
			found[l.who().Addr.String()] = true
		}
		return found
	}
	for _, ip := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		n.rebind(ip)
		for range 5 {
			require.NoError(t, exchange(bounded(t), s, make([]byte, 50_000)))
		}
		n.mu.Lock()
		at := n.back.LocalAddr().String()
		n.mu.Unlock()
		require.Eventually(t, func() bool {
			return exchange(bounded(t), s, nil) == nil && peers()[at]
		}, time.Minute, time.Millisecond)
	}
	stats := srv.Stats()
	require.EqualValues(t, 4, stats.Moves)
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, c.Close(bounded(t)))
}

// onlyShard is the shard of the only listener.
func (s *server) onlyShard() *shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sv := range s.serving {
		return sv.shard
	}
	return nil
}
