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
	"github.com/sessgen/sessgen/runtime/transport"
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

// TestSkippedRequests has a handler return before it has read its request stream. The rest is skipped within what the interceptors wrap:
// their time limit holds, and they see how the call ended.
func TestSkippedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen error
		see := func(ctx context.Context, _ *rpc.Call, next rpc.Next) error {
			seen = next(ctx)
			return seen
		}
		impl := &odd{echo: func(context.Context, iter.Seq2[int64, error], func(int64) error) error { return nil }}
		c, conn := serveOdd(impl, rpc.WithInterceptors(see, rpc.Deadline(time.Second)))
		begun := time.Now()
		for _, err := range c.Echo(t.Context(), func(send func(int64) error) error {
			for {
				if err := send(1); err != nil {
					return err
				}
				time.Sleep(100 * time.Millisecond)
			}
		}) {
			require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(err))
		}
		require.Less(t, time.Since(begun), 2*time.Second)
		require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(seen))

		s, err := conn.OpenStream(t.Context(), &services.ContractsEchoProtocol, nil)
		require.NoError(t, err)
		r := raw{t, &services.ContractsEchoProtocol, s}
		require.NoError(t, r.send(true, "EchoItem", 1))
		_, err = r.outcome()
		require.Error(t, err)
		synctest.Wait()
		var fault *session.PeerError
		require.ErrorAs(t, seen, &fault)
		require.Equal(t, session.EndedEarly, fault.Rule)
	})
}

// TestStubbornDial closes a client whose dial does not mind its context: the time for closing is kept, and what dial returns is closed.
func TestStubbornDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, dial := &host{}, make(chan struct{})
		r := rpc.Redial(func(context.Context) (session.Conn, error) {
			<-dial
			return h.dial(context.Background())
		})
		waited := make(chan error, 1)
		go func() { waited <- r.WaitReady(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, r.Close(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun))
		close(dial)
		require.Equal(t, rpc.Unavailable, rpc.CodeOf(<-waited))
		synctest.Wait()
		require.EqualValues(t, 1, h.closed.Load())
	})
}

// held is a server whose sessions a test may get hold of.
type held struct {
	session.Registrar
	streams chan session.Stream
}

func (h held) Handle(p *session.Protocol, serve func(context.Context, session.Stream)) {
	h.Registrar.Handle(p, func(ctx context.Context, s session.Stream) {
		h.streams <- s
		serve(ctx, s)
	})
}

// TestStalled has the transport end a call because it holds memory that others wait for: a resource is exhausted, at both ends, and nobody
// has made a mistake.
func TestStalled(t *testing.T) {
	ended := make(chan error, 1)
	conn, srv := session.Pipe()
	h := held{srv, make(chan session.Stream, 1)}
	services.RegisterContracts(h, &odd{list: func(_ context.Context, send func(int64) error) error {
		for {
			if err := send(1); err != nil {
				ended <- err
				return err
			}
		}
	}})
	var last error
	for _, err := range services.NewContractsClient(conn).List(t.Context(), 1) {
		select {
		case s := <-h.streams:
			s.Abort(session.Abort{Code: session.AbortStalled})
		default:
			last = err
		}
	}
	require.Equal(t, transport.AbortStalled, session.AbortStalled)
	require.Equal(t, rpc.ResourceExhausted, rpc.CodeOf(last))
	require.Equal(t, rpc.ProcessedMaybe, errorOf(t, last).Processed())
	require.ErrorContains(t, last, "memory")
	err := <-ended
	require.Equal(t, rpc.ResourceExhausted, rpc.CodeOf(err))
	require.ErrorContains(t, err, "memory")
}

// full is a connection that has no room for any message.
type full struct{ session.Conn }

type fullStream struct{ session.Stream }

func (f full) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, err := f.Conn.OpenStream(ctx, p, note)
	return fullStream{s}, err
}

func (fullStream) Send(ctx context.Context, _ []byte, _ bool) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestUnsentRequest has the time of calls end while their requests wait for room: they are safe to make again.
func TestUnsentRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, srv := session.Pipe()
		services.RegisterContracts(srv, &server{reply: 1})
		c := services.NewContractsClient(full{conn})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		check := func(err error) {
			e := errorOf(t, err)
			require.Equal(t, rpc.DeadlineExceeded, e.Code)
			require.Equal(t, rpc.ProcessedNo, e.Processed())
		}
		check(c.Note(ctx, "x"))
		for _, err := range c.List(ctx, 1) {
			check(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, err := range c.List(ctx, 1) {
			check(err)
		}
	})
}
