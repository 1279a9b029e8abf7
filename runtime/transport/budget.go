package transport

import (
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sessgen/sessgen/runtime/internal/conn"
)

// budget is how many bytes connections of the process may keep for one purpose, beyond the floors of their streams. Connections
// that do not find room are told when there is some again. While somebody waits, what others hold and do not move is taken back: see reclaim.go.
type budget struct {
	stock conn.Stock
	limit func() int64
	used  atomic.Int64

	waits   atomic.Bool // somebody is in waiting
	mu      sync.Mutex
	waiting []need             // of each link at most one
	holders map[*link]struct{} // all that hold some of it, and some that did
	reclaim reclaim
}

// need is a link that waits for room for so many bytes, and holds some already.
type need struct {
	link        *link
	held, bytes int64
}

// The budgets of the process, by their stock: for what waits to be sent or acknowledged, and for long messages that arrive.
//
// Dialing ends and listening ends have budgets of their own. In a process that is client and server at once, a request that is being
// worked on holds what it arrived in while its answer waits for room to be sent; did other requests that wait to arrive hold that
// room, none of them would ever go on.
var dialing, listening = newBudgets(), newBudgets()

func newBudgets() [2]*budget {
	return [2]*budget{conn.Outgoing: newBudget(conn.Outgoing), conn.Incoming: newBudget(conn.Incoming)}
}

func newBudget(of conn.Stock) *budget {
	return &budget{stock: of, limit: sync.OnceValue(budgetBytes), holders: make(map[*link]struct{})}
}

// budget is the one that l takes from.
func (l *link) budget(of conn.Stock) *budget {
	if l.dials {
		return dialing[of]
	}
	return listening[of]
}

// budgetBytes is an eighth of the memory that the program is to use (GOMEMLIMIT), 256 MiB if it does not say.
func budgetBytes() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return max(limit/8, 1<<20)
	}
	return 256 << 20
}

// lateShare is the share of what is left of the last quarter of a budget that a connection may hold.
const lateShare = 32

// fits reports whether there is room, where so much is used of a limit, for so many bytes of a connection that holds some already. Three quarters of
// the budget are for whoever comes first. The last one is for those who come late: what a connection then holds in all may be a small
// share of what is left, so that however many take theirs, the next one finds something. A large message counts as no more than a
// quarter, so that it need not wait until nobody else has anything.
func fits(limit, used, held, bytes int64) bool {
	return used == 0 || used+min(bytes, limit/4) <= limit/4*3 || held+bytes <= (limit-used)/lateShare
}

// charge adds bytes, or subtracts them, and tells those who wait.
func (b *budget) charge(bytes int64) {
	b.used.Add(bytes)
	if bytes < 0 {
		b.next()
	}
}

// take adds bytes for a connection that holds some already, if they fit within limit, which is the budget's, or a part of it.
func (b *budget) take(limit, held, bytes int64) bool {
	for {
		used := b.used.Load()
		if !fits(limit, used, held, bytes) {
			return false
		}
		if b.used.CompareAndSwap(used, used+bytes) {
			return true
		}
	}
}

// wait has l told when there is room. l.mu is held.
func (b *budget) wait(l *link, held, bytes int64) {
	b.mu.Lock()
	if !slices.ContainsFunc(b.waiting, func(n need) bool { return n.link == l }) {
		b.waiting = append(b.waiting, need{l, held, bytes})
		b.waits.Store(true)
		b.plan()
	}
	b.mu.Unlock()
	b.next() // there may be some since we looked
}

// mostAsked is how many of those who wait are looked at when a little has become free; the rest are when the next sweep is due.
const mostAsked = 64

// next tells the first one of those who wait for whom there is room. That one calls next when it
// has taken what it needs, or is removed.
func (b *budget) next() {
	if b.waits.Load() {
		b.tell(mostAsked)
	}
}

