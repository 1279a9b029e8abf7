package transport

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/udp"
	"github.com/sessgen/sessgen/runtime/session"
)

// deaf handles sessions without ever receiving, until they are over.
func deaf(ctx context.Context, s session.Stream) { <-ctx.Done() }

// blackHole is the address of a socket that nobody reads.
func blackHole(t testing.TB) string {
	t.Helper()
	sock, err := udp.Listen("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { sock.Close() })
	return sock.LocalAddr().String()
}

// TestCancel ends the context of every call that waits: the call returns its error,
// and what it was called on is as it was.
func TestCancel(t *testing.T) {
	clean(t)
	srv := serve(t, map[*session.Protocol]handler{hello: deaf, echoes: serveEcho})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	// during calls f with a context that ends while f waits.
	during := func(f func(ctx context.Context) error) error {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		return f(ctx)
	}

	t.Run("Dial", func(t *testing.T) {
		for _, ctx := range []context.Context{ended, nil} {
			dial := func(ctx context.Context) error {
				_, err := Dial(ctx, blackHole(t), WithPlaintext())
				return err
			}
			if ctx != nil {
				require.ErrorIs(t, dial(ctx), context.Canceled)
			} else {
				require.ErrorIs(t, during(dial), context.Canceled)
			}
		}
	})
	c := dial(t, srv.addr)
	t.Run("Recv", func(t *testing.T) {
		s := open(t, c, echoes)
		recv := func(ctx context.Context) error {
			_, _, err := s.Recv(ctx)
			return err
		}
		require.ErrorIs(t, recv(ended), context.Canceled)
		for range 100 {
			require.ErrorIs(t, during(recv), context.Canceled)
		}
		// Two that wait: one reads the socket, the other one is parked.
		other := open(t, c, hello)
		waits := make(chan error)
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			_, _, err := other.Recv(ctx)
			waits <- err
		}()
		require.ErrorIs(t, during(recv), context.Canceled)
		cancel()
		require.ErrorIs(t, <-waits, context.Canceled)
		other.Abort(session.Abort{})
		require.NoError(t, exchange(bounded(t), s, []byte("still alive")))
		require.NoError(t, finish(bounded(t), s))
	})
	t.Run("Send", func(t *testing.T) {
		s := open(t, c, hello)
		fill := func(ctx context.Context) (err error) {
			for err == nil {
				err = s.Send(ctx, make([]byte, 10_000), false)
			}
			return err
		}
		require.ErrorIs(t, during(fill), context.Canceled)
		require.ErrorIs(t, fill(ended), context.Canceled)
		require.NoError(t, s.Context().Err())
		s.Abort(session.Abort{})
	})
	t.Run("Close of a session", func(t *testing.T) {
		s := open(t, c, hello)
		require.NoError(t, s.CloseSend())
		require.ErrorIs(t, during(s.Close), context.Canceled)
		require.ErrorIs(t, s.Close(ended), context.Canceled)
		require.NoError(t, s.Context().Err())
		s.Abort(session.Abort{})
	})
	t.Run("OpenStream", func(t *testing.T) {
		for range 1024 {
			open(t, c, hello)
		}
		err := during(func(ctx context.Context) error {
			_, err := c.OpenStream(ctx, hello, nil)
			return err
		})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "waiting for a session to end") // what for is not plain to who just makes a call
		_, err = c.OpenStream(ended, hello, nil)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("Close of a connection", func(t *testing.T) {
		// Its sessions never finish: they are aborted.
		require.ErrorIs(t, during(c.Close), context.Canceled)
		_, err := c.OpenStream(bounded(t), echoes, nil)
		var aborted *AbortError
		require.ErrorAs(t, err, &aborted)
		require.Equal(t, session.AbortCanceled, aborted.Code)
		require.False(t, aborted.Remote)
	})
	t.Run("Shutdown", func(t *testing.T) {
		s := open(t, dial(t, srv.addr), echoes)
		require.NoError(t, exchange(bounded(t), s, nil)) // the server knows of it
		require.ErrorIs(t, during(srv.Shutdown), context.Canceled)
		require.NoError(t, srv.stopped())
	})
}

// TestContextCauses shows that a context's own error comes back, not its cause.
func TestContextCauses(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	s := open(t, dial(t, srv.addr), echoes)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("a reason of the program's"))
	_, _, err := s.Recv(ctx)
	require.Equal(t, context.Canceled, err)
}
