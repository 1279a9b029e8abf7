package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/udp"
	"github.com/sessgen/sessgen/runtime/session"
)

// The attacks on a live server, by their row in docs/verification.md. The condition stands above each test. ATTACKS_LONG=1, or make attacks, runs
// them at full size. No condition is a time: what is unharmed goes on to work.

// full is how often an attack is made: as often as the row says, or a slice of that.
func full(all, slice int) int {
	if os.Getenv("ATTACKS_LONG") != "" {
		return all
	}
	return slice
}

// heapBytes is what the heap holds, in bytes.
func heapBytes() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// devServer is a server of echoes under TLS, and what dials it.
func devServer(t testing.TB, opts ...Option) (*server, *tls.Config) {
	t.Helper()
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	return serveTLS(t, serverTLS, opts...), clientTLS
}

// Row 3: first packets from everywhere leave under 1 MB and no goroutine behind, and who is honest connects meanwhile. 10^6 INITs.
func TestAttack03FloodOfFirstPackets(t *testing.T) {
	clean(t)
	srv, clientTLS := devServer(t)
	c := dialTLS(t, srv.addr, clientTLS)
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("before")))
	a := attack(t, srv.ln.addr())
	before, goroutines := heapBytes(), runtime.NumGoroutine()
	init := packet.AppendInit(nil, packet.V1, packet.ID{}, [16]byte{})
	n := full(1_000_000, 20_000)
	for i := range n {
		binary.BigEndian.PutUint64(init[5:], uint64(i))
		a.send(init)
		if i%(n/10) == 0 {
			require.NoError(t, exchange(bounded(t), s, []byte("during")))
			require.NoError(t, shakeHands(t, srv, WithTLS(clientTLS)).Close(bounded(t)))
		}
	}
	require.NoError(t, exchange(bounded(t), s, []byte("after")))
	require.Less(t, heapBytes()-before, int64(1<<20))
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+8, "workers, for a moment")
	require.NoError(t, finish(bounded(t), s))
}

// Row 9: there is no early data. What a client sent, all of it, sent again to the same server or to another one with the same
// certificate, runs no handler.
func TestAttack09NoEarlyData(t *testing.T) {
	clean(t)
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	clientTLS.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	var handled atomic.Int64
	count := map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		handled.Add(1)
		serveEcho(ctx, s)
	}}
	srv, other := serveOver(t, count, WithTLS(serverTLS)), serveOver(t, count, WithTLS(serverTLS))
	p := startProxy(t, srv.addr, func([]byte, bool) fate { return pass })
	for range 2 { // the second one resumes, and begins with an address token
		c, err := Dial(bounded(t), p.addr, WithTLS(clientTLS))
		require.NoError(t, err)
		s := open(t, c, echoes)
		require.NoError(t, exchange(bounded(t), s, []byte("once")))
		require.NoError(t, finish(bounded(t), s))
		require.NoError(t, c.Close(bounded(t)))
	}
	require.EqualValues(t, 2, handled.Load())
	toSame, toOther := attack(t, srv.ln.addr()), attack(t, other.ln.addr())
	for range 3 {
		for _, d := range p.recorded() {
			toSame.send(d)
			toOther.send(d)
		}
	}
	// What was sent before these handshakes has been looked at when they are done.
	require.NoError(t, shakeHands(t, srv, WithTLS(clientTLS)).Close(bounded(t)))
	require.NoError(t, shakeHands(t, other, WithTLS(clientTLS)).Close(bounded(t)))
	require.EqualValues(t, 4, handled.Load())
	require.NotZero(t, srv.handshakes().BadCookie+srv.handshakes().SpentCookie)
	require.NotZero(t, other.handshakes().BadCookie)
}

// slowloris begins a handshake under TLS as far as a cookie brings it, with the first bytes of a ClientHello, and leaves it.
func (a *attacker) slowloris(n uint64) {
	client := packet.ID(binary.BigEndian.AppendUint64(nil, n))
	a.send(packet.AppendInit(nil, packet.V1, client, [16]byte{}))
	for {
		require.NoError(a.t, a.sock.ReadBatch(a.batch))
		h, _, err := packet.ParseHeader(bytes.Clone(a.batch.Datagrams[0].Data))
		if err != nil || h.Type != packet.Cookie || h.Dst != client {
			continue
		}
		hello := append(packet.AppendCryptoHead(nil, 0, 4), 1, 0, 1, 0) // a ClientHello of 256 bytes, of which no more comes
		keys, _ := handshake.InitialKeys(h.Src, h.Token)
		l := packet.Long{Type: packet.Connect, Version: packet.V1, Dst: h.Src, Src: client, Token: h.Token, NumberLen: 1}
		b := packet.AppendLong(nil, l, len(hello)+handshake.TagLen)
		a.send(keys.Seal(b, b, hello, 0))
		return
	}
}

