package transport

import (
	"sync"
	"sync/atomic"

	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// inbox is where the reader leaves datagrams for a connection whose lock is held by somebody else, so that it
// need not wait for the lock. The holder takes them in before it unlocks. An empty inbox has no memory. What
// does not fit is lost, as it might have been on the way.
type inbox struct {
	waiting atomic.Bool
	// unreachable ICMP messages have come about the peer.
	unreachable atomic.Int32
	mu          sync.Mutex
	batch       *udp.Batch // nil while empty
}

// empty reports whether there is nothing to take in.
func (in *inbox) empty() bool { return !in.waiting.Load() && in.unreachable.Load() == 0 }

// put adds a copy of the datagram.
func (in *inbox) put(spare *batches, d *udp.Datagram) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.batch == nil {
		in.batch = spare.take()
	}
	if !in.batch.Full() {
		own := *d
		own.Data = append(in.batch.Next(), d.Data...)
		in.batch.Add(own)
		in.waiting.Store(true)
	}
}

// take empties the inbox; nil if it is empty already.
func (in *inbox) take() *udp.Batch {
	if !in.waiting.Load() {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	b := in.batch
	in.batch = nil
	in.waiting.Store(false)
	return b
}
