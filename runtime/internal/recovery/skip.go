package recovery

import "github.com/sessgen/sessgen/runtime/internal/handshake"

// skips are packet numbers that are left out on purpose. RFC 9000 §21.4: "An endpoint that acknowledges packets it has not
// received might cause a congestion controller to permit sending at rates beyond what the network supports. An endpoint MAY
// skip packet numbers when sending packets to detect this behavior. An endpoint can then immediately close the connection with a
// connection error of type PROTOCOL_VIOLATION". About one number of a window is left out, so that who acknowledges ahead is
// found out within two.
type skips struct {
	random  uint64 // zero: none are left out
	due     uint64 // the next number to leave out; zero means that it is not known yet
	numbers [8]uint64
	n       uint64 // how many were left out
}

// skipLeast is the least number of packets from one number that is left out to the next, on average.
const skipLeast = 128

// SkipNumbers lets packet numbers be left out at random places, which the seed decides.
func (l *Loss) SkipNumbers(seed uint64) { l.skips.random = seed | 1 }

// next is number, or the one after if it is to be left out. window is in packets.
func (k *skips) next(number uint64, window int) uint64 {
	if k.random == 0 {
		return number
	}
	if k.due > number {
		return number
	}
	skipped := k.due > 0
	if skipped {
		k.numbers[k.n%uint64(len(k.numbers))] = number
		k.n++
		number++
	}
	// xorshift
	k.random ^= k.random << 13
	k.random ^= k.random >> 7
	k.random ^= k.random << 17
	k.due = number + 1 + k.random%uint64(2*max(skipLeast, window))
	return number
}

// acked reports whether a number is in the ranges that was left out.
func (k *skips) acked(ranges []Range) bool {
	for i := range min(k.n, uint64(len(k.numbers))) {
		number := k.numbers[i]
		for _, r := range ranges {
			if r.Smallest <= number && number <= r.Largest {
				return true
			}
			if r.Largest < number {
				break
			}
		}
	}
	return false
}

// without is how many packets were sent in the ahead numbers behind number.
func (k *skips) without(ahead, number uint64, s handshake.Level) uint64 {
	if k.n == 0 || s != handshake.Application {
		return ahead
	}
	left := ahead
	for i := range min(k.n, uint64(len(k.numbers))) {
		if skipped := k.numbers[i]; number < skipped && skipped <= number+ahead {
			left--
		}
	}
	return left
}
