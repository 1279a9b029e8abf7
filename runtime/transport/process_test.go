//go:build linux

package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/session"
)

// What happens to real processes. Each test has a short form; make endurance runs the long ones.

const processEnv = "SESSGEN_TEST_PROCESS"

// TestProcess is the server's process, and no test. It answers "measure" on its input with the bytes of its heap and
// its goroutines.
func TestProcess(t *testing.T) {
	addr := os.Getenv(processEnv)
	if addr == "" {
		t.Skip("runs only as the server of another test")
	}
	ln, err := Listen(addr, WithPlaintext(), WithResetKey(make([]byte, 32)),
		WithDeathTimeout(time.Minute), WithIdleTimeout(time.Minute))
	require.NoError(t, err)
	srv := NewServer()
	srv.Handle(echoes, serveEcho)
	go srv.Serve(context.Background(), ln)
	fmt.Println(ln.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(m.HeapAlloc, runtime.NumGoroutine(), srv.Stats().Connections)
	}
}

// process is a server in a process of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	addr string
}

func startProcess(t *testing.T, addr string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0], "-test.run=^TestProcess$")}
	p.cmd.Env = append(os.Environ(), processEnv+"="+addr)
	p.cmd.Stderr = os.Stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReader(out)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.kill)
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	p.addr = strings.TrimSpace(line)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *process) signal(s syscall.Signal) { require.NoError(p.t, p.cmd.Process.Signal(s)) }

// state is the process' state as the kernel has it: T for stopped.
func (p *process) state() string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

func (p *process) measure() (heap, goroutines, connections int) {
	p.t.Helper()
	_, err := io.WriteString(p.in, "measure\n")
	require.NoError(p.t, err)
	line, err := p.out.ReadString('\n')
	require.NoError(p.t, err)
	_, err = fmt.Sscan(line, &heap, &goroutines, &connections)
	require.NoError(p.t, err)
	return heap, goroutines, connections
}

// TestProcessKilled: SIGKILL, then a new process on the same port. Who waits learns of it by the death timeout, or from
// the new process, and can go on there.
func TestProcessKilled(t *testing.T) {
	clean(t)
	p := startProcess(t, "127.0.0.1:0")
	patient := dial(t, p.addr, WithDeathTimeout(time.Minute))
	hasty := dial(t, p.addr, WithDeathTimeout(300*time.Millisecond))
	a, b := open(t, patient, echoes), open(t, hasty, echoes)
	require.NoError(t, exchange(bounded(t), a, []byte("x")))
	require.NoError(t, exchange(bounded(t), b, []byte("x")))
	p.kill()
	began := time.Now()
	var gone *GoneError
	require.ErrorAs(t, exchange(bounded(t), b, []byte("nobody there")), &gone)
	require.False(t, gone.Restarted)
	t.Logf("found out after %v, with a death timeout of 300 ms", time.Since(began).Round(time.Millisecond))

	next := startProcess(t, p.addr)
	require.Equal(t, p.addr, next.addr)
	began = time.Now()
	require.ErrorAs(t, exchange(bounded(t), a, []byte("somebody else is there")), &gone)
	require.True(t, gone.Restarted)
	t.Logf("told after %v by the new process", time.Since(began).Round(time.Millisecond))
	s := open(t, dial(t, next.addr), echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("again")))
}

// TestProcessStopped: SIGSTOP, for 20 s in the long form, then SIGCONT. A session whose timeouts are longer goes on
// as if nothing had been; one whose are shorter ends with a typed error.
func TestProcessStopped(t *testing.T) {
	clean(t)
	stopped := 1500 * time.Millisecond
	if long() {
		stopped = 20 * time.Second
	}
	p := startProcess(t, "127.0.0.1:0")
	patient := dial(t, p.addr, WithDeathTimeout(time.Minute), WithIdleTimeout(time.Minute))
	hasty := dial(t, p.addr, WithDeathTimeout(stopped/5))
	a, b := open(t, patient, echoes), open(t, hasty, echoes)
	require.NoError(t, exchange(bounded(t), a, []byte("x")))
	require.NoError(t, exchange(bounded(t), b, []byte("x")))
	p.signal(syscall.SIGSTOP)
	require.Eventually(t, func() bool { return p.state() == "T" }, time.Minute, time.Millisecond) // it takes effect when it does
	result := make(chan error, 1)
	go func() { result <- exchange(bounded(t), a, make([]byte, 300_000)) }()
	var gone *GoneError
	require.ErrorAs(t, exchange(bounded(t), b, []byte("asleep")), &gone)
	require.True(t, gone.Timeout())
	time.Sleep(stopped)
	p.signal(syscall.SIGCONT)
	began := time.Now()
	require.NoError(t, <-result)
	t.Logf("stopped for %v, went on after %v", stopped, time.Since(began).Round(time.Millisecond))
	require.NoError(t, exchange(bounded(t), a, nil))
}

