package services_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

// lossy relays datagrams between one client and the server, and drops a share of them each way.
func lossy(t *testing.T, server string, share float64) (addr string) {
	t.Helper()
	front, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	back, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)))
	require.NoError(t, err)
	var client atomic.Pointer[netip.AddrPort]
	var relays sync.WaitGroup
	relay := func(from *net.UDPConn, seed uint64, send func([]byte)) {
		random := rand.New(rand.NewPCG(seed, 5))
		buf := make([]byte, 1<<16)
		for {
			n, addr, err := from.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if from == front {
				client.Store(&addr)
			}
			if random.Float64() >= share {
				send(buf[:n])
			}
		}
	}
	relays.Go(func() { relay(front, 1, func(b []byte) { _, _ = back.Write(b) }) })
	relays.Go(func() { relay(back, 2, func(b []byte) { _, _ = front.WriteToUDPAddrPort(b, *client.Load()) }) })
	t.Cleanup(func() {
		front.Close()
		back.Close()
		relays.Wait()
	})
	return front.LocalAddr().String()
}

// counting counts how often each request is handled.
type counting struct {
	server
	mu   sync.Mutex
	seen map[string]int
}

func (c *counting) Split(_ context.Context, text string) (string, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[text]++
	return text[:1], []byte(text[1:]), nil
}

// Note is never done in time.
func (c *counting) Note(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestManyCallers has 128 callers on one connection that loses a twentieth of its datagrams. Each gets the answer to what it
// asked, and no request is handled twice. Beside them are calls that miss their deadlines.
func TestManyCallers(t *testing.T) {
	const callers, calls = 128, 10
	ln, err := transport.Listen("127.0.0.1:0", transport.WithPlaintext())
	require.NoError(t, err)
	impl := &counting{seen: make(map[string]int)}
	srv := transport.NewServer()
	services.RegisterContracts(srv, impl)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(context.Background(), ln) }()
	conn, err := transport.Dial(t.Context(), lossy(t, ln.Addr().String(), 0.05), transport.WithPlaintext())
	require.NoError(t, err)
	c := services.NewContractsClient(conn)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for j := range calls {
				text := fmt.Sprintf("%c%d", 'a'+i%26, i*calls+j)
				head, tail, err := c.Split(t.Context(), text)
				if err != nil || head+string(tail) != text {
					t.Errorf("%s: %s%s, %v", text, head, tail, err)
				}
			}
		})
	}
	for range 16 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if err := c.Note(ctx, "x"); rpc.CodeOf(err) != rpc.DeadlineExceeded {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(t, conn.Close(context.Background()))
	require.NoError(t, srv.Shutdown(context.Background()))
	require.NoError(t, <-served)
	// No handler runs any more: nothing else is between the handlers' writes and this.
	require.Equal(t, callers*calls, len(impl.seen))
	for text, times := range impl.seen {
		require.Equal(t, 1, times, text)
	}
}

// flooding sends items as fast as it is let.
type flooding struct {
	server
	sent atomic.Int64
}

func (f *flooding) List(_ context.Context, _ int64, send func(int64) error) error {
	for {
		if err := send(1); err != nil {
			return err
		}
		f.sent.Add(1)
	}
}

