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
	sets  [2]spentSet
	began [2]mono.Time
	now   int // which of the two is this generation's
	ids   int // in it
}

// spentSet is a Bloom filter in pages, each of which is made when a bit of it is set: few servers hear of so many clients that they need all.
type spentSet [spentBits / spentPage]*[spentPage / 64]uint64

const (
	spentBits   = 1 << 19
	spentPage   = 1 << 13
	spentHashes = 4
	// spentMax is how many ids a generation takes: with a false alarm for one of 420.
	spentMax = spentBits / 16
)

func newSpent(now mono.Time, life time.Duration) *spent {
	return &spent{life: life, began: [2]mono.Time{now, now}}
}

// spend notes the id of a cookie or token that was made then, and reports whether it was new; stale means that it may not
// be, for all that is remembered. RFC 9000 §8.1.4: "servers MUST ensure that replay of tokens is prevented or limited".
func (s *spent) spend(now, made mono.Time, id ID) (fresh, stale bool) {
	if s.ids >= spentMax || now.Sub(s.began[s.now]) >= s.life {
		s.now ^= 1
		s.sets[s.now], s.began[s.now], s.ids = spentSet{}, now, 0
	}
	if made < s.began[s.now^1] {
		return false, true
	}
	if s.sets[0].has(id) || s.sets[1].has(id) {
		return false, false
	}
	s.sets[s.now].add(id)
	s.ids++
	return true, false
}

func (f *spentSet) add(id ID) {
	for i := range spentHashes {
		bit := spentBit(id, i)
		page := &f[bit/spentPage]
		if *page == nil {
			*page = new([spentPage / 64]uint64)
		}
		(*page)[bit%spentPage/64] |= 1 << (bit % 64)
	}
}

func (f *spentSet) has(id ID) bool {
	for i := range spentHashes {
		bit := spentBit(id, i)
		if page := f[bit/spentPage]; page == nil || page[bit%spentPage/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// spentBit is a bit of the id, whose bytes the endpoint drew at random: they are hashes as they are.
func spentBit(id ID, i int) uint {
	return uint(id[2*i])<<8 | uint(id[2*i+1]) | uint(id[(2*i+2)%8]&7)<<16
}