// spoof sends datagrams from addresses that are somebody else's.
type spoof struct {
	t    *testing.T
	sock *net.UDPConn
	to   netip.AddrPort
}

func (s *spoof) send(from netip.Addr, datagram []byte) {
	oob := unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: from.As4()})
	_, _, err := s.sock.WriteMsgUDPAddrPort(datagram, oob, s.to)
	require.NoError(s.t, err)
}

// TestProcessFlooded: INITs from spoofed addresses and garbage at a live server, 200,000 and 1,000,000 in the long form. Its
// heap and its goroutines stay as they are, and the session that is under way goes on.
func TestProcessFlooded(t *testing.T) {
	clean(t)
	inits, garbage := 5_000, 20_000
	if long() {
		inits, garbage = 200_000, 1_000_000
	}
	p := startProcess(t, "127.0.0.1:0")
	c := dial(t, p.addr, WithDeathTimeout(time.Minute))
	s := open(t, c, echoes)
	for range 100 {
		require.NoError(t, exchange(bounded(t), s, make([]byte, 1000)))
	}
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer sock.Close()
	attack := spoof{t: t, sock: sock, to: netip.MustParseAddrPort(p.addr)}
	random := rand.New(rand.NewPCG(24, 24))
	fill := func(b []byte) {
		for i := range b {
			b[i] = byte(random.Uint32())
		}
	}
	spoofed := func() netip.Addr {
		n := random.Uint32()
		return netip.AddrFrom4([4]byte{127, byte(n>>16) | 1, byte(n >> 8), byte(n)})
	}
	heap, goroutines, _ := p.measure()
	answered := 0
	exchanges := func(i, of int) {
		if i%(of/50+1) == 0 {
			require.NoError(t, exchange(bounded(t), s, make([]byte, 200)))
			answered++
		}
	}
	var id packet.ID
	var nonce [packet.NonceLen]byte
	init := make([]byte, 0, packet.MinInit)
	for i := range inits {
		fill(id[:])
		fill(nonce[:])
		attack.send(spoofed(), packet.AppendInit(init, packet.V1Plain, id, nonce))
		exchanges(i, inits)
	}
	junk := make([]byte, 1400)
	for i := range garbage {
		b := junk[:random.IntN(len(junk))]
		fill(b[:min(len(b), 40)])
		if len(b) > 0 && i%2 == 0 {
			b[0] = byte(random.IntN(16)) << 4
		}
		attack.send(spoofed(), b)
		exchanges(i, garbage)
	}
	after, left, connections := p.measure()
	t.Logf("%d INITs and %d garbage datagrams: heap from %d to %d bytes, goroutines from %d to %d, %d exchanges meanwhile",
		inits, garbage, heap, after, goroutines, left, answered)
	require.Less(t, after-heap, 1<<20)
	require.LessOrEqual(t, left, goroutines+1)
	require.Equal(t, 1, connections)
	require.NoError(t, finish(bounded(t), s))
}

