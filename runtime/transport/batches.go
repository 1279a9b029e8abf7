package transport

import (
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// batches keeps memory for datagrams between uses, so that an idle connection needs none.
type batches struct {
	largest int // the size of the largest datagram
	mu      sync.Mutex
	idle    []*udp.Batch
}

// batchesKept bounds the memory that a shard keeps.
const batchesKept = 8

// take returns an empty batch.
func (p *batches) take() *udp.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.idle) - 1; last >= 0 {
		b := p.idle[last]
		p.idle = p.idle[:last]
		return b
	}
	return udp.NewBatch(batchMax, p.largest)
}

// put gives a batch back.
func (p *batches) put(b *udp.Batch) {
	b.Reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) < batchesKept {
		p.idle = append(p.idle, b)
	}
}
