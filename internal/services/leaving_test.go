package services_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// TestBusyCallers: the end of a caller's context reaches the handler at once, also while the caller's program is busy with an item of a
// stream and makes no step of the call; and then it gets no more items, although there are some.
func TestBusyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		c, _ := serveOdd(&odd{
			list: func(ctx context.Context, send func(int64) error) error {
				for range 3 {
					if err := send(1); err != nil {
						return err
					}
				}
				<-ctx.Done()
				ended <- context.Cause(ctx)
				return ctx.Err()
			},
			echo: func(ctx context.Context, items iter.Seq2[int64, error], _ func(int64) error) error {
				<-ctx.Done()
				ended <- context.Cause(ctx)
				for _, err := range items {
					return err
				}
				return nil
			},
		})
		reached := func() {
			synctest.Wait()
			require.Len(t, ended, 1, "the handler does not know")
			var aborted *session.AbortError
			require.ErrorAs(t, <-ended, &aborted)
			require.Equal(t, session.AbortCanceled, aborted.Code)
		}
		ctx, cancel := context.WithCancel(t.Context())
		items := 0
		for _, err := range c.List(ctx, 1) {
			if items++; items == 2 {
				require.Equal(t, rpc.Canceled, rpc.CodeOf(err))
				require.ErrorIs(t, err, context.Canceled)
				continue
			}
			require.NoError(t, err)
			synctest.Wait() // there are two more
			cancel()
			reached()
		}
		require.Equal(t, 2, items)

		ctx, cancel = context.WithCancel(t.Context())
		for _, err := range c.Echo(ctx, func(send func(int64) error) error {
			require.NoError(t, send(1))
			cancel()
			reached()
			err := send(2)
			require.Equal(t, rpc.Canceled, rpc.CodeOf(err))
			return err
		}) {
			require.Equal(t, rpc.Canceled, rpc.CodeOf(err))
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

// TestTimeOfHandlers: a handler whose time is over is told so by the next step of a stream, although there is room, or an item, for it.
func TestTimeOfHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := serveOdd(&odd{
			list: func(_ context.Context, send func(int64) error) error {
				for range 10 {
					if err := send(1); err != nil {
						return err
					}
					time.Sleep(time.Second)
				}
				return nil
			},
			echo: func(_ context.Context, items iter.Seq2[int64, error], _ func(int64) error) error {
				for _, err := range items {
					if err != nil {
						return err
					}
					time.Sleep(time.Second)
				}
				return nil
			},
		}, rpc.WithInterceptors(rpc.Deadline(2500*time.Millisecond)))
		begun := time.Now()
		for _, err := range c.List(t.Context(), 1) {
			if err != nil {
				require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(err))
			}
		}
		require.Equal(t, 3*time.Second, time.Since(begun))
		begun = time.Now()
		for _, err := range c.Echo(t.Context(), func(send func(int64) error) error {
			for range 10 {
				require.NoError(t, send(1))
			}
			return nil
		}) {
			require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(err))
		}
		require.Equal(t, 3*time.Second, time.Since(begun))
	})
}

// TestShorterDeadline has a client's interceptor give a call less time than its method does: the handler is told.
func TestShorterDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := make(chan time.Duration, 1)
		conn, srv := session.Pipe()
		services.RegisterContracts(srv, &odd{note: func(ctx context.Context, _ string) error {
			end, _ := ctx.Deadline()
			limits <- time.Until(end)
			return nil
		}})
		c := services.NewContractsClient(conn, rpc.WithInterceptors(rpc.Deadline(time.Minute))) // its schema gives an hour
		require.NoError(t, c.Note(t.Context(), "x"))
		require.Equal(t, time.Minute, <-limits)
	})
}
