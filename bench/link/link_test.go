package link_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/bench/link"
)

const ms = time.Millisecond

// drain lets all packets arrive and returns when each did.
func drain(l *link.Link) (at []time.Duration) {
	for now, ok := time.Duration(0), true; ok; {
		var next time.Duration
		next, ok = l.Poll(now, func([]byte) { at = append(at, now) })
		if ok {
			now = next
		}
	}
	return at
}

func TestBottleneckSpacesPackets(t *testing.T) {
	l := link.New(link.Config{Rate: 8e6, Queue: 3000, Delay: 10 * ms}) // a byte each microsecond
	for range 5 {
		l.Send(0, make([]byte, 1000))
	}
	require.Equal(t, []time.Duration{11 * ms, 12 * ms, 13 * ms}, drain(l))
	require.EqualValues(t, 2, l.Counters.Overflowed, "the queue holds three")
}

func TestLossIsAsAsked(t *testing.T) {
	l := link.New(link.Config{Loss: 0.1, Seed: 7})
	for range 10_000 {
		l.Send(0, []byte{1})
	}
	require.InDelta(t, 1000, float64(l.Counters.Lost), 150)
	require.Len(t, drain(l), 10_000-int(l.Counters.Lost))
}

func TestSameSeedSameFate(t *testing.T) {
	run := func() []time.Duration {
		l := link.New(link.Config{Loss: 0.2, Duplicate: 0.1, Jitter: ms, Reorder: 0.1, ReorderBy: 2 * ms, Seed: 3})
		for i := range 500 {
			l.Send(time.Duration(i)*ms/10, []byte{byte(i)})
		}
		return drain(l)
	}
	require.Equal(t, run(), run())
}