// TestSlowReader has a caller stop in the middle of a run of replies. The handler stops too, with bounded memory, and nobody else does.
func TestSlowReader(t *testing.T) {
	impl := &flooding{server: server{reply: 1}}
	c := services.NewContractsClient(overUDP(t, impl))
	n := 0
	for _, err := range c.List(t.Context(), 1) {
		require.NoError(t, err)
		if n++; n > 1 {
			break
		}
		// The handler is held when what it has sent stays what it is, while others' calls go on.
		before, still := int64(-1), 0
		for still < 20 {
			for range 50 {
				_, err := c.Divide(t.Context(), 100, 1)
				require.NoError(t, err)
			}
			if now := impl.sent.Load(); now == before {
				still++
			} else {
				before, still = now, 0
			}
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		t.Logf("the handler is held after %d items, with %d KiB of live heap at both ends", before, m.HeapAlloc>>10)
		require.Less(t, m.HeapAlloc, uint64(32<<20))
	}
}

// TestMain makes the test binary a server when TestServerDies asks for it.
func TestMain(m *testing.M) {
	if addr := os.Getenv("SERVICES_SERVE"); addr != "" {
		if err := serveProcess(addr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// tally writes down, where it outlives the process, each request that it handles.
type tally struct {
	server
	file *os.File
	hold bool // calls do not return
}

func (s *tally) note(what string) error {
	_, err := s.file.WriteString(what + "\n") // O_APPEND
	return err
}

func (s *tally) Divide(ctx context.Context, a, _ int64) (int64, error) {
	if err := s.note(strconv.FormatInt(a, 10)); err != nil {
		return 0, err
	}
	if s.hold {
		<-ctx.Done()
	}
	return 1, nil
}

func (s *tally) Note(ctx context.Context, text string) error {
	if err := s.note(text); err != nil {
		return err
	}
	if s.hold {
		<-ctx.Done()
	}
	return nil
}

// serveProcess serves at addr until its input ends; then it shuts down.
func serveProcess(addr string) error {
	file, err := os.OpenFile(os.Getenv("SERVICES_TALLY"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	ln, err := transport.Listen(addr, transport.WithPlaintext())
	if err != nil {
		return err
	}
	srv := transport.NewServer()
	services.RegisterContracts(srv, &tally{file: file, hold: os.Getenv("SERVICES_HOLD") != ""})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(context.Background(), ln) }()
	fmt.Println(ln.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := srv.Shutdown(context.Background()); err != nil {
		return err
	}
	return <-served
}

// process is a server in a process of its own.
type process struct {
	cmd  *exec.Cmd
	stop io.Closer
	addr string
}

func startProcess(t *testing.T, addr, tally string, hold bool) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVICES_SERVE="+addr, "SERVICES_TALLY="+tally)
	if hold {
		cmd.Env = append(cmd.Env, "SERVICES_HOLD=1")
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd: cmd, stop: in}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	p.addr = strings.TrimSpace(line)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func handled(t *testing.T, tally string) map[string]int {
	t.Helper()
	b, err := os.ReadFile(tally)
	require.NoError(t, err)
	counts := make(map[string]int)
	for line := range strings.Lines(string(b)) {
		counts[strings.TrimSpace(line)]++
	}
	return counts
}

func eventually(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !what(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "it does not happen")
	}
}

// TestServerDies kills a server while calls are under way, and starts it again. Idempotent calls are made again;
// the others fail, as Unavailable and perhaps processed, and are never made twice.
func TestServerDies(t *testing.T) {
	const calls = 20
	tally := t.TempDir() + "/tally"
	p := startProcess(t, "127.0.0.1:0", tally, true)
	conn := rpc.Redial(func(ctx context.Context) (session.Conn, error) {
		return transport.Dial(ctx, p.addr, transport.WithPlaintext(), transport.WithDeathTimeout(2*time.Second), transport.WithKeepAlive(time.Second))
	})
	retry := rpc.Retry(rpc.RetryPolicy{Attempts: 10, Backoff: time.Second, BackoffMax: time.Second, Budget: 1})
	c := services.NewContractsClient(conn, rpc.WithInterceptors(retry))
	var all sync.WaitGroup
	for i := range 8 { // the budget has ten at the beginning
		all.Go(func() {
			if _, err := c.Divide(t.Context(), int64(1000+i), 1); err != nil {
				t.Errorf("idempotent call %d: %v", i, err)
			}
		})
	}
	for i := range calls {
		all.Go(func() {
			err := c.Note(t.Context(), "once "+strconv.Itoa(i))
			var e *rpc.Error
			if rpc.CodeOf(err) != rpc.Unavailable {
				t.Errorf("call %d: %v", i, err)
			} else if e = err.(*rpc.Error); e.Processed() != rpc.ProcessedMaybe {
				t.Errorf("call %d: processed %v", i, e.Processed())
			}
		})
	}
	eventually(t, func() bool {
		b, _ := os.ReadFile(tally)
		return strings.Count(string(b), "\n") == 8+calls
	})
	p.kill()
	killed := time.Now()
	startProcess(t, p.addr, tally, false)
	all.Wait()
	t.Logf("all calls were over %v after the server was killed", time.Since(killed).Round(time.Millisecond))
	for what, times := range handled(t, tally) {
		if strings.HasPrefix(what, "once") {
			require.Equal(t, 1, times, what)
		} else {
			require.Equal(t, 2, times, what)
		}
	}
	require.NoError(t, conn.Close(context.Background()))
}

// TestServerShutsDown replaces a server in good order under calls that are not idempotent: each is done once.
func TestServerShutsDown(t *testing.T) {
	const callers, calls = 16, 50
	tally := t.TempDir() + "/tally"
	p := startProcess(t, "127.0.0.1:0", tally, false)
	next := startProcess(t, "127.0.0.1:0", tally, false)
	var addr atomic.Pointer[string]
	addr.Store(&p.addr)
	conn := rpc.Redial(func(ctx context.Context) (session.Conn, error) {
		return transport.Dial(ctx, *addr.Load(), transport.WithPlaintext())
	})
	retry := rpc.Retry(rpc.RetryPolicy{Attempts: 20, Backoff: 100 * time.Millisecond, Budget: 100})
	c := services.NewContractsClient(conn, rpc.WithInterceptors(retry))
	var all sync.WaitGroup
	var done atomic.Int32
	for i := range callers {
		all.Go(func() {
			for j := range calls {
				if err := c.Note(t.Context(), fmt.Sprintf("once %d", i*calls+j)); err != nil {
					t.Errorf("call %d: %v", i*calls+j, err)
				}
				done.Add(1)
			}
		})
	}
	eventually(t, func() bool { return done.Load() > callers })
	addr.Store(&next.addr)
	require.NoError(t, p.stop.Close())
	all.Wait()
	counts := handled(t, tally)
	require.Equal(t, callers*calls, len(counts))
	for what, times := range counts {
		require.Equal(t, 1, times, what)
	}
	require.NoError(t, conn.Close(context.Background()))
	require.NoError(t, p.cmd.Wait())
}
