package transport

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// So many connections are roused for nothing in a second, and those that were roused for something do not count.
func TestRousings(t *testing.T) {
	var r rousings
	at := mono.Time(time.Hour)
	for range 10 * rousingsMax {
		require.True(t, r.take(at))
		r.giveBack()
	}
	for second := range 3 {
		at = mono.Time(time.Hour + time.Duration(second)*time.Second)
		for range rousingsMax {
			require.True(t, r.take(at))
		}
		for range 100 {
			require.False(t, r.take(at))
			require.False(t, r.take(at-1), "a clock that was read earlier")
		}
	}
	at = at.Add(time.Second / 2)
	taken := 0
	for r.take(at) {
		taken++
	}
	require.Equal(t, rousingsMax/2, taken)
}
