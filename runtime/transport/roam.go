package transport

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// sources knows which of the system's addresses datagrams leave from. A dialing end's socket is bound to none
// of them, so it need not be reopened when the system moves to another network; but then its connections must
// go on under other ids, and discard what they know of the path. The system does not announce a change. So it
// is asked before something is sent on a connection where nothing has arrived for a while: because it was idle,
// or because what it sent goes unanswered.
type sources struct {
	mu   sync.Mutex
	ask  func(to netip.AddrPort) netip.Addr // udp.SourceFor, or a test
	to   netip.Addr                         // the address asked about last, with the answer and when it was given
	from netip.Addr
	at   mono.Time
}

// sourceLasts is how long an answer is trusted, so that many connections to one server ask only once.
const sourceLasts = 100 * time.Millisecond

// of returns the address from which datagrams to another one leave; it is not valid if the system does not say.
// No lock is held.
func (s *sources) of(to netip.AddrPort, at mono.Time) netip.Addr {
	s.mu.Lock()
	known, from, ask := to.Addr() == s.to && at.Sub(s.at) < sourceLasts, s.from, s.ask
	s.mu.Unlock()
	if known {
		return from
	}
	from = ask(to)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to, s.from, s.at = to.Addr(), from, at
	return from
}

// roam checks, when in doubt, whether the datagrams of a dialing end still leave from the same address. l.mu is
// held on entry and on return, but not while the system is asked: then others use the machine, so what is done next is done
// at the time that roam returns.
func (l *link) roam(at mono.Time) mono.Time {
	if !l.dials || l.writing || !l.machine.Silent(at) {
		return at
	}
	l.writing = true // nobody sends meanwhile
	l.unlock()
	source := l.shard.sources.of(l.peer, at)
	l.mu.Lock()
	at = now()
	l.writing = false
	if l.again { // somebody had something to write meanwhile, or came to remove a link that is over
		l.again = false
		l.shard.pump.add(l)
	}
	if !source.IsValid() || source == l.source {
		return at
	}
	if l.source.IsValid() {
		l.journal().log(slog.LevelDebug, "roams", slog.String("peer", l.peer.String()),
			slog.String("from", l.source.String()), slog.String("to", source.String()))
		l.machine.Migrate(at)
	}
	l.source = source
	return at
}

// newSources asks the system.
func newSources() *sources { return &sources{ask: udp.SourceFor} }
