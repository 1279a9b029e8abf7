// Package mono is the clock of the runtime's pure core: a point on one
// monotonic time line, in nanoseconds. The core never asks what time it is; every
// input carries the time at which it happens.
package mono

import (
	"math"
	"time"
)

// Time is a point in time in nanoseconds since an origin that its user chooses
// (process start in the shell, zero in a simulation). It is never negative.
type Time int64

// Never is later than every time that comes: the deadline of a timer that is not set.
const Never Time = math.MaxInt64

// Add returns the time d after t. Never stays Never, and the sum does not pass it.
func (t Time) Add(d time.Duration) Time {
	if d > 0 && t > Never-Time(d) {
		return Never
	}
	return t + Time(d)
}

// Sub returns how long t is after u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }
