package endpoint

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// spent remembers, in fixed memory, the server ids whose cookies or address tokens were used, for as
// long as one lasts: two Bloom filters, of this generation and the one before. A false
// alarm costs a client one more INIT.
//
// A generation ends after the life of a cookie, or when as many ids are in it as keep false alarms rare. What the older one of
// the two cannot have seen, because it was made before that began, counts as used. So however many handshakes there are, no cookie is used twice,
// and hardly any other is refused; under very many the life of cookies becomes shorter.
type spent struct {
	life  time.Duration
	sets  [2]*[spentBits / 64]uint64 // nil while empty
	began [2]mono.Time
	now   int // which of the two is this generation's
	ids   int // in it
}

const (
	spentBits   = 1 << 19
	spentHashes = 4
	// spentMax is how many ids a generation takes: with a false alarm for one of 420.
	spentMax = spentBits / 16
)

func newSpent(now mono.Time, life time.Duration) spent {
	return spent{life: life, began: [2]mono.Time{now, now}}
}

// spend notes the id of a cookie or token that was made then, and reports whether it was new; stale means that it may not
// be, for all that is remembered.
func (s *spent) spend(now, made mono.Time, id ID) (fresh, stale bool) {
	if s.ids >= spentMax || now.Sub(s.began[s.now]) >= s.life {
		s.now ^= 1
		s.sets[s.now], s.began[s.now], s.ids = nil, now, 0
	}
	if made < s.began[s.now^1] {
		return false, true
	}
	if s.in(s.sets[0], id) || s.in(s.sets[1], id) {
		return false, false
	}
	set := &s.sets[s.now]
	if *set == nil {
		*set = new([spentBits / 64]uint64)
	}
	for i := range spentHashes {
		bit := spentBit(id, i)
		(*set)[bit/64] |= 1 << (bit % 64)
	}
	s.ids++
	return true, false
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
