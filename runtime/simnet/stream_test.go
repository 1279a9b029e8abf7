package simnet_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/simnet"
)

// echoRaw sends every message back, until the other end has finished.
func echoRaw(ctx context.Context, s session.Stream) {
	for {
		message, _, err := s.Recv(ctx)
		if err != nil {
			_ = s.CloseSend()
			_ = s.Close(ctx)
			return
		}
		if s.Send(ctx, message, false) != nil {
			return
		}
	}
}

// exchangeRaw sends messages of the sizes and wants each back, then ends the session.
func exchangeRaw(ctx context.Context, s session.Stream, sizes ...int) error {
	for _, size := range sizes {
		if err := s.Send(ctx, []byte(strings.Repeat("x", size)), false); err != nil {
			return err
		}
		if got, _, err := s.Recv(ctx); err != nil || len(got) != size {
			return fmt.Errorf("%d bytes of %d: %w", len(got), size, err)
		}
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	if _, _, err := s.Recv(ctx); err != io.EOF {
		return fmt.Errorf("not the end: %w", err)
	}
	return s.Close(ctx)
}

// Messages from none to hundreds of datagrams, through loss.
func TestMessagesOfEverySize(t *testing.T) {
	simnet.TestSeeds(t, 20, harsh, func(t *testing.T, n *simnet.Net) {
		n.Server("s").Handle(raw, echoRaw)
		conn, err := n.Dial(t.Context(), "s")
		require.NoError(t, err)
		s, err := conn.OpenStream(t.Context(), raw, nil)
		require.NoError(t, err)
		require.NoError(t, exchangeRaw(t.Context(), s, 0, 1, 1199, 1200, 16<<10, 50_000, 300_000))
	})
}

// Datagrams become as large as the path carries, and small again when it no longer does.
func TestPathMTU(t *testing.T) {
	for mtu, most := range map[int]int{1472: 1452, 1400: 1200, 9000: 8952} {
		simnet.Test(t, simnet.Options{MTU: mtu}, func(t *testing.T, n *simnet.Net) {
			n.Server("s").Handle(raw, echoRaw)
			conn, err := n.Dial(t.Context(), "s")
			require.NoError(t, err)
			s, err := conn.OpenStream(t.Context(), raw, nil)
			require.NoError(t, err)
			limit, largest := mtu, 0
			n.Intercept(func(d simnet.Datagram) bool {
				passes := len(d.Data) <= limit
				if passes {
					largest = max(largest, len(d.Data))
				}
				return passes
			})
			echo := func() {
				require.NoError(t, s.Send(t.Context(), make([]byte, 100_000), false))
				_, _, err := s.Recv(t.Context())
				require.NoError(t, err)
			}
			echo()
			echo()
			require.Equal(t, most, largest)
			limit, largest = 1250, 0
			echo()
			require.Equal(t, 1200, largest)
			require.NoError(t, exchangeRaw(t.Context(), s))
		})
	}
}

// S3: the server speaks first, whichever of the handshake's datagrams are lost.
func TestS3ServerSpeaksFirst(t *testing.T) {
	simnet.TestSeeds(t, 100, harsh, func(t *testing.T, n *simnet.Net) {
		n.Server("s").Handle(rawServerFirst, func(ctx context.Context, s session.Stream) {
			_ = s.Send(ctx, []byte("welcome"), true)
			_, _, _ = s.Recv(ctx)
			_ = s.Close(ctx)
		})
		conn, err := n.Dial(t.Context(), "s")
		require.NoError(t, err)
		s, err := conn.OpenStream(t.Context(), rawServerFirst, nil)
		require.NoError(t, err)
		got, _, err := s.Recv(t.Context())
		require.NoError(t, err)
		require.Equal(t, "welcome", string(got))
		require.NoError(t, exchangeRaw(t.Context(), s))
		require.NoError(t, conn.Close(t.Context()))
	})
}

// S20: a partition of 30 s passes where the time-outs allow it; else both ends get typed errors.
func TestS20Partition(t *testing.T) {
	across := func(options simnet.Options) (dialing, listening error) {
		simnet.Test(t, options, func(t *testing.T, n *simnet.Net) {
			served := make(chan error, 1)
			n.Server("s").Handle(raw, func(ctx context.Context, s session.Stream) {
				echoRaw(ctx, s)
				served <- context.Cause(s.Context())
			})
			conn, err := n.Dial(t.Context(), "s")
			require.NoError(t, err)
			s, err := conn.OpenStream(t.Context(), raw, nil)
			require.NoError(t, err)
			require.NoError(t, s.Send(t.Context(), []byte("before"), false))
			_, _, err = s.Recv(t.Context())
			require.NoError(t, err)
			n.Partition("s")
			n.Go(t.Context(), func(context.Context) error {
				time.Sleep(30 * time.Second)
				n.Heal()
				return nil
			})
			dialing = exchangeRaw(t.Context(), s, 100)
			listening = <-served
		})
		return dialing, listening
	}
	dialing, listening := across(simnet.Options{IdleTimeout: time.Minute, DeathTimeout: time.Minute})
	require.NoError(t, dialing)
	require.ErrorIs(t, listening, net.ErrClosed)

	dialing, listening = across(simnet.Options{})
	for _, err := range []error{dialing, listening} {
		var timeout interface{ Timeout() bool }
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
	}
}
