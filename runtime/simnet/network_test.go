package simnet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// flightsOf sends so many datagrams one way, a millisecond apart, and returns them as they arrive.
func flightsOf(w *network, count int) []arrival {
	from, to := &host{name: "a"}, &host{name: "b", index: 1}
	for i := range count {
		w.send(mono.Time(i)*mono.Time(time.Millisecond), from, to, fmt.Appendf(nil, "%08d", i))
	}
	return arrivals(w)
}

// arrival is a flight, with when it arrives.
type arrival struct {
	flight
	at mono.Time
}

// arrivals lets all that is under way arrive.
func arrivals(w *network) (all []arrival) {
	for at := w.flying.Next(); at != mono.Never; at = w.flying.Next() {
		all = append(all, arrival{w.flying.Pop(), at})
	}
	return all
}

func network1(t *testing.T, o Options) *network { return newNetwork(o.withDefaults(), newTrace(t)) }

func TestGoodNetworkKeepsOrderAndTime(t *testing.T) {
	arrived := flightsOf(network1(t, Options{Latency: 7 * time.Millisecond}), 100)
	require.Len(t, arrived, 100)
	for i, f := range arrived {
		require.Equal(t, fmt.Sprintf("%08d", i), string(f.data))
		require.Equal(t, time.Duration(i+7)*time.Millisecond, time.Duration(f.at))
	}
}

// Each fault comes about as often as it is asked for, whatever the others are.
func TestFaultsAreIndependent(t *testing.T) {
	const count = 20_000
	for _, o := range []Options{
		{Drop: 0.3},
		{Delay: 0.6},
		{Duplicate: 0.1},
		{Corrupt: 0.2},
		{Drop: 0.3, Delay: 0.6, Duplicate: 0.1},
	} {
		o.Seed, o.Latency, o.DelayMax = 1, time.Millisecond, 50*time.Millisecond
		w := network1(t, o)
		arrived := flightsOf(w, count)

		survivors := float64(count) * (1 - o.Drop)
		require.InDelta(t, survivors*(1+o.Duplicate), len(arrived), count*0.015, "%v", o)
		require.InDelta(t, float64(count)*o.Drop, w.trace.Lost, count*0.015, "%v", o)

		late, overtaken, corrupted := 0, 0, 0
		newest := -1
		for _, f := range arrived {
			var number int
			if n, err := fmt.Sscanf(string(f.data), "%08d", &number); n != 1 || err != nil || number >= count {
				corrupted++
				continue
			}
			if f.at > mono.Time(number+1)*mono.Time(time.Millisecond) {
				late++
			}
			if number < newest {
				overtaken++
			}
			newest = max(newest, number)
		}
		require.Equal(t, o.Corrupt > 0, corrupted > 0, "%v", o)
		if o.Corrupt > 0 {
			continue // a number that is another one now says nothing about time
		}
		require.InDelta(t, survivors*(1+o.Duplicate)*o.Delay, late, count*0.06, "%v", o)
		require.Equal(t, o.Delay > 0, overtaken > 0, "%v", o)
	}
}

// What one direction does leaves the draws of another as they are.
func TestDirectionsAreIndependent(t *testing.T) {
	o := Options{Seed: 3, Drop: 0.5}
	alone, beside := network1(t, o), network1(t, o)
	a, b := &host{name: "a"}, &host{name: "b", index: 1}
	for i := range 100 {
		beside.send(0, b, a, []byte("the other way"))
		alone.send(0, a, b, []byte{byte(i)})
		beside.send(0, a, b, []byte{byte(i)})
	}
	passed := func(w *network) (numbers []byte) {
		for _, f := range arrivals(w) {
			if f.to == b {
				numbers = append(numbers, f.data[0])
			}
		}
		slices.Sort(numbers)
		return numbers
	}
	numbers := passed(alone)
	require.Equal(t, numbers, passed(beside))
	require.NotEmpty(t, numbers)
}

func TestNetworkHeals(t *testing.T) {
	w := network1(t, Options{Drop: 1, Heal: 50 * time.Millisecond})
	w.cuts = [][]string{{"a"}}
	w.intercept = func(Datagram) bool { return false }
	require.False(t, w.calm(0))
	arrived := flightsOf(w, 100)
	require.Len(t, arrived, 50)
	require.Equal(t, "00000050", string(arrived[0].data))
	require.True(t, w.calm(mono.Time(time.Second)))
}

func TestLargeDatagramsAreLost(t *testing.T) {
	w := network1(t, Options{MTU: 7})
	require.Empty(t, flightsOf(w, 10))
	require.Equal(t, 10, w.trace.Lost)
}

func TestSwarmIsDrawnFromTheSeed(t *testing.T) {
	require.Equal(t, Swarm(7), Swarm(7))
	require.NotEqual(t, Swarm(7), Swarm(8))
	kinds := map[bool]int{}
	for seed := range uint64(300) {
		o := Swarm(seed)
		require.GreaterOrEqual(t, o.MTU, 1200)
		require.Positive(t, o.Heal)
		kinds[o.Drop == 0]++
	}
	require.Greater(t, kinds[true], 50)
	require.Greater(t, kinds[false], 100)
}

func TestOptionsAreALiteral(t *testing.T) {
	o := Options{Seed: 4, Drop: 0.3, Latency: 1500 * time.Microsecond, Heal: 2 * time.Second}
	require.Equal(t, "simnet.Options{Seed: 4, Latency: 1500 * time.Microsecond, Drop: 0.3, Heal: 2000 * time.Millisecond}", o.String())
}

func TestReplayCommand(t *testing.T) {
	require.Equal(t,
		"go test github.com/sessgen/sessgen/runtime/simnet -run '^TestEcho$/^a\\.b$' -sim.seed=17", replay("TestEcho/a.b", 17))
}
