package sim

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// What is pushed comes in the order of its time, and what is due at one time in the order of pushing.
func TestQueueIsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			at     mono.Time
			number int
		}
		var q Queue[entry]
		var want []entry
		for i, at := range rapid.SliceOf(rapid.Int64Range(0, 20)).Draw(t, "times") {
			e := entry{mono.Time(at), i}
			q.Push(e.at, e)
			want = append(want, e)
		}
		slices.SortStableFunc(want, func(a, b entry) int { return int(a.at - b.at) })
		for _, e := range want {
			require.Equal(t, e.at, q.Next())
			require.Equal(t, e, q.Pop())
		}
		require.Equal(t, mono.Never, q.Next())
	})
}
