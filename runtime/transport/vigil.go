package transport

import (
	"runtime"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// vigil is how the leader looks for a datagram before it sleeps. To wake a thread that sleeps on another core takes
// longer than a whole round trip between two that are awake, so it pays to stay awake where the answer comes at once. As
// with the halt polling of virtual machines, sleeps tell: one that was short enough to have been watched through is a
// reason to watch the next time. A watch that was in vain, or in which others wanted the processor, is a reason not to,
// for twice as many short sleeps as the one before. So nobody watches where answers take their time, hardly anybody
// where the processors are busy with something else, and nobody on an idle connection.
type vigil struct {
	// patience is how many more short sleeps it takes until the next watch, next what it will be when one is in vain.
	patience, next int
}

const (
	// watchTime is how long a watch lasts: until a peer that had to be woken has answered.
	watchTime = 200 * time.Microsecond
	// heldUp is how long it may take until the leader runs again that let others run.
	heldUp = 50 * time.Microsecond
	// shortSleep is how long a sleep lasts at most that a watch would have saved: it has a wake-up in it.
	shortSleep = 400 * time.Microsecond
	// patienceMax bounds the patience.
	patienceMax = 256
)

// canWatch: there is a processor for what else the process has to do.
var canWatch = runtime.GOMAXPROCS(0) > 1

// slept says how long the leader slept before something came.
func (v *vigil) slept(d time.Duration) {
	if d <= shortSleep {
		v.patience = max(0, v.patience-1)
	} else {
		v.patience = max(v.patience, 1)
	}
}

// watch is one of its watches; none if v is nil.
type watch struct {
	v           *vigil
	until, last mono.Time
}

// begin begins a watch, if there is to be one.
func (v *vigil) begin() watch {
	if v.patience > 0 || !canWatch {
		return watch{}
	}
	at := now()
	return watch{v, at.Add(watchTime), at}
}

// came says that something came.
func (w *watch) came() {
	if w.v != nil {
		w.v.next = 0
	}
}

// goesOn reports whether the leader is to look once more, letting others run before.
func (w *watch) goesOn() bool {
	if w.v == nil {
		return false
	}
	return w.goesOnAt(now())
}

func (w *watch) goesOnAt(at mono.Time) bool {
	if at < w.until && at.Sub(w.last) < heldUp {
		w.last = at
		return true
	}
	w.v.next = min(max(1, 2*w.v.next), patienceMax)
	w.v.patience = w.v.next
	w.v = nil
	return false
}
