package rpcs

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func start(t testing.TB, lib string) Call {
	cert, err := NewCert()
	require.NoError(t, err)
	addr, stop, err := Serve(lib, cert)
	require.NoError(t, err)
	config, err := Trust(cert.Certificate[0])
	require.NoError(t, err)
	call, hangUp, err := Dial(lib, addr, config)
	require.NoError(t, err)
	t.Cleanup(func() {
		hangUp()
		stop()
	})
	return call
}

func libs() (all []string) {
	for _, lib := range Libs {
		all = append(all, lib, lib+"+tls")
	}
	return all
}

// TestEcho calls every library once in each mode.
func TestEcho(t *testing.T) {
	for _, lib := range libs() {
		t.Run(lib, func(t *testing.T) {
			n, err := start(t, lib)(t.Context(), make([]byte, 64))
			require.NoError(t, err)
			require.Equal(t, 64, n)
		})
	}
}

// BenchmarkUnary has both ends in one process, so that allocations are those of both.
func BenchmarkUnary(b *testing.B) {
	for _, lib := range libs() {
		for _, callers := range []int{1, 128} {
			b.Run(fmt.Sprintf("%s/%d", lib, callers), func(b *testing.B) {
				call, ctx := start(b, lib), context.Background()
				for range 200 {
					if _, err := call(ctx, make([]byte, 64)); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				b.ResetTimer()
				var all sync.WaitGroup
				for i := range callers {
					n := (b.N + i) / callers
					all.Go(func() {
						p := make([]byte, 64)
						for range n {
							if _, err := call(ctx, p); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			})
		}
	}
}
