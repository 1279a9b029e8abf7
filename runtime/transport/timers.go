package transport

import (
	"container/heap"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// timers are the deadlines of a shard's connections, in one heap under one timer
// of the runtime. They are lazy: a connection's place is moved only when its deadline becomes
// earlier. A deadline that became later is found out when the old one fires,
// so that the deadlines that every packet moves cost nothing.
type timers struct {
	mu    sync.Mutex
	heap  deadlines
	armed mono.Time // when timer fires
	timer *time.Timer
}

// lateMax is how late the timer may fire before the process is taken to have been
// stopped: then what arrived meanwhile is read before anything is given up.
const lateMax = 500 * time.Millisecond

func (t *timers) init() {
	t.armed = mono.Never
	t.timer = time.NewTimer(time.Hour)
	t.timer.Stop()
}

// set makes l fire at due, or earlier if it is set so already.
func (t *timers) set(l *link, due mono.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case l.place == 0:
		l.due = due
		heap.Push(&t.heap, l)
	case due < l.due:
		l.due = due
		heap.Fix(&t.heap, l.place-1)
	}
	if due < t.armed {
		t.arm(due)
	}
}

// arm makes the timer fire at due. t.mu is held.
func (t *timers) arm(due mono.Time) {
	t.armed = due
	t.timer.Reset(due.Sub(now()))
}

// lateness is how long after the earliest deadline it is.
func (t *timers) lateness(at mono.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.heap) == 0 {
		return 0
	}
	return at.Sub(t.heap[0].due)
}

// pop takes out a link whose deadline has come, nil if there is none; then the timer is set for the next.
func (t *timers) pop(at mono.Time) *link {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.heap) > 0 && t.heap[0].due <= at {
		return heap.Pop(&t.heap).(*link)
	}
	t.armed = mono.Never
	if len(t.heap) > 0 {
		t.arm(t.heap[0].due)
	}
	return nil
}

// remove takes l out.
func (t *timers) remove(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.place > 0 {
		heap.Remove(&t.heap, l.place-1)
	}
}

// deadlines is a heap of links, the earliest first. A link's place is its index
// plus 1, 0 when it is not in.
type deadlines []*link

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].due < d[j].due }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i+1, j+1
}

func (d *deadlines) Push(x any) {
	l := x.(*link)
	*d = append(*d, l)
	l.place = len(*d)
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	l := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	l.place = 0
	return l
}
