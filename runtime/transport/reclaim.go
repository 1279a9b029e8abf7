package transport

import (
	"cmp"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// reclaim is when a budget looks for what is held and does not move. It is guarded by the budget's lock.
type reclaim struct {
	planned bool
	at      mono.Time // of the last sweep
}

// sweepEvery is how long lies between two sweeps at least.
const sweepEvery = time.Second / 2

// plan has a sweep follow: at once, where the last one is long past. b.mu is held, and somebody waits.
func (b *budget) plan() {
	if !b.reclaim.planned {
		b.reclaim.planned = true
		time.AfterFunc(max(0, b.reclaim.at.Add(sweepEvery).Sub(now())), b.sweep)
	}
}

// stalled is a link whose streams hold so many bytes that do not move.
type stalled struct {
	link  *link
	bytes int
}

// sweep takes back what does not move, of the connection first that holds most of it, until nobody waits or nothing is left to take.
// It holds the lock of one link at a time.
func (b *budget) sweep() {
	b.mu.Lock()
	b.reclaim = reclaim{at: now()}
	if len(b.waiting) == 0 {
		b.mu.Unlock()
		return
	}
	b.plan()
	holders := make([]*link, 0, len(b.holders))
	for l := range b.holders {
		holders = append(holders, l)
	}
	b.mu.Unlock()

	for b.tell(math.MaxInt) { // who was not asked when something became free
	}
	var still []stalled
	for _, l := range holders {
		if n := b.stalledOf(l); n > 0 {
			still = append(still, stalled{l, n})
		}
	}
	slices.SortFunc(still, func(x, y stalled) int { return cmp.Compare(y.bytes, x.bytes) })
	for _, s := range still {
		if !b.waits.Load() {
			return
		}
		b.shed(s.link)
	}
}

// stalledOf is how many bytes of l's do not move. A link that holds nothing any more is forgotten.
func (b *budget) stalledOf(l *link) int {
	l.mu.Lock()
	defer l.unlockSame()
	if l.held[b.stock] == 0 && l.holds[b.stock] {
		l.holds[b.stock] = false
		b.mu.Lock()
		delete(b.holders, l)
		b.mu.Unlock()
	}
	return l.machine.Stalled(now(), b.stock)
}

// shed aborts the sessions of l that do not move.
func (b *budget) shed(l *link) {
	l.mu.Lock()
	if l.removed {
		l.mu.Unlock()
		return
	}
	before := l.held[b.stock]
	l.machine.Shed(now(), b.stock)
	l.settle()
	l.settleBudgets()
	l.journal().log(slog.LevelWarn, "stalled", slog.String("peer", l.peer.String()), slog.Int64("bytes", before-l.held[b.stock]))
	l.wantWrite()
	l.unlock()
}
