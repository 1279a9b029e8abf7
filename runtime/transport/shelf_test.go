package transport

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A shelf has a buffer of about the size that is asked for, and never more than it may, the latest ones.
func TestShelf(t *testing.T) {
	var s shelf
	require.Nil(t, s.take(1))
	a, b, c := make([]byte, 100), make([]byte, 150), make([]byte, 200)
	s.put(a, 300)
	s.put(b, 300)
	require.Nil(t, s.take(40), "too large for that")
	require.Nil(t, s.take(151))
	require.Same(t, &b[0], &s.take(110)[0])
	s.put(b, 300)
	s.put(c, 350) // a goes
	require.EqualValues(t, 350, s.bytes)
	require.Same(t, &c[0], &s.take(180)[0])
	require.Same(t, &b[0], &s.take(100)[0])
	s.put(make([]byte, 400), 350)
	require.Zero(t, s.bytes)
	require.Empty(t, s.free)
}