// Row 19: of handshakes that are begun and left, at most 4,096 are kept, the oldest makes room, and they are given up in
// time; who is honest connects meanwhile. 10^5 of them.
func TestAttack19Slowloris(t *testing.T) {
	clean(t)
	srv, clientTLS := devServer(t, WithHandshakeTimeout(time.Duration(full(5, 1))*time.Second))
	a := attack(t, srv.ln.addr())
	n := full(100_000, 300)
	require.NoError(t, shakeHands(t, srv, WithTLS(clientTLS)).Close(bounded(t))) // everything has started
	goroutines := runtime.NumGoroutine()
	for i := range n {
		a.slowloris(uint64(i))
		if i%(n/10) == 0 {
			require.LessOrEqual(t, srv.handshakes().HalfOpen, 4096)
			require.NoError(t, shakeHands(t, srv, WithTLS(clientTLS)).Close(bounded(t)))
		}
	}
	got := srv.handshakes()
	require.Positive(t, got.HalfOpen+int(got.TimedOut)+int(got.Full))
	for deadline := time.Now().Add(time.Minute); srv.handshakes().HalfOpen > 0; time.Sleep(10 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%+v", srv.handshakes())
	}
	got = srv.handshakes()
	require.Greater(t, got.Begun, uint64(n/2))
	require.GreaterOrEqual(t, got.TimedOut+got.Evicted+got.Completed+got.Other, got.Begun, "each came to an end: %+v", got)
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > goroutines+8; time.Sleep(10 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d goroutines", runtime.NumGoroutine())
	}
	require.Equal(t, 5*time.Second, endpoint.HalfOpenLife)
}

// Row 33: empty datagrams and junk as fast as one core sends them do not stop a connection, nor do packets that look right and are for nobody. The
// sender takes its core from both ends; what the junk costs them shows beside a flood of a socket that nobody reads.
func TestAttack33JunkFlood(t *testing.T) {
	for _, kind := range []string{"junk", "strays"} {
		t.Run(kind, func(t *testing.T) {
			clean(t)
			srv, clientTLS := devServer(t)
			s := open(t, dialTLS(t, srv.addr, clientTLS), echoes)
			message := make([]byte, 64<<10)
			exchanges := func() {
				for range full(2000, 30) {
					require.NoError(t, exchange(bounded(t), s, message))
				}
			}
			elsewhere, err := udp.Listen("udp4", "127.0.0.1:0")
			require.NoError(t, err)
			defer elsewhere.Close()
			alone := timed(exchanges)
			var beside, under time.Duration
			beforehand := flood(t, elsewhere.LocalAddr(), kind, func() { beside = timed(exchanges) })
			sent := flood(t, srv.ln.addr(), kind, func() { under = timed(exchanges) })
			require.NotZero(t, sent)
			t.Logf("goodput is %.2f of that without under %d datagrams in %v, and %.2f beside %d in %v to another socket: %.2f of it (demand: 0.5)",
				float64(alone)/float64(under), sent, under.Round(time.Millisecond),
				float64(alone)/float64(beside), beforehand, beside.Round(time.Millisecond), float64(beside)/float64(under))
			require.NoError(t, finish(bounded(t), s))
		})
	}
}

// flood has a process of its own send datagrams of a kind to an address while f runs, and returns how many those were. A
// goroutine of this process would keep one of its two threads to itself.
func flood(t *testing.T, to netip.AddrPort, kind string, f func()) (sent int) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestFlood$")
	cmd.Env = append(os.Environ(), floodEnv+"="+kind+" "+to.String())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // whose end tells it to stop
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	out := bufio.NewReader(stdout)
	_, err = out.ReadString('\n')
	require.NoError(t, err)
	f()
	require.NoError(t, stdin.Close())
	_, err = fmt.Fscanln(out, &sent)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, out)
	require.NoError(t, cmd.Wait())
	return sent
}

const floodEnv = "SESSGEN_TEST_FLOOD"

// TestFlood is the process of a flood, and no test.
func TestFlood(t *testing.T) {
	kind, to, ok := strings.Cut(os.Getenv(floodEnv), " ")
	if !ok {
		t.Skip("runs only as the attacker of another test")
	}
	a := attack(t, netip.MustParseAddrPort(to))
	datagrams := [][]byte{nil, {0}, {0x40}, {0xff}, a.garbage()}
	if kind == "strays" {
		datagrams = nil
		for range 256 {
			stray := binary.BigEndian.AppendUint64([]byte{0x40}, a.random.Uint64())
			datagrams = append(datagrams, append(stray, make([]byte, 40)...))
		}
	}
	var stop atomic.Bool
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		stop.Store(true)
	}()
	fmt.Println("floods")
	sent := 0
	for ; !stop.Load(); sent++ {
		a.send(datagrams[sent%len(datagrams)])
	}
	fmt.Println(sent)
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// Row 35: a session is resumed with fresh keys, not a week after its ticket, when the keys that sealed it are gone.
func TestAttack35TicketKeys(t *testing.T) {
	clean(t)
	var later atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	clientTLS.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	serverTLS.Time = clock // the client does not see that its ticket is old
	srv := serveTLS(t, serverTLS)
	resumed := func() bool {
		c := shakeHands(t, srv, WithTLS(clientTLS))
		defer func() { require.NoError(t, c.Close(bounded(t))) }()
		state := c.Peer().TLS
		require.NotZero(t, state.CurveID, "a key exchange of its own: forward secrecy")
		return state.DidResume
	}
	require.False(t, resumed())
	require.True(t, resumed())
	later.Add(int64(8 * 24 * time.Hour))
	require.False(t, resumed())
	require.True(t, resumed())
}
