package endpoint

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// spent remembers, in fixed memory, the server ids whose cookies or address tokens were used, for as
// long as one lasts: two Bloom filters, of this epoch and the one before. A false
// alarm costs a client one more INIT.
type spent struct {
	life  time.Duration
	epoch int64
	sets  [2]*[spentBits / 64]uint64
}

const (
	spentBits   = 1 << 19
	spentHashes = 4
)

func newSpent(now mono.Time, life time.Duration) spent {
	s := spent{life: life}
	s.epoch = s.epochOf(now)
	return s
}

func (s *spent) epochOf(t mono.Time) int64 { return int64(t) / int64(s.life) }

// spend notes the id, and reports whether it was new.
func (s *spent) spend(now mono.Time, id ID) bool {
	if epoch := s.epochOf(now); epoch > s.epoch {
		if s.sets[epoch&1] = nil; epoch > s.epoch+1 {
			s.sets[epoch&1^1] = nil
		}
		s.epoch = epoch
	}
	if s.in(s.sets[0], id) || s.in(s.sets[1], id) {
		return false
	}
	set := &s.sets[s.epoch&1]
	if *set == nil {
		*set = new([spentBits / 64]uint64)
	}
	for i := range spentHashes {
		bit := spentBit(id, i)
		(*set)[bit/64] |= 1 << (bit % 64)
	}
	return true
}

func (s *spent) in(set *[spentBits / 64]uint64, id ID) bool {
	if set == nil {
		return false
	}
	for i := range spentHashes {
		if bit := spentBit(id, i); set[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// spentBit is a bit of the id, whose bytes the endpoint drew at random: they are hashes as they are.
func spentBit(id ID, i int) uint {
	return uint(id[2*i])<<8 | uint(id[2*i+1]) | uint(id[(2*i+2)%8]&7)<<16
}