// TestProcessTransfer: 200 MB in the long form through a network that loses 5 %, has 2 % overtaken and 2 % come twice,
// equal to the bit.
func TestProcessTransfer(t *testing.T) {
	clean(t)
	size := 4 << 20
	if long() {
		size = 200_000_000
	}
	sum := make(chan [sha256.Size]byte, 1)
	srv := serve(t, map[*session.Protocol]handler{hello: func(ctx context.Context, s session.Stream) {
		h := sha256.New()
		for {
			message, _, err := s.Recv(ctx)
			if err != nil {
				break
			}
			h.Write(message)
		}
		sum <- [sha256.Size]byte(h.Sum(nil))
		_ = s.CloseSend()
		_ = s.Close(ctx)
	}}, WithDeathTimeout(time.Minute))
	random := rand.New(rand.NewPCG(200, 522))
	p := startProxy(t, srv.addr, func([]byte, bool) fate {
		switch n := random.IntN(100); {
		case n < 5:
			return drop
		case n < 7:
			return late
		case n < 9:
			return twice
		}
		return pass
	})
	c := dial(t, p.addr, WithDeathTimeout(time.Minute), WithHandshakeTimeout(time.Minute))
	s := open(t, c, hello)
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	h := sha256.New()
	block := make([]byte, 100_000)
	began := time.Now()
	for left := size; left > 0; {
		block = block[:min(left, len(block))]
		for i := range block {
			block[i] = byte(random8(i, left))
		}
		h.Write(block)
		require.NoError(t, s.Send(ctx, block, left == len(block)))
		left -= len(block)
	}
	require.True(t, bytes.Equal(h.Sum(nil), first(sum)))
	stats := c.Stats()
	t.Logf("%d bytes in %v; %d packets sent, %d lost", size, time.Since(began).Round(time.Millisecond), stats.PacketsSent, stats.PacketsLost)
	_, _, err := s.Recv(ctx)
	require.Equal(t, io.EOF, err)
	require.NoError(t, s.Close(ctx))
	require.NoError(t, c.Close(ctx))
}

// random8 is a byte that differs from its neighbours in place and time.
func random8(i, j int) uint64 { return (uint64(i)*2654435761 ^ uint64(j)*40503) >> 7 }

func first(sum chan [sha256.Size]byte) []byte {
	s := <-sum
	return s[:]
}

// TestProcessConnections opens, uses and closes connections, 2,000 in the long form. At both ends heap and goroutines are back
// where they were.
func TestProcessConnections(t *testing.T) {
	clean(t)
	count := 300
	if long() {
		count = 2000
	}
	p := startProcess(t, "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	use := func(n int) {
		const atOnce = 50
		for range n / atOnce {
			require.NoError(t, parallel(atOnce, func(int) error {
				c, err := Dial(ctx, p.addr, WithPlaintext(), WithDeathTimeout(time.Minute), WithHandshakeTimeout(time.Minute))
				if err != nil {
					return err
				}
				s, err := c.OpenStream(ctx, echoes, nil)
				if err == nil {
					err = exchange(ctx, s, make([]byte, 5000))
				}
				if err == nil {
					err = finish(ctx, s)
				}
				if err != nil {
					return err
				}
				return c.Close(ctx)
			}))
		}
	}
	here := func() (heap, goroutines int) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc), runtime.NumGoroutine()
	}
	settled := func() (heap, goroutines int) {
		var connections int
		require.Eventually(t, func() bool {
			heap, goroutines, connections = p.measure()
			return connections == 0
		}, time.Minute, 10*time.Millisecond)
		return heap, goroutines
	}
	use(100) // what is made once
	heap, goroutines := settled()
	ours, our := here()
	use(count)
	time.Sleep(time.Second) // tombstones last for three probe timeouts
	use(50)                 // and are swept when the next one is buried
	after, left := settled()
	oursAfter, ourLeft := here()
	t.Logf("%d connections: the server's heap from %d to %d bytes and goroutines from %d to %d; the client's from %d to %d and from %d to %d",
		count, heap, after, goroutines, left, ours, oursAfter, our, ourLeft)
	// Goroutines that serve sessions are kept, and how many of them were needed is up to the scheduler.
	require.LessOrEqual(t, left, goroutines+idleHandlers)
	require.LessOrEqual(t, ourLeft, our)
	// A shard keeps batches for the next burst, and how many of them it has met before the count began is up to the scheduler.
	const bound = 1<<20 + batchesKept*batchMax*datagramMax
	require.Less(t, after-heap, bound)
	require.Less(t, oursAfter-ours, bound)
}
