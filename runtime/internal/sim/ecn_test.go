package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
)

// markedRun sends 300 messages of 4,000 bytes over a path that does this to marks, and returns the dialing end.
func markedRun(t *testing.T, seed uint64, c congestion.Algorithm, m *Marks) (*world, *peer) {
	o := fair()
	o.Seed, o.Congestion, o.Marks, o.Heal, o.Size, o.Messages = seed, c, m, time.Hour, 4000, 300
	w := play(t, o, func(w *world) { w.script = says(300, 1, false) })
	finishedAll(t, w)
	return w, w.dialed(0)
}

// Row 13: a peer that lies about the marks that it has seen turns ECN off, and nothing gets faster by it than it is without ECN; so does a path
// that takes marks away, or makes others of them. One that is honest keeps it on, and slows its peer down where it says so.
func TestAttack13ECNLies(t *testing.T) {
	for _, c := range []congestion.Algorithm{congestion.AlgorithmBBR, congestion.AlgorithmCubic, congestion.AlgorithmNewReno} {
		for seed := range uint64(2) {
			without, end := markedRun(t, seed, c, nil)
			require.False(t, end.core.Stats().ECN)

			_, end = markedRun(t, seed, c, &Marks{})
			require.True(t, end.core.Stats().ECN)

			for name, m := range map[string]*Marks{
				"lies": {Lies: 1}, "lies at times": {Lies: 0.3}, "lies that conceal congestion": {Lies: 1, Congested: 0.1},
				"bleached": {Bleached: 1}, "bleached at times": {Bleached: 0.3}, "altered": {Altered: 1}, "altered at times": {Altered: 0.3},
			} {
				w, end := markedRun(t, seed, c, m)
				require.False(t, end.core.Stats().ECN, "%s, %v, seed %d", name, c, seed)
				require.Greater(t, w.now, without.now*9/10, "%s, %v, seed %d", name, c, seed) // row 10 allows as much
			}
			w, end := markedRun(t, seed, c, &Marks{Congested: 0.1})
			require.True(t, end.core.Stats().ECN)
			if c != congestion.AlgorithmBBR { // whose start-up ends with a round, not with a mark: so short a run shows nothing
				require.Greater(t, w.now, without.now, "%v, seed %d", c, seed)
			}
		}
	}
}