// tell does so for the first of so many, and reports whether there was one.
func (b *budget) tell(most int) bool {
	b.mu.Lock()
	limit, used := b.limit(), b.used.Load()
	i := slices.IndexFunc(b.waiting[:min(most, len(b.waiting))], func(n need) bool { return fits(limit, used, n.held, n.bytes) })
	if i < 0 {
		b.mu.Unlock()
		return false
	}
	first := b.waiting[i].link
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.waits.Store(len(b.waiting) > 0)
	b.mu.Unlock()
	first.retry.Store(true)
	first.shard.pump.add(first)
	return true
}

// hold notes that l holds something. l.mu is held.
func (b *budget) hold(l *link) {
	if !l.holds[b.stock] {
		l.holds[b.stock] = true
		b.mu.Lock()
		b.holders[l] = struct{}{}
		b.mu.Unlock()
	}
}

// forget lets a link that is removed wait no more, and hold nothing. l.mu is held.
func (b *budget) forget(l *link) {
	if b.waits.Load() || l.holds[b.stock] {
		b.mu.Lock()
		b.waiting = slices.DeleteFunc(b.waiting, func(n need) bool { return n.link == l })
		b.waits.Store(len(b.waiting) > 0)
		delete(b.holders, l)
		b.mu.Unlock()
		l.holds[b.stock] = false
	}
	b.next() // it may have been told, and not come to it
}

// share is the view that a link's machine has of the budgets. It is used under the link's lock.
type share struct{ link *link }

// Full implements conn.Shared. What fits is taken at once, so that of those who look at the same time no two find the same room;
// settleBudgets gives back what the machine has no use for.
func (s share) Full(bytes int) bool {
	b, held := s.link.budget(conn.Outgoing), &s.link.held[conn.Outgoing]
	if !b.take(b.limit(), *held, int64(bytes)) {
		b.wait(s.link, *held, int64(bytes))
		return true
	}
	*held += int64(bytes)
	b.hold(s.link)
	return false
}

// Take implements flow.Bank.
func (s share) Take(bytes uint64) bool {
	b, held := s.link.budget(conn.Incoming), &s.link.held[conn.Incoming]
	if !b.take(b.limit(), *held, int64(bytes)) {
		b.wait(s.link, *held, int64(bytes))
		return false
	}
	*held += int64(bytes)
	b.hold(s.link)
	return true
}

// TakeNow implements conn.Shared. Windows have half of the budget at most: what a window may hold cannot be taken back while its peer may use it,
// and there has to be room for messages.
func (s share) TakeNow(bytes uint64) bool {
	b, held := s.link.budget(conn.Incoming), &s.link.held[conn.Incoming]
	if !b.take(b.limit()/2, *held, int64(bytes)) {
		return false
	}
	*held += int64(bytes)
	return true
}

// Give implements flow.Bank.
func (s share) Give(bytes uint64) {
	s.link.held[conn.Incoming] -= int64(bytes)
	s.link.budget(conn.Incoming).charge(-int64(bytes))
}

// lents are what connections at rest look at datagrams with.
var lents = sync.Pool{New: func() any { return new(conn.Lent) }}

// Lend implements conn.Shared.
func (s share) Lend() *conn.Lent { return lents.Get().(*conn.Lent) }

// Return implements conn.Shared.
func (s share) Return(l *conn.Lent) { lents.Put(l) }

// settleBudgets keeps the books of what l's machine keeps for sending. l.mu is held.
func (l *link) settleBudgets() {
	held := &l.held[conn.Outgoing]
	if kept := int64(l.machine.Kept()); kept != *held {
		by := kept - *held
		*held = kept
		b := l.budget(conn.Outgoing)
		b.charge(by)
		b.hold(l)
	}
}

// retryBudgets lets l's machine go on if there is now room that it waited for. l.mu is held.
func (l *link) retryBudgets() {
	if !l.retry.CompareAndSwap(true, false) {
		return
	}
	l.machine.Retry(now())
	l.settle()
	l.budget(conn.Outgoing).next()
	l.budget(conn.Incoming).next()
}
