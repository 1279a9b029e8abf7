package transport

import (
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// rousings bounds how many of a shard's connections that rest make their ciphers for a datagram that turns out to be
// forged. A connection that did stays awake for a second, so whoever has seen the ids of n connections brings about n of
// them a second, however much he sends; beyond the bound, what comes for a connection at rest is lost, and comes again. A
// datagram that was authentic counts for nothing.
type rousings struct {
	mu    sync.Mutex
	spent float64
	at    mono.Time
}

// rousingsMax is how many there are at once, and in a second: 8 MB, and 4 ms of a processor.
const rousingsMax = 1024

// take takes one, if there is one.
func (r *rousings) take(at mono.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if elapsed := at.Sub(r.at); elapsed > 0 {
		r.spent = max(0, r.spent-elapsed.Seconds()*rousingsMax)
		r.at = at
	}
	if r.spent > rousingsMax-1 {
		return false
	}
	r.spent++
	return true
}

// giveBack takes back that one was taken.
func (r *rousings) giveBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent = max(0, r.spent-1)
}
