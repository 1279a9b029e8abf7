package transport

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/packet"
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
	ids    map[netip.AddrPort]map[packet.ID]bool // of SHORT packets that passed, either way, by where the server saw the client
}

// pass notes a datagram. n.mu is held.
func (n *nat) pass(back *net.UDPConn, datagram []byte) {
	id, ok := packet.DstID(datagram)
	if !ok || packet.IsLong(datagram) {
		return
	}
	at := back.LocalAddr().(*net.UDPAddr).AddrPort()
	if n.ids[at] == nil {
		n.ids[at] = map[packet.ID]bool{}
	}
	n.ids[at][id] = true
}

func startNAT(t testing.TB, server string) *nat {
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	n := &nat{t: t, addr: front.LocalAddr().String(), server: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)), front: front}
	n.ids = map[netip.AddrPort]map[packet.ID]bool{}
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
			n.pass(n.back, buf[:size])
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
			n.pass(back, buf[:size])
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
		links, _, _ := srv.onlyGroup().table.picture()
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

// TestClientRoams has the system send from another address, as it does in another network: the client notices when it has
// been silent for a second, and no connection id is seen at both addresses.
func TestClientRoams(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	n := startNAT(t, srv.addr)
	c, err := Dial(bounded(t), n.addr, WithPlaintext(), WithOwnSocket())
	require.NoError(t, err)
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("here")))

	locate := func(ip string) { // nothing of before is remembered
		addr := netip.MustParseAddr(ip)
		c.link.mu.Lock()
		c.link.shard.sources = &sources{ask: func(netip.AddrPort) netip.Addr { return addr }}
		c.link.unlock()
	}
	located := func() string {
		c.link.mu.Lock()
		defer c.link.unlock()
		return c.link.source.String()
	}
	locate("127.0.0.1")
	require.Eventually(t, func() bool { return located() == "127.0.0.1" }, time.Minute, 10*time.Millisecond)
	first := netip.MustParseAddrPort(n.back.LocalAddr().String())

	locate("127.0.0.2")
	n.rebind("127.0.0.2")
	second := netip.MustParseAddrPort(n.back.LocalAddr().String())
	require.Eventually(t, func() bool { return exchange(bounded(t), s, []byte("there")) == nil && srv.Stats().Moves == 1 }, time.Minute, time.Second)
	require.Equal(t, "127.0.0.2", located())
	n.mu.Lock()
	require.NotEmpty(t, n.ids[first])
	require.Len(t, n.ids[second], 2)
	for id := range n.ids[second] {
		require.NotContains(t, n.ids[first], id)
	}
	n.mu.Unlock()
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, c.Close(bounded(t)))
}

// onlyGroup is what the only listener is served by.
func (s *server) onlyGroup() *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sv := range s.serving {
		return sv.group
	}
	return nil
}
