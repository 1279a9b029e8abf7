package transport

import (
	"runtime"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// vigil is how long the leader looks for a datagram before it sleeps. To wake a thread that sleeps on another core takes
// longer than a whole round trip between two that are awake, so it pays to stay awake where the answer comes at once. As
// with the halt polling of virtual machines, sleeps tell: one that was short enough to have been watched through is a
// reason to watch the next time, a vigil that ends without anything coming is a reason not to, for twice as many
// short sleeps as the time before. So there is no vigil where answers take their time, next to none where
// the processors are busy with something else, and none on an idle connection. The zero value does not watch.
type vigil struct {
	// patience is how many more short sleeps it takes until the next vigil, and next what it will be when one is in vain.
	patience, next int
}

const (
	// vigilTime is how long a vigil lasts: until a peer that had to be woken has answered.
	vigilTime = 200 * time.Microsecond
	// shortSleep is how long a sleep lasts at most that a vigil would have saved: it has a wake-up in it.
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

// begin begins a vigil, if there is to be one: it lasts until the time returned.
func (v *vigil) begin() (until mono.Time) {
	if v.patience > 0 || !canWatch {
		return 0
	}
	return now().Add(vigilTime)
}

// end says whether something came during a vigil.
func (v *vigil) end(came bool) {
	if came {
		v.next = 0
		return
	}
	v.next = min(max(1, 2*v.next), patienceMax)
	v.patience = v.next
}
