package packet

import "math/bits"

// MaxNumber is the largest packet number (RFC 9000 §12.3). A sender stops before it.
const MaxNumber = MaxVarint

// NumberLen is how many bytes of the packet number pn must travel, when the
// peer has acknowledged all up to largestAcked, or nothing if that is negative:
// "the sender MUST use a packet number size able to represent more than twice as
// large a range as the difference between the largest acknowledged packet number
// and the packet number being sent" (RFC 9000 §17.1).
func NumberLen(pn uint64, largestAcked int64) int {
	unacked := pn + 1
	if largestAcked >= 0 {
		unacked = pn - uint64(largestAcked)
	}
	return min(max((bits.Len64(unacked)+1+7)/8, 1), 4)
}

// appendNumber appends the n lowest bytes of pn.
func appendNumber(b []byte, pn uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		b = append(b, byte(pn>>(8*i)))
	}
	return b
}

func parseNumber(b []byte) (pn uint64) {
	for _, c := range b {
		pn = pn<<8 | uint64(c)
	}
	return pn
}

// ExpandNumber finds the packet number of which truncated holds the n lowest
// bytes: the one closest to the one after largest, the largest that was received,
// which is negative before the first (RFC 9000 §A.3).
func ExpandNumber(truncated uint64, n int, largest int64) uint64 {
	expected := uint64(largest + 1)
	window := uint64(1) << (8 * n)
	half := window / 2
	candidate := expected&^(window-1) | truncated
	switch {
	case candidate+half <= expected && candidate+window <= MaxNumber:
		return candidate + window
	case candidate > expected+half && candidate >= window:
		return candidate - window
	}
	return candidate
}
