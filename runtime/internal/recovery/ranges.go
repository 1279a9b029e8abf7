package recovery

// Range is the packet numbers from Smallest to Largest, both included.
type Range struct{ Smallest, Largest uint64 }

// maxRanges bounds what one space remembers of the packets that arrived.
const maxRanges = 64

// rangeSet is a set of packet numbers. It forgets its lowest range rather than hold more
// than maxRanges, and from then on counts everything up to there as present:
// RFC 9000 §13.2.3, "a receiver MUST retain an ACK Range unless it can ensure
// that it will not subsequently accept packets with numbers in that range."
type rangeSet struct {
	ranges []Range // ascending; at least one number is missing between two
	floor  uint64  // every number below counts as present
}

func (s *rangeSet) has(n uint64) bool {
	if n < s.floor {
		return true
	}
	i := s.search(n)
	return i < len(s.ranges) && s.ranges[i].Smallest <= n
}

// add puts n in. It must not be there yet.
func (s *rangeSet) add(n uint64) {
	i := s.search(n) // the first range that ends at n or later; all before it end before n
	after := i > 0 && s.ranges[i-1].Largest+1 == n
	before := i < len(s.ranges) && n+1 == s.ranges[i].Smallest
	switch {
	case after && before:
		s.ranges[i-1].Largest = s.ranges[i].Largest
		s.ranges = append(s.ranges[:i], s.ranges[i+1:]...)
	case after:
		s.ranges[i-1].Largest = n
	case before:
		s.ranges[i].Smallest = n
	default:
		if len(s.ranges) == maxRanges {
			s.floor = s.ranges[0].Largest + 1
			copy(s.ranges, s.ranges[1:])
			s.ranges = s.ranges[:maxRanges-1]
			if n < s.floor {
				return
			}
			i--
		}
		s.ranges = append(s.ranges, Range{})
		copy(s.ranges[i+1:], s.ranges[i:])
		s.ranges[i] = Range{n, n}
	}
}

// largest is the largest number in the set, if there is one.
func (s *rangeSet) largest() (n uint64, ok bool) {
	if len(s.ranges) == 0 {
		return 0, false
	}
	return s.ranges[len(s.ranges)-1].Largest, true
}

// search returns the index of the first range that ends at n or later. Most
// numbers are near the end, so it walks from there.
func (s *rangeSet) search(n uint64) int {
	i := len(s.ranges)
	for i > 0 && s.ranges[i-1].Largest >= n {
		i--
	}
	return i
}
