package transport

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// WithLogger logs events at the edges to l: connections that come up and end (at level Debug, or Info where
// something was wrong), and handshakes and datagrams that are refused (Warn, summed up once a second). At most
// ten such lines are written a second, even under attack; the next line says how many were left out. Without
// WithLogger they are not logged.
//
// Faults of the program's own sessions and handlers (panics, replies that break their contract, dropped
// sessions) are also logged to l, without a limit; without WithLogger they go to slog.Default.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		c.logger = l
		return nil
	}
}

const (
	linesPerSecond = 10
	linesAtOnce    = 20
)

// journal writes lines at a limited rate. The zero value writes none.
type journal struct {
	out  *slog.Logger
	lent *sync.WaitGroup // the goroutines that write

	mu    sync.Mutex
	lines float64 // that may be written now
	since mono.Time
	left  int // lines out
	under int // way: the logger has not returned
}

// log writes a line, without waiting for it: locks may be held.
func (j *journal) log(level slog.Level, what string, attrs ...slog.Attr) {
	if j.out == nil || !j.out.Enabled(context.Background(), level) {
		return
	}
	left, ok := j.admit(now())
	if !ok {
		return
	}
	if left > 0 {
		attrs = append(attrs, slog.Int("lines_left_out", left))
	}
	j.lent.Go(func() {
		defer j.written()
		j.out.LogAttrs(context.Background(), level, "transport: "+what, attrs...)
	})
}

// written ends what admit began.
func (j *journal) written() {
	j.mu.Lock()
	j.under--
	j.mu.Unlock()
}

// admit reports whether a line may be written, and how many were not since the last one. For a logger that stands still, few wait.
func (j *journal) admit(at mono.Time) (left int, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.since == 0 {
		j.lines = linesAtOnce
	}
	j.lines = min(linesAtOnce, j.lines+at.Sub(j.since).Seconds()*linesPerSecond)
	j.since = at
	if j.lines < 1 || j.under == linesAtOnce {
		j.left++
		return 0, false
	}
	j.lines--
	j.under++
	left, j.left = j.left, 0
	return left, true
}

// report is the listening end's summary of what was refused.
type report struct {
	mu   sync.Mutex
	at   mono.Time
	last HandshakeStats
	drop uint64
}

// report logs what was refused since the last time, at most once a second.
func (g *group) report(at mono.Time) {
	r := &g.reports
	if g.journal.out == nil || g.serving == nil || !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if at.Sub(r.at) < time.Second {
		return
	}
	r.at = at
	h, counts := g.handshakes(), g.table.dropped()
	var attrs []slog.Attr
	tell := func(name string, n, before uint64) {
		if n > before {
			attrs = append(attrs, slog.Uint64(name, n-before))
		}
	}
	l := &r.last
	tell("bad_cookie", h.BadCookie, l.BadCookie)
	tell("spent_cookie", h.SpentCookie, l.SpentCookie)
	tell("bad_token", h.BadToken, l.BadToken)
	tell("spent_token", h.SpentToken, l.SpentToken)
	tell("no_worker", h.Full, l.Full)
	tell("crowded", h.Crowded, l.Crowded)
	tell("version", h.Version, l.Version)
	tell("evicted", h.Evicted, l.Evicted)
	tell("timed_out", h.TimedOut, l.TimedOut)
	tell("bad_certificate", h.BadCertificate, l.BadCertificate)
	tell("tls", h.TLS, l.TLS)
	tell("not_ours", counts, r.drop)
	r.last, r.drop = h, counts
	if len(attrs) > 0 {
		g.journal.log(slog.LevelWarn, "refused", attrs...)
	}
}

// logUp and logEnd tell of a connection. l.mu is held.
func (l *link) logUp() {
	l.journal().log(slog.LevelDebug, "connected", slog.String("peer", l.peer.String()))
}

func (l *link) logEnd() {
	j := l.journal()
	if j.out == nil {
		return
	}
	level, attrs := slog.LevelDebug, []slog.Attr{slog.String("peer", l.peer.String())}
	if l.err != nil {
		attrs = append(attrs, slog.String("error", l.err.Error()))
		if l.up {
			level = slog.LevelInfo
		}
	}
	stats := l.machine.Stats()
	l.journal().log(level, "ended", append(attrs,
		slog.Uint64("bytes_sent", stats.BytesSent), slog.Uint64("bytes_received", stats.BytesReceived),
		slog.Uint64("packets_lost", stats.PacketsLost), slog.Duration("rtt", stats.SmoothedRTT))...)
}

// journal is where l's lines go: its listener's, or that of its Dial.
func (l *link) journal() *journal {
	if l.dialJournal != nil {
		return l.dialJournal
	}
	return &l.shard.journal
}
