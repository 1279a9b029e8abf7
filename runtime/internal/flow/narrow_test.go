package flow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// A window is narrow if half of it is read in two round trips, or in eight while the peer uses all of it; never for a reader that is slow.
func TestWindowIsNarrow(t *testing.T) {
	const rtt = 20 * time.Millisecond
	for _, c := range []struct {
		after   time.Duration
		read    uint64
		highest uint64
		narrow  bool
	}{
		{2 * rtt, Floor / 2, Floor / 2, true},
		{2 * rtt, Floor/2 - 1, Floor, false},
		{3 * rtt, Floor / 2, Floor / 2, false},
		{8 * rtt, Floor / 2, Floor, true},
		{9 * rtt, Floor / 2, Floor, false},
	} {
		w := NewWindow()
		begin := mono.Time(time.Hour)
		w.Grow(begin, 0)
		w.Consume(c.read)
		require.Equal(t, c.narrow, w.Narrow(begin.Add(c.after), rtt, c.highest), "%+v", c)
	}
	w := NewWindow()
	w.Grow(0, 3*Floor)
	require.EqualValues(t, 4*Floor, w.Limit())
	require.EqualValues(t, 3*Floor, w.Grown())
}

// Credit is spent when less than a quarter of the window is left of it.
func TestWindowIsSpent(t *testing.T) {
	w := NewWindow()
	require.False(t, w.Spent(Floor*3/4-1))
	require.True(t, w.Spent(Floor*3/4))
	w.Consume(Floor)
	require.True(t, w.Spent(Floor), "until the peer has heard of more")
	w.Advertise()
	require.False(t, w.Spent(Floor))
}
