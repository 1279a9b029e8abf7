package transport

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// sources knows from which of the system's addresses datagrams leave. A dialing end's socket is bound to none of them, so it need not be
// opened anew where the system comes to another network; but then its connections are to go on under other ids, and
// to begin anew with what they know of the path. The system tells nobody. So it is asked before something is sent on a connection where
// nothing has come for a while: because it was idle, or because what it sent stays without an answer.
type sources struct {
	ask func(to netip.AddrPort) netip.Addr // udp.SourceFor, or a test

	mu   sync.Mutex
	to   netip.Addr // what was asked for last, with what came of it, and when
	from netip.Addr
	at   mono.Time
}

// sourceLasts is for how long an answer is taken for true: what many connections to a server ask at once is asked once.
const sourceLasts = 100 * time.Millisecond

// of is the address from which datagrams to another one leave; not valid where the system does not say. No lock is held.
func (s *sources) of(to netip.AddrPort, at mono.Time) netip.Addr {
	s.mu.Lock()
	known, from := to.Addr() == s.to && at.Sub(s.at) < sourceLasts, s.from
	s.mu.Unlock()
	if known {
		return from
	}
	from = s.ask(to)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to, s.from, s.at = to.Addr(), from, at
	return from
}

// roam looks, where there is a doubt, whether the datagrams of a dialing end leave from where they did before. l.mu is held at the
// beginning and at the end, and not while the system is asked.
func (l *link) roam(at mono.Time) {
	if !l.dials || l.writing || !l.machine.Silent(at) {
		return
	}
	l.writing = true // nobody sends meanwhile
	l.unlock()
	source := l.shard.sources.of(l.peer, at)
	l.mu.Lock()
	l.writing = false
	if !source.IsValid() || source == l.source {
		return
	}
	if l.source.IsValid() {
		l.journal().log(slog.LevelDebug, "roams", slog.String("peer", l.peer.String()),
			slog.String("from", l.source.String()), slog.String("to", source.String()))
		l.machine.Migrate(at)
	}
	l.source = source
}

// newSources asks the system.
func newSources() *sources { return &sources{ask: udp.SourceFor} }
