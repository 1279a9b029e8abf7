package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

func TestServerStats(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	require.Equal(t, ServerStats{}, srv.Stats())
	a, b := dial(t, srv.addr), dial(t, srv.addr)
	s, other := open(t, a, echoes), open(t, b, echoes)
	require.NoError(t, exchange(bounded(t), s, make([]byte, 10_000)))
	require.NoError(t, exchange(bounded(t), other, nil))
	stats := srv.Stats()
	require.Equal(t, 2, stats.Connections)
	require.Equal(t, 2, stats.Sessions)
	require.EqualValues(t, 2, stats.Handshakes.Begun)
	require.EqualValues(t, 2, stats.Handshakes.Completed)
	require.Greater(t, stats.BytesReceived, uint64(10_000))
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, finish(bounded(t), other))
	require.NoError(t, a.Close(bounded(t)))
	require.NoError(t, b.Close(bounded(t)))
	require.NoError(t, srv.Shutdown(bounded(t)))
	require.NoError(t, srv.stopped())
	after := srv.Stats()
	require.Zero(t, after.Connections)
	require.Zero(t, after.Sessions)
	require.GreaterOrEqual(t, after.BytesReceived, stats.BytesReceived)
	require.EqualValues(t, 2, after.Handshakes.Completed)
	// Each end has counted what the other one sent, but for what was still under way at the end.
	require.LessOrEqual(t, after.BytesReceived, a.Stats().BytesSent+b.Stats().BytesSent)
}

// lines is where a logger writes.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestLogger(t *testing.T) {
	clean(t)
	var server, client lines
	logTo := func(l *lines) Option {
		return WithLogger(slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}
	srv := echoServer(t, logTo(&server))
	c := dial(t, srv.addr, logTo(&client))
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, nil))
	c.Abort(errors.New("why"))
	require.Error(t, c.Close(bounded(t)))
	for _, l := range []*lines{&server, &client} {
		require.Eventually(t, func() bool {
			text := l.String()
			return bytes.Contains([]byte(text), []byte("transport: connected")) && bytes.Contains([]byte(text), []byte("transport: ended"))
		}, time.Minute, time.Millisecond, l)
		require.Contains(t, l.String(), "level=INFO msg=\"transport: ended\"")
	}
	require.Contains(t, client.String(), "why")
	require.NotContains(t, server.String(), "why")
}

// TestAttack36LogFlooding: whatever comes, and however much, a logger gets a few lines of it.
func TestAttack36LogFlooding(t *testing.T) {
	clean(t)
	var log lines
	began := time.Now()
	srv := echoServer(t, WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	attack, err := net.Dial("udp", srv.addr)
	require.NoError(t, err)
	defer attack.Close()
	random := rand.New(rand.NewPCG(36, 36))
	garbage := make([]byte, 60)
	for range 20_000 {
		for i := range garbage {
			garbage[i] = byte(random.Uint32())
		}
		_, _ = attack.Write(garbage)
	}
	for range 50 { // connections that come up and end cost two lines each
		c := dial(t, srv.addr)
		c.Abort(nil)
		_ = c.Close(bounded(t))
	}
	count := bytes.Count([]byte(log.String()), []byte("\n"))
	require.LessOrEqual(t, count, linesAtOnce+1+int(linesPerSecond*time.Since(began).Seconds()), "%s", &log)
	require.Positive(t, count)
}

func TestJournal(t *testing.T) {
	var j journal
	for range linesAtOnce {
		_, ok := j.admit(1)
		require.True(t, ok)
	}
	for range linesAtOnce {
		j.written()
	}
	for range 7 {
		_, ok := j.admit(2)
		require.False(t, ok)
	}
	left, ok := j.admit(2 + time1)
	require.True(t, ok)
	require.Equal(t, 7, left)
	left, _ = j.admit(2 + 2*time1)
	require.Zero(t, left)
}

const time1 = 1e9 / linesPerSecond

// While a logger stands still, few lines wait for it, however long that lasts.
func TestJournalOfAStuckLogger(t *testing.T) {
	var j journal
	waiting := 0
	for at := mono.Time(1); at < 100*1e9; at += 1e9 {
		if _, ok := j.admit(at); ok {
			waiting++
		}
	}
	require.Equal(t, linesAtOnce, waiting)
	j.written()
	left, ok := j.admit(200 * 1e9)
	require.True(t, ok)
	require.Equal(t, 100-linesAtOnce, left)
}

// TestQLog reads both ends' traces of a connection with losses as a viewer does.
func TestQLog(t *testing.T) {
	clean(t)
	dir := t.TempDir()
	trace := WithQLog(QLogDir(dir))
	srv := echoServer(t, trace)
	random := rand.New(rand.NewPCG(20, 20))
	p := startProxy(t, srv.addr, func([]byte, bool) fate {
		if random.IntN(10) == 0 {
			return drop
		}
		return pass
	})
	c := dial(t, p.addr, trace)
	s := open(t, c, echoes)
	for range 10 {
		require.NoError(t, exchange(bounded(t), s, make([]byte, 20_000)))
	}
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, c.Close(bounded(t)))
	require.NoError(t, srv.Shutdown(bounded(t)))
	require.NoError(t, srv.stopped())

	var ids []string
	for _, side := range []string{"client", "server"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_"+side+".sqlog"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		head, events := readQLog(t, files[0])
		require.Equal(t, "JSON-SEQ", head.Format)
		require.Equal(t, side, head.Trace.VantagePoint.Type)
		ids = append(ids, head.Trace.CommonFields.ODCID)
		seen, frames := map[string]int{}, map[string]int{}
		last := -1.0
		for _, e := range events {
			seen[e.Name]++
			require.GreaterOrEqual(t, e.Time, last)
			last = e.Time
			for _, f := range e.Data.Frames {
				frames[f.Type]++
			}
		}
		for _, name := range []string{
			"connectivity:connection_started", "connectivity:connection_state_updated", "connectivity:connection_closed",
			"transport:packet_sent", "transport:packet_received", "recovery:metrics_updated", "recovery:packet_lost",
		} {
			require.Positive(t, seen[name], "%s: %s in %v", side, name, seen)
		}
		for _, name := range []string{"crypto", "ack", "stream", "max_stream_data", "close", "handshake_done"} {
			require.Positive(t, frames[name], "%s: %s in %v", side, name, frames)
		}
		require.Equal(t, "connectivity:connection_closed", events[len(events)-1].Name)
	}
	require.Equal(t, ids[0], ids[1])
}

