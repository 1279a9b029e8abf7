package transport

import (
	"context"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// Each algorithm carries a megabyte, with datagrams of the loopback's size, and learns that the loopback carries ECN marks.
func TestCongestionAlgorithms(t *testing.T) {
	clean(t)
	bulk := protocol("Bulk", 0)
	for _, algorithm := range []Congestion{BBR, CUBIC, NewReno} {
		t.Run(algorithm.String(), func(t *testing.T) {
			srv := serve(t, map[*session.Protocol]handler{bulk: func(ctx context.Context, s session.Stream) {
				for {
					if _, _, err := s.Recv(ctx); err != nil {
						_ = s.CloseSend()
						_ = s.Close(ctx)
						return
					}
				}
			}})
			c := dial(t, srv.addr, WithCongestion(algorithm))
			s := open(t, c, bulk)
			message := make([]byte, 64<<10)
			ctx := bounded(t)
			for n := 0; n < 16 || c.Stats().MaxDatagram < 8952 && ctx.Err() == nil; n++ { // the search takes as long as it takes
				require.NoError(t, s.Send(ctx, message, false))
			}
			require.NoError(t, s.CloseSend())
			_, _, err := s.Recv(bounded(t))
			require.ErrorIs(t, err, io.EOF)
			require.NoError(t, s.Close(bounded(t)))
			stats := c.Stats()
			require.Equal(t, 8952, stats.MaxDatagram)
			require.Equal(t, runtime.GOOS == "linux", stats.ECN)
		})
	}
	_, err := Dial(context.Background(), "127.0.0.1:1", WithPlaintext(), WithCongestion(17))
	require.ErrorContains(t, err, "no such algorithm")
}
