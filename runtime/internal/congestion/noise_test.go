package congestion

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is lost at random is learnt, and never taken for nothing, however it falls; so no path that loses 1 % is taken for a clean one.
func TestNoiseOfAPathThatLosesAtRandom(t *testing.T) {
	for _, share := range []float64{0.01, 0.05, 0.1} {
		for _, datagrams := range []int{40, 170, 800} {
			for seed := range uint64(20) {
				b, random := cruising(), rand.New(rand.NewPCG(seed, 1))
				b.noise = noise{}
				for i := range 200 {
					lost := 0
					for range datagrams {
						if random.Float64() < share {
							lost++
						}
					}
					b.round(datagrams, lost)
					if i*datagrams > noiseStretch*noiseStretches {
						require.True(t, b.noise.noisy(), "%v, %d datagrams, seed %d", share, datagrams, seed)
						require.InEpsilon(t, share, b.noise.share(), 0.7)
					}
				}
			}
		}
	}
}

// Overflows come and go: what they lose is not the path's, as long as most stretches are spared, and few losses are no noise.
func TestNoiseIsNotOverflow(t *testing.T) {
	b := cruising()
	for i := range 200 {
		lost := 0
		if i%5 == 0 {
			lost = 60
		}
		b.round(noiseStretch, lost)
		require.True(t, b.noise.clean())
		require.Zero(t, b.noise.share())
	}
}

// A path is neither clean nor noisy until something is known of it.
func TestNoiseIsNotKnownAtFirst(t *testing.T) {
	b := cruising()
	b.noise = noise{}
	for range noiseLeast {
		require.False(t, b.noise.clean() || b.noise.noisy())
		b.round(noiseStretch, 5)
	}
	require.True(t, b.noise.noisy())
	b.Rest()
	b.wake(after(1000))
	require.True(t, b.noise.noisy())
	require.InDelta(t, 0.02, b.noise.share(), 0.001)
}
