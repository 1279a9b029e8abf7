package services_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

// TestCallerHasGone: what a handler is told, and what the log says, where its caller leaves, runs out of time, or is cut off. None of it
// is the server's fault but the last.
func TestCallerHasGone(t *testing.T) {
	ended, began := make(chan error, 1), make(chan struct{}, 1)
	impl := &odd{
		list: func(_ context.Context, send func(int64) error) error {
			for {
				if err := send(1); err != nil {
					ended <- err
					return fmt.Errorf("listing: %w", err)
				}
			}
		},
		note: func(ctx context.Context, _ string) error {
			began <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return context.Cause(ctx)
		},
		echo: func(_ context.Context, items iter.Seq2[int64, error], _ func(int64) error) error {
			for _, err := range items {
				if err != nil {
					ended <- err
					return err
				}
			}
			return nil
		},
	}
	var log safeBuffer
	logTo := rpc.WithInterceptors(rpc.Log(slog.New(slog.NewTextHandler(&log, nil))))
	lines := func(n int) string {
		require.Eventually(t, func() bool { return bytes.Count([]byte(log.String()), []byte("\n")) >= n }, time.Minute, time.Millisecond)
		return log.String()
	}

	conn, srv := session.Pipe()
	services.RegisterContracts(srv, impl, logTo)
	c := services.NewContractsClient(conn)
	for range c.List(t.Context(), 1) {
		break
	}
	err := <-ended
	require.Equal(t, rpc.Canceled, rpc.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
	var aborted *session.AbortError
	require.ErrorAs(t, err, &aborted)
	require.ErrorContains(t, err, "the caller gave up")

	synctest.Test(t, func(t *testing.T) {
		conn, srv := session.Pipe()
		services.RegisterContracts(srv, impl, logTo)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		for range services.NewContractsClient(conn).List(ctx, 1) {
			time.Sleep(time.Millisecond) // of the bubble's time: it passes while the handler is at work
		}
		require.Contains(t, []rpc.Code{rpc.Canceled, rpc.DeadlineExceeded}, rpc.CodeOf(<-ended))
	})

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	require.Error(t, c.Note(ctx, "x"))
	require.ErrorIs(t, <-ended, context.Canceled)

	for _, err := range c.Echo(t.Context(), func(send func(int64) error) error { return errors.Join(send(1), errors.New("no more")) }) {
		require.Error(t, err)
	}
	require.Equal(t, rpc.Canceled, rpc.CodeOf(<-ended))
	text := lines(4)
	require.NotContains(t, text, "level=WARN")
	require.NotContains(t, text, "code=unknown")

	// A connection that is lost is the connection's fault.
	ln, err := transport.Listen("127.0.0.1:0", transport.WithPlaintext())
	require.NoError(t, err)
	server := transport.NewServer()
	services.RegisterContracts(server, impl, logTo)
	served := make(chan error, 1)
	go func() { served <- server.Serve(t.Context(), ln) }()
	dialed, err := transport.Dial(t.Context(), ln.Addr().String(), transport.WithPlaintext())
	require.NoError(t, err)
	for range services.NewContractsClient(dialed).List(t.Context(), 1) {
		dialed.Abort(nil)
	}
	err = <-ended
	require.Equal(t, rpc.Unavailable, rpc.CodeOf(err))
	var lost *transport.AbortError
	require.ErrorAs(t, err, &lost)
	require.Contains(t, lines(5), "level=WARN")
	require.NoError(t, server.Shutdown(t.Context()))
	require.NoError(t, <-served)
}

// safeBuffer is a buffer that several goroutines use.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestInterceptorsSeeWhatIsNotSent: also a request that never leaves is a call.
func TestInterceptorsSeeWhatIsNotSent(t *testing.T) {
	conn, srv := session.Pipe()
	services.RegisterContracts(srv, &server{reply: 1})
	var seen []error
	answer := func(err error) error { return err }
	c := services.NewContractsClient(conn, rpc.WithInterceptors(func(ctx context.Context, call *rpc.Call, next rpc.Next) error {
		err := next(ctx)
		_, limited := ctx.Deadline()
		require.Equal(t, call.Method().Within > 0, limited)
		require.Zero(t, call.Attempts())
		seen = append(seen, err)
		return answer(err)
	}))
	all := map[string]func() error{
		"a false contract": func() error { _, err := c.Divide(t.Context(), 1, 1000); return err },
		"no encoding":      func() error { _, _, err := c.Split(t.Context(), "\xff"); return err },
		"with a limit":     func() error { return c.Note(t.Context(), "") },
		"a run of replies": func() (last error) {
			for _, err := range c.List(t.Context(), 1000) {
				last = err
			}
			return last
		},
	}
	for name, call := range all {
		seen = nil
		err := call()
		require.Len(t, seen, 1, name)
		require.Equal(t, rpc.InvalidArgument, rpc.CodeOf(seen[0]), name)
		require.Equal(t, seen[0], err, name)
	}
	// An interceptor may say it in other words, but not that it was done.
	for name, call := range all {
		answer = func(error) error { return rpc.Errorf(rpc.NotFound, "other words") }
		require.Equal(t, rpc.NotFound, rpc.CodeOf(call()), name)
		answer = func(error) error { return nil }
		require.Equal(t, rpc.InvalidArgument, rpc.CodeOf(call()), name)
	}
}

// TestWhyThereIsNoConnection: who waits for one and has no more time is told why the last attempt failed.
func TestWhyThereIsNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("x509: certificate signed by unknown authority")
		dial := func(ctx context.Context) (session.Conn, error) {
			time.Sleep(3 * time.Second)
			return nil, why
		}
		redialed := rpc.Redial(dial)
		balanced := rpc.Balance(rpc.Static("a"), func(ctx context.Context, _ string) (session.Conn, error) { return dial(ctx) })
		for _, conn := range []interface {
			session.Conn
			WaitReady(context.Context) error
			Close(context.Context) error
		}{redialed, balanced} {
			c := services.NewContractsClient(conn)
			call := func(limit time.Duration) error {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				_, _, err := c.Split(ctx, "x")
				var e *rpc.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, rpc.ProcessedNo, e.Processed())
				return err
			}
			err := call(200 * time.Millisecond)
			require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(err))
			require.ErrorContains(t, err, "waiting for a connection")
			time.Sleep(3 * time.Second)
			for range 40 { // whether it meets an attempt or the pause before the next one
				require.ErrorIs(t, call(200*time.Millisecond), why)
				time.Sleep(100 * time.Millisecond)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			err = conn.WaitReady(ctx)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, why)
			require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(err))
			require.NoError(t, conn.Close(t.Context()))
		}
	})
}

