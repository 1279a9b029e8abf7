package transport

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// TestRoundTripAllocates shows that an exchange of raw messages costs no
// allocation, client and server together.
func TestRoundTripAllocates(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	s := open(t, dial(t, srv.addr), echoes)
	ctx, message := bounded(t), make([]byte, 64)
	var failed error
	round := func() {
		if err := exchange(ctx, s, message); err != nil {
			failed = err
		}
	}
	for range 100 {
		round()
	}
	require.Zero(t, testing.AllocsPerRun(1000, round))
	require.NoError(t, failed)
}

// The round trips of BenchmarkRoundTrip: a 64-byte message there and back. In two
// processes the server is this test's binary, started anew.
const (
	peerEnv = "SESSGEN_BENCH_PEER"
	rawPeer = "raw"
)

// BenchmarkRoundTrip sets a session's round trip beside that of bare UDP datagrams.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("one process/raw UDP", func(b *testing.B) {
		sock := loopback(b)
		defer sock.Close()
		go answerRaw(sock)
		rawRounds(b, sock.LocalAddr().String())
	})
	b.Run("one process/session", func(b *testing.B) {
		sessionRounds(b, echoServer(b).addr)
	})
	b.Run("two processes/raw UDP", func(b *testing.B) { rawRounds(b, startPeer(b, rawPeer)) })
	b.Run("two processes/session", func(b *testing.B) { sessionRounds(b, startPeer(b, "session")) })
}

// BenchmarkParallel has many sessions of one connection exchange at once.
func BenchmarkParallel(b *testing.B) {
	for _, sessions := range []int{10, 100} {
		b.Run(fmt.Sprint(sessions), func(b *testing.B) {
			exchangeAll(b, sessions, dial(b, echoServer(b).addr))
		})
	}
}

// BenchmarkShards has 128 sessions on 8 connections exchange at once, with a server of so many shards.
func BenchmarkShards(b *testing.B) {
	for _, shards := range []int{1, 2, 4} {
		b.Run(fmt.Sprint(shards), func(b *testing.B) {
			srv := echoServer(b, withShards(shards))
			var conns []*Conn
			for range 8 {
				conns = append(conns, dial(b, srv.addr, WithOwnSocket()))
			}
			exchangeAll(b, 128, conns...)
		})
	}
}

// exchangeAll has sessions exchange on connections.
func exchangeAll(b *testing.B, sessions int, conns ...*Conn) {
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range sessions {
		s := open(b, conns[i%len(conns)], echoes)
		all.Go(func() {
			for range b.N/sessions + min(1, max(0, b.N%sessions-i)) {
				if err := exchange(context.Background(), s, make([]byte, 64)); err != nil {
					panic(err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkBulk sends messages of 64 KiB one way.
func BenchmarkBulk(b *testing.B) { bulk(b, 64<<10) }

// BenchmarkBulkLong sends messages of 4 MiB one way.
func BenchmarkBulkLong(b *testing.B) { bulk(b, 4<<20) }

func bulk(b *testing.B, size int) {
	oneWay := protocol("Bulk", 0)
	srv := serve(b, map[*session.Protocol]handler{oneWay: func(ctx context.Context, s session.Stream) {
		for {
			if _, _, err := s.Recv(ctx); err != nil {
				_ = s.CloseSend()
				_ = s.Close(ctx)
				return
			}
		}
	}})
	s := open(b, dial(b, srv.addr), oneWay)
	message := make([]byte, size)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, s.Send(context.Background(), message, false))
	}
	require.NoError(b, finish(bounded(b), s))
}

func sessionRounds(b *testing.B, addr string) {
	s := open(b, dial(b, addr), echoes)
	message := make([]byte, 64)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if err := exchange(ctx, s, message); err != nil {
			b.Fatal(err)
		}
	}
}

func rawRounds(b *testing.B, addr string) {
	sock := loopback(b)
	defer sock.Close()
	to := netip.MustParseAddrPort(addr)
	message, answer := make([]byte, 64), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sock.WriteToUDPAddrPort(message, to); err != nil {
			b.Fatal(err)
		}
		if _, _, err := sock.ReadFromUDPAddrPort(answer); err != nil {
			b.Fatal(err)
		}
	}
}

func loopback(b *testing.B) *net.UDPConn {
	sock, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(b, err)
	return sock
}

func answerRaw(sock *net.UDPConn) {
	buf := make([]byte, 100)
	for {
		n, from, err := sock.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		_, _ = sock.WriteToUDPAddrPort(buf[:n], from)
	}
}

// startPeer starts a server in a process of its own, and returns its address.
func startPeer(b *testing.B, kind string) string {
	cmd := exec.Command(os.Args[0], "-test.run=^TestPeer$")
	cmd.Env = append(os.Environ(), peerEnv+"="+kind)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // whose end tells the peer to stop
	require.NoError(b, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(line)
}

// TestPeer is the other process of a benchmark, and no test.
func TestPeer(t *testing.T) {
	kind := os.Getenv(peerEnv)
	if kind == "" {
		t.Skip("runs only as the other process of a benchmark")
	}
	if kind == rawPeer {
		sock, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		require.NoError(t, err)
		fmt.Println(sock.LocalAddr())
		go answerRaw(sock)
		defer sock.Close()
	} else {
		fmt.Println(echoServer(t).addr)
	}
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}