type qlogHead struct {
	Version string `json:"qlog_version"`
	Format  string `json:"qlog_format"`
	Trace   struct {
		VantagePoint struct{ Type string } `json:"vantage_point"`
		CommonFields struct {
			ODCID         string
			ReferenceTime float64 `json:"reference_time"`
		} `json:"common_fields"`
	}
}

type qlogEvent struct {
	Time float64
	Name string
	Data struct {
		Header struct {
			Type   string  `json:"packet_type"`
			Number *uint64 `json:"packet_number"`
		}
		Frames []struct {
			Type string `json:"frame_type"`
		}
	}
}

// readQLog reads a JSON text sequence (RFC 7464).
func readQLog(t *testing.T, name string) (head qlogHead, events []qlogEvent) {
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	r := bufio.NewReader(f)
	for n := 0; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			require.Empty(t, line)
			return head, events
		}
		require.Equal(t, byte(0x1e), line[0])
		if n == 0 {
			require.NoError(t, json.Unmarshal(line[1:], &head))
			continue
		}
		var e qlogEvent
		require.NoError(t, json.Unmarshal(line[1:], &e), "%s", line)
		events = append(events, e)
	}
}

// failing is an output that takes nothing.
// stuck is a destination that takes nothing, until it is told to.
type stuck chan struct{}

func (s stuck) Write(b []byte) (int, error) { <-s; return len(b), nil }
func (s stuck) Close() error                { <-s; return nil }

// TestStuckWriters: where a trace, or a log line, is not taken, Close ends with its context, as does a Dial that fails.
func TestStuckWriters(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	for name, writing := range map[string]func(stuck) Option{
		"trace": func(out stuck) Option { return WithQLog(func(string, bool) io.WriteCloser { return out }) },
		"log": func(out stuck) Option {
			return WithLogger(slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := make(stuck)
			t.Cleanup(func() { close(out) })
			ctx, cancel := context.WithCancel(bounded(t))
			// Nobody is told when Close has come so far: the connection is gone, and it is not done.
			c, err := Dial(ctx, srv.addr, WithPlaintext(), writing(out))
			require.NoError(t, err)
			closed := make(chan error, 1)
			go func() { closed <- c.Close(ctx) }()
			require.NoError(t, c.link.awaitRemoved(bounded(t)))
			cancel()
			err = <-closed
			require.True(t, err == nil || errors.Is(err, context.Canceled), "%v", err)

			ctx, cancel = context.WithCancel(bounded(t))
			cancel()
			_, err = Dial(ctx, srv.addr, WithPlaintext(), writing(out))
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

// TestStuckCallback: where a callback of the tls.Config does not return, a Dial ends with its context all the same.
func TestStuckCallback(t *testing.T) {
	clean(t)
	srv, clientTLS := devServer(t)
	called, stuck := make(chan struct{}), make(chan struct{})
	defer close(stuck)
	clientTLS.VerifyConnection = func(tls.ConnectionState) error {
		close(called)
		<-stuck
		return nil
	}
	ctx, cancel := context.WithCancel(bounded(t))
	go func() {
		<-called
		cancel()
	}()
	_, err := Dial(ctx, srv.addr, WithTLS(clientTLS))
	require.ErrorIs(t, err, context.Canceled)
}

type failing struct{ closed chan struct{} }

func (f failing) Write([]byte) (int, error) { return 0, errors.New("full") }
func (f failing) Close() error              { close(f.closed); return nil }

// TestQLogFails: a trace that cannot be written harms nobody, and one that is not wanted is not begun.
func TestQLogFails(t *testing.T) {
	clean(t)
	out := failing{make(chan struct{})}
	first := true
	srv := echoServer(t)
	for range 2 {
		c := dial(t, srv.addr, WithQLog(func(string, bool) io.WriteCloser {
			if first {
				first = false
				return out
			}
			return nil
		}))
		s := open(t, c, echoes)
		require.NoError(t, exchange(context.Background(), s, make([]byte, 100_000)))
		require.NoError(t, finish(bounded(t), s))
		require.NoError(t, c.Close(bounded(t)))
	}
	<-out.closed
	require.Nil(t, QLogDir(filepath.Join(t.TempDir(), "nowhere"))(fmt.Sprint(1), true))
}
