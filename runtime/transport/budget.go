package transport

import (
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sessgen/sessgen/runtime/internal/conn"
)

// budget bounds the bytes that all connections of the process together may hold for one purpose. Connections
// that find no room are told when there is some again, first come, first served.
type budget struct {
	limit func() int64
	used  atomic.Int64

	waits   atomic.Bool // somebody is in waiting
	mu      sync.Mutex
	waiting []need // of each link at most one
}

// need is a link that waits for room for a number of bytes.
type need struct {
	link  *link
	bytes int64
}

// The budgets of the process: for what waits to be sent or acknowledged, and for long messages that arrive.
var sends, receives = newBudget(), newBudget()

func newBudget() *budget { return &budget{limit: sync.OnceValue(budgetBytes)} }

// budgetBytes is an eighth of the memory that the program is to use (GOMEMLIMIT), 256 MiB if it does not say.
func budgetBytes() int64 {
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return max(limit/8, 1<<20)
	}
	return 256 << 20
}

// fits reports whether there is room for that many bytes. More than the whole budget fits when nothing else is
// held.
func (b *budget) fits(bytes int64) bool {
	used := b.used.Load()
	return used == 0 || used+bytes <= b.limit()
}

// charge adds bytes, or subtracts them, and tells those who wait.
func (b *budget) charge(bytes int64) {
	b.used.Add(bytes)
	if bytes < 0 {
		b.next()
	}
}

// take adds bytes if they fit.
func (b *budget) take(bytes int64) bool {
	for {
		used := b.used.Load()
		if used > 0 && used+bytes > b.limit() {
			return false
		}
		if b.used.CompareAndSwap(used, used+bytes) {
			return true
		}
	}
}

// wait registers l to be told when there is room. l.mu is held.
func (b *budget) wait(l *link, bytes int64) {
	b.mu.Lock()
	if !slices.ContainsFunc(b.waiting, func(n need) bool { return n.link == l }) {
		b.waiting = append(b.waiting, need{l, bytes})
		b.waits.Store(true)
	}
	b.mu.Unlock()
	b.next() // there may be some since we looked
}

// next tells the first of those who wait, if there is room for it. That one calls next itself after it has
// taken what it needs, or is removed.
func (b *budget) next() {
	if !b.waits.Load() {
		return
	}
	b.mu.Lock()
	var first *link
	if len(b.waiting) > 0 && b.fits(b.waiting[0].bytes) {
		first = b.waiting[0].link
		b.waiting = slices.Delete(b.waiting, 0, 1)
		b.waits.Store(len(b.waiting) > 0)
	}
	b.mu.Unlock()
	if first != nil {
		first.retry.Store(true)
		first.shard.pump.add(first)
	}
}

// forget removes a link from those who wait.
func (b *budget) forget(l *link) {
	if b.waits.Load() {
		b.mu.Lock()
		b.waiting = slices.DeleteFunc(b.waiting, func(n need) bool { return n.link == l })
		b.waits.Store(len(b.waiting) > 0)
		b.mu.Unlock()
	}
	b.next() // it may have been told, and not come to it
}

// share is the view that a link's machine has of the budgets. It is used under the link's lock.
type share struct{ link *link }

// Full implements conn.Shared.
func (s share) Full() bool {
	if sends.fits(1) {
		return false
	}
	sends.wait(s.link, 1)
	return true
}

// Take implements flow.Bank.
func (s share) Take(bytes uint64) bool {
	if receives.take(int64(bytes)) {
		return true
	}
	receives.wait(s.link, int64(bytes))
	return false
}

// lents are what connections at rest look at datagrams with.
var lents = sync.Pool{New: func() any { return new(conn.Lent) }}

// Lend implements conn.Shared.
func (s share) Lend() *conn.Lent { return lents.Get().(*conn.Lent) }

// Return implements conn.Shared.
func (s share) Return(l *conn.Lent) { lents.Put(l) }

// Give implements flow.Bank.
func (s share) Give(bytes uint64) { receives.charge(-int64(bytes)) }

// settleBudgets accounts for what l's machine holds for sending. l.mu is held.
func (l *link) settleBudgets() {
	if kept := l.machine.Buffered(); kept != l.charged {
		by := int64(kept - l.charged)
		l.charged = kept
		sends.charge(by)
	}
}

// retryBudgets lets l's machine go on if there is now room that it waited for. l.mu is held.
func (l *link) retryBudgets() {
	if !l.retry.CompareAndSwap(true, false) {
		return
	}
	l.machine.Retry(now())
	l.settle()
	sends.next()
	receives.next()
}
