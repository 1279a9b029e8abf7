package dense

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMapIsAMap compares with a built-in map: numbers that are put in ascending, with gaps and a few late, and taken out
// in about that order, but for some that stay.
func TestMapIsAMap(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		var m Map[int]
		naive := make(map[uint64]*int)
		next, most := uint64(r.IntN(100)), 0
		crowd := 1 + r.IntN(100)
		for range 1000 {
			n := next
			switch {
			case r.IntN(50) == 0: // late
				n -= min(n, uint64(r.IntN(200)))
			case r.IntN(50) == 0:
				n += uint64(r.IntN(300))
			}
			if naive[n] == nil {
				v := new(int)
				m.Put(n, v)
				naive[n] = v
			}
			next = max(next, n+1)
			most = max(most, len(naive))
			for n := range naive {
				if len(naive) <= crowd || n%64 == 0 {
					break
				}
				m.Delete(n)
				delete(naive, n)
			}
			require.Equal(t, len(naive), m.Len())
			for range 3 {
				n := uint64(r.IntN(int(next) + 10))
				require.Same(t, naive[n], m.Get(n), "seed %d, number %d", seed, n)
			}
			m.Delete(next + uint64(r.IntN(5)))
		}
		require.Equal(t, naive, maps.Collect(m.All()))
		require.LessOrEqual(t, len(m.ring), max(leastRing, 4*most), "of seed %d, with %d entries at most", seed, most)
		for n := range m.All() {
			m.Delete(n)
		}
		require.Zero(t, m.Len())
	}
}

// TestOneThatStays shows that one old entry costs nothing, however many come behind it.
func TestOneThatStays(t *testing.T) {
	var m Map[int]
	first := new(int)
	m.Put(0, first)
	for n := range uint64(100_000) {
		m.Put(n+1, new(int))
		m.Delete(n + 1)
	}
	require.Same(t, first, m.Get(0))
	require.Len(t, m.ring, leastRing)
	require.Equal(t, 1, m.Len())
}

// TestNumbersOfNobody: what a peer makes up is found nowhere.
func TestNumbersOfNobody(t *testing.T) {
	var none *Map[int]
	require.Nil(t, none.Get(0))
	require.Empty(t, maps.Collect(none.All()))
	var m Map[int]
	require.Nil(t, m.Get(0))
	require.Nil(t, m.Get(1<<64-1))
	m.Delete(0)
	m.Put(4, new(int))
	for n := range uint64(100) {
		if n != 4 {
			require.Nil(t, m.Get(n), n)
		}
		require.Nil(t, m.Get(-n-1), n)
		require.Nil(t, m.Get(1<<62+n), n)
	}
	m.Put(1<<62-1, new(int))
	require.NotNil(t, m.Get(4))
	require.NotNil(t, m.Get(1<<62-1))
	require.Equal(t, 2, m.Len())
}

func BenchmarkMap(b *testing.B) {
	b.Run("dense", func(b *testing.B) {
		var m Map[int]
		v := new(int)
		for n := range uint64(b.N) {
			m.Put(n, v)
			if m.Get(n) == nil {
				b.Fatal("not there")
			}
			if n >= 128 {
				m.Delete(n - 128)
			}
		}
	})
	b.Run("built-in", func(b *testing.B) {
		m := make(map[uint64]*int)
		v := new(int)
		for n := range uint64(b.N) {
			m[n] = v
			if m[n] == nil {
				b.Fatal("not there")
			}
			if n >= 128 {
				delete(m, n-128)
			}
		}
	})
}