// TestWithinSaysSo: a call that ends because of its schema's limit says that it is that one.
func TestWithinSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		defer close(stuck)
		c, _ := serveOdd(&odd{note: func(context.Context, string) error {
			<-stuck
			return nil
		}})
		err := c.Note(t.Context(), "x")
		require.Equal(t, "rpc: deadline exceeded: its schema gives services.Contracts.Note 1h0m0s: context deadline exceeded", err.Error())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, "rpc: deadline exceeded: context deadline exceeded", c.Note(ctx, "x").Error())
	})
}

// TestFaultsOfHandlersAreLogged where the listener's other lines are, and the handler itself is told which.
func TestFaultsOfHandlersAreLogged(t *testing.T) {
	standard := logs(t)
	var log safeBuffer
	ln, err := transport.Listen("127.0.0.1:0", transport.WithPlaintext(), transport.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	told := make(chan error, 1)
	srv := transport.NewServer()
	services.RegisterContracts(srv, &odd{
		note: func(context.Context, string) error { panic("in the handler") },
		echo: func(_ context.Context, items iter.Seq2[int64, error], send func(int64) error) error {
			for range items {
				told <- send(1)
			}
			return nil
		},
	})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(t.Context(), ln) }()
	conn, err := transport.Dial(t.Context(), ln.Addr().String(), transport.WithPlaintext())
	require.NoError(t, err)
	c := services.NewContractsClient(conn)
	require.Equal(t, rpc.Internal, rpc.CodeOf(c.Note(t.Context(), "x")))
	for range c.Echo(t.Context(), func(send func(int64) error) error { return send(1) }) { //nolint:revive // the handler's errors count
	}
	err = <-told
	require.ErrorIs(t, err, rpc.ErrInterleaved)
	require.ErrorContains(t, err, "after the last request")
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, srv.Shutdown(t.Context()))
	require.NoError(t, <-served)
	require.Contains(t, log.String(), "rpc: handler panicked")
	require.Contains(t, log.String(), "rpc: broken reply")
	require.Empty(t, standard())
}

func TestProcessedInWords(t *testing.T) {
	require.Equal(t, "maybe no yes processed 7", fmt.Sprint(rpc.ProcessedMaybe, rpc.ProcessedNo, rpc.ProcessedYes, rpc.Processed(7)))
}
