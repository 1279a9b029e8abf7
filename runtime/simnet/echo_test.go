package simnet_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sessgen/sessgen/runtime/simnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harsh is a network that loses 30 %, delays 60 % and duplicates 10 % of the
// datagrams, each drawn by itself. Its time-outs are such that all must succeed.
func harsh(seed uint64) simnet.Options {
	return simnet.Options{
		Seed: seed, Drop: 0.3, Delay: 0.6, Duplicate: 0.1,
		IdleTimeout: time.Minute, DeathTimeout: time.Minute, HandshakeTimeout: time.Minute,
	}
}

// echoes is a run of one client with so many exchanges.
func echoes(exchanges int) func(*testing.T, *simnet.Net) {
	return func(t *testing.T, n *simnet.Net) {
		registerEcho(n.Server("echo"))
		conn, err := n.Dial(t.Context(), "echo")
		require.NoError(t, err)
		require.NoError(t, echo(t.Context(), conn, exchanges))
		require.NoError(t, conn.Close(t.Context()))
	}
}

func TestEchoTenExchanges(t *testing.T) {
	simnet.TestSeeds(t, 100, harsh, echoes(10))
}

// SIM_LONG makes it ten thousand.
func TestEchoManyExchanges(t *testing.T) {
	exchanges := 1000
	if os.Getenv("SIM_LONG") != "" {
		exchanges = 10_000
	}
	simnet.Test(t, harsh(1), echoes(exchanges))
}

func TestEchoSwarm(t *testing.T) {
	simnet.TestSeeds(t, 100, simnet.Swarm, echoes(10))
}

func TestEchoManyClients(t *testing.T) {
	simnet.Test(t, harsh(2), func(t *testing.T, n *simnet.Net) {
		registerEcho(n.Server("echo"))
		for range 30 {
			n.Go(t.Context(), func(ctx context.Context) error {
				conn, err := n.Dial(ctx, "echo")
				if err != nil {
					return err
				}
				return echo(ctx, conn, 5)
			})
		}
	})
}

func TestEchoManySessionsOfOneConnection(t *testing.T) {
	simnet.Test(t, harsh(3), func(t *testing.T, n *simnet.Net) {
		registerEcho(n.Server("echo"))
		conn, err := n.Dial(t.Context(), "echo")
		require.NoError(t, err)
		for range 50 {
			n.Go(t.Context(), func(ctx context.Context) error { return echo(ctx, conn, 5) })
		}
	})
}

// Every run of a seed is the same, whatever the scheduler does.
func TestSameSeedSameTrace(t *testing.T) {
	crowd := func(t *testing.T, n *simnet.Net) {
		registerEcho(n.Server("echo"))
		for i := range 10 {
			n.Go(t.Context(), func(ctx context.Context) error {
				conn, err := n.Dial(ctx, "echo")
				if err != nil {
					return err
				}
				for range 3 {
					n.Go(ctx, func(ctx context.Context) error { return echo(ctx, conn, 2+i) })
				}
				return nil
			})
		}
	}
	seen := map[uint64]uint64{}
	for seed := range uint64(5) {
		first := simnet.Test(t, harsh(seed), crowd)
		require.Positive(t, first.Lost)
		require.Equal(t, 30, first.Sessions)
		for range 4 {
			require.Equal(t, first, simnet.Test(t, harsh(seed), crowd))
		}
		seen[first.Hash] = seed
	}
	require.Len(t, seen, 5, "each seed has a trace of its own")
}
