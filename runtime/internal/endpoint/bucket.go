package endpoint

import "github.com/sessgen/sessgen/runtime/internal/mono"

// resetsPerSecond is how many stateless resets an endpoint sends.
const resetsPerSecond = 100

// bucket is a token bucket of resetsPerSecond tokens.
type bucket struct {
	level float64
	at    mono.Time
}

// take takes a token, if there is one.
func (b *bucket) take(now mono.Time) bool {
	b.level = min(resetsPerSecond, b.level+now.Sub(b.at).Seconds()*resetsPerSecond)
	b.at = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
