package transport

import (
	"math/bits"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// timers are the deadlines of a shard's connections: a hierarchical wheel of ticks of a millisecond (Varghese
// and Lauck, 1987), under one runtime timer. They are lazy: a connection is moved only when its deadline
// becomes earlier. That a deadline has become later is discovered when the old one fires, so the deadlines that
// every packet moves cost nothing.
//
// Level 0 has a slot for each of the next ticks, level n one for each 64^n of them. A link is in the lowest
// level that reaches its tick; when the time reaches its slot, it moves down. A lateness of less than a tick
// counts as on time.
type timers struct {
	mu       sync.Mutex
	now      uint64 // every tick up to this one was popped
	slots    [wheelLevels][wheelSlots]*link
	occupied [wheelLevels]uint64 // a bit for each slot
	overdue  *link               // those whose tick was popped when they were set
	count    int
	armed    mono.Time // when timer fires
	timer    *time.Timer
}

const (
	tick        = time.Millisecond
	wheelBits   = 6
	wheelSlots  = 1 << wheelBits
	wheelLevels = 7 // 139 years
	wheelReach  = 1<<(wheelBits*wheelLevels) - 1
	// lateMax is how late the timer may fire before the process is assumed to have been stopped: then what
	// arrived meanwhile is read before anything is given up.
	lateMax = 500 * time.Millisecond
)

func (t *timers) init() {
	t.armed = mono.Never
	t.timer = time.NewTimer(time.Hour)
	t.timer.Stop()
}

// tickOf is the first tick that is not before due.
func tickOf(due mono.Time) uint64 { return (uint64(due) + uint64(tick) - 1) / uint64(tick) }

// set makes l fire at due, or earlier if it is set so already.
func (t *timers) set(l *link, due mono.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case l.timer.in && due >= l.timer.due:
		return
	case l.timer.in:
		t.takeOut(l)
	}
	l.timer.due = due
	t.putIn(l)
	if due < t.armed {
		t.arm(due)
	}
}

// arm makes the timer fire at due. t.mu is held.
func (t *timers) arm(due mono.Time) {
	t.armed = due
	t.timer.Reset(due.Sub(now()))
}

// lateness returns how much later than planned the timer fires now.
func (t *timers) lateness(at mono.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == 0 || t.armed == mono.Never {
		return 0
	}
	return at.Sub(t.armed)
}

// pop takes out a link whose deadline has come, or returns nil if there is none and sets the timer for the
// next.
func (t *timers) pop(at mono.Time) *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	for target := uint64(at / mono.Time(tick)); ; {
		if l := t.overdue; l != nil {
			t.takeOut(l)
			return l
		}
		next, level := t.next()
		if next > target {
			t.now = max(t.now, target)
			t.armed = mono.Never
			if next != neverTick {
				t.arm(mono.Time(next) * mono.Time(tick))
			}
			return nil
		}
		t.now = next
		t.empty(level, next)
	}
}

const neverTick = ^uint64(0)

// next is the tick at which the first slot that holds anything begins, and its level. Those of a lower level come first.
func (t *timers) next() (at uint64, level int) {
	for level := range wheelLevels {
		shift := wheelBits * level
		place := t.now >> shift & (wheelSlots - 1)
		// Slots up to place are empty: what is in them would be in a lower level, or popped.
		if ahead := t.occupied[level] >> place; ahead != 0 {
			slot := place + uint64(bits.TrailingZeros64(ahead))
			return t.now>>(shift+wheelBits)<<(shift+wheelBits) | slot<<shift, level
		}
	}
	return neverTick, 0
}

// empty moves the links of the slot that begins at a tick to where they belong now.
func (t *timers) empty(level int, at uint64) {
	slot := at >> (wheelBits * level) & (wheelSlots - 1)
	for l := t.slots[level][slot]; l != nil; l = t.slots[level][slot] {
		t.takeOut(l)
		t.putIn(l)
	}
}

// putIn puts l where its deadline belongs.
func (t *timers) putIn(l *link) {
	k := &l.timer
	at := min(tickOf(k.due), t.now+wheelReach)
	k.in, k.level = true, wheelLevels
	head := &t.overdue
	if at > t.now {
		k.level = uint8((bits.Len64(at^t.now) - 1) / wheelBits)
		if k.level >= wheelLevels { // beyond its turn: the last slot
			k.level = wheelLevels - 1
			at = t.now | wheelReach
		}
		k.slot = uint8(at >> (wheelBits * k.level) & (wheelSlots - 1))
		head = &t.slots[k.level][k.slot]
		t.occupied[k.level] |= 1 << k.slot
	}
	k.prev, k.next = nil, *head
	if k.next != nil {
		k.next.timer.prev = l
	}
	*head = l
	t.count++
}

// takeOut takes l out.
func (t *timers) takeOut(l *link) {
	k := &l.timer
	switch {
	case k.prev != nil:
		k.prev.timer.next = k.next
	case k.level == wheelLevels:
		t.overdue = k.next
	default:
		if t.slots[k.level][k.slot] = k.next; k.next == nil {
			t.occupied[k.level] &^= 1 << k.slot
		}
	}
	if k.next != nil {
		k.next.timer.prev = k.prev
	}
	*k = timing{due: k.due}
	t.count--
}

// remove takes l out, if it is in.
func (t *timers) remove(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.timer.in {
		t.takeOut(l)
	}
}

// timing is a link's place among the timers, guarded by their lock.
type timing struct {
	due         mono.Time
	prev, next  *link
	level, slot uint8 // level is wheelLevels for one that is overdue
	in          bool
}
