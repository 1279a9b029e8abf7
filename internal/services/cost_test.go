package services_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/transport"
)

// overUDP serves impl over a real connection until the end of the test.
func overUDP(t testing.TB, impl services.ContractsServer) *transport.Conn {
	t.Helper()
	ln, err := transport.Listen("127.0.0.1:0", transport.WithPlaintext())
	require.NoError(t, err)
	srv := transport.NewServer()
	services.RegisterContracts(srv, impl)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(context.Background(), ln) }()
	conn, err := transport.Dial(t.Context(), ln.Addr().String(), transport.WithPlaintext())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close(context.Background()))
		require.NoError(t, srv.Shutdown(context.Background()))
		require.NoError(t, <-served)
	})
	return conn
}

// TestAllocations counts what a call allocates, at both ends together, over a real connection.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop what it is given")
	}
	c := services.NewContractsClient(overUDP(t, &server{reply: 1}))
	call := func() {
		if _, err := c.Divide(context.Background(), 100, 1); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		call()
	}
	got := testing.AllocsPerRun(1000, call)
	t.Logf("%v allocations a call", got)
	require.LessOrEqual(t, got, 6.0)
}

func BenchmarkUnary(b *testing.B) {
	c := services.NewContractsClient(overUDP(b, &server{reply: 1}))
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Divide(ctx, 100, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnaryParallel(b *testing.B) {
	c := services.NewContractsClient(overUDP(b, &server{reply: 1}))
	ctx := context.Background()
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Divide(ctx, 100, 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
