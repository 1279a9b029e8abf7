package transport

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// TestProcessChaos has programs do whatever the types let them, in any order and in several goroutines, with contexts that end
// at any time, while their server stops and comes back. Nothing panics, nobody waits for ever, and nothing is left.
func TestProcessChaos(t *testing.T) {
	clean(t)
	for _, b := range all() {
		limited(t, b, 2<<20) // somebody has to wait
	}
	t.Cleanup(func() { checkBudgets(t) })
	rounds := 5
	if long() {
		rounds = 2000
	}
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	for mode, opts := range map[string][2][]Option{
		"TLS":       {{WithTLS(serverTLS)}, {WithTLS(clientTLS)}},
		"plaintext": {{WithPlaintext()}, {WithPlaintext()}},
	} {
		t.Run(mode, func(t *testing.T) {
			srv := startChaotic(t, "127.0.0.1:0", opts[0])
			addr := srv.addr
			ended := make(chan error, 1)
			go func() {
				ended <- parallel(16, func(int) error {
					for range rounds {
						dialChaos(t, addr, opts[1])
					}
					return nil
				})
			}()
			for running := true; running; {
				select {
				case <-time.After(some(500 * time.Millisecond)):
					srv.stopAnyhow(t)
					srv = startChaotic(t, addr, opts[0])
				case err := <-ended:
					require.NoError(t, err)
					running = false
				}
			}
		})
	}
}

// some is a time of less than most.
func some(most time.Duration) time.Duration { return rand.N(most) }

// maybe runs one of several.
func maybe(does ...func()) { does[rand.IntN(len(does))]() }

// soon is a context that ends soon, or has ended.
func soon() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	if left := some(400*time.Millisecond) - 50*time.Millisecond; left > 0 {
		time.AfterFunc(left, cancel)
	} else {
		cancel()
	}
	return ctx
}

// startChaotic starts a server at an address, which may still be that of one before.
func startChaotic(t *testing.T, addr string, opts []Option) *server {
	var ln *Listener
	require.Eventually(t, func() (ok bool) {
		var err error
		ln, err = Listen(addr, append(opts, WithDeathTimeout(time.Second))...)
		return err == nil
	}, time.Minute, time.Millisecond)
	s := &server{Server: NewServer(), ln: ln, addr: ln.Addr().String(), served: make(chan error, 1)}
	s.Handle(echoes, serveChaos)
	s.Handle(hello, serveChaos)
	go func() { s.served <- s.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		_ = ln.Close()
		_ = s.stopped()
	})
	return s
}

// stopAnyhow stops the server in one of the ways that there are.
func (s *server) stopAnyhow(t *testing.T) {
	maybe(
		func() { _ = s.Shutdown(soon()) },
		func() { _ = s.ln.Close() },
		func() { s.vanish(); _ = s.ln.Close() },
		func() { go s.Shutdown(soon()); _ = s.ln.Close(); _ = s.Stats() },
	)
	select {
	case err := <-s.served:
		s.served <- err
	case <-time.After(time.Minute):
		t.Error("Serve does not return")
		s.served <- nil
	}
}

// serveChaos is a handler that is no good.
func serveChaos(ctx context.Context, s session.Stream) {
	maybe(
		func() { s.Abort(session.Abort{Code: 9, Reason: "no"}) },
		func() { <-ctx.Done() },
		func() {},
		func() { _ = s.CloseSend(); _ = s.Close(ctx) },
		func() { // it never reads
			for s.Send(ctx, make([]byte, rand.IntN(300_000)), false) == nil {
			}
		},
		func() { // it is slow
			for {
				message, _, err := s.Recv(ctx)
				if err != nil {
					return
				}
				time.Sleep(some(20 * time.Millisecond))
				_ = s.Send(ctx, message, false)
			}
		},
		func() { serveEcho(ctx, s) },
		func() { serveEcho(ctx, s) },
	)
}

// dialChaos dials, uses the connection and gives it up.
func dialChaos(t *testing.T, addr string, opts []Option) {
	opts = append([]Option{WithDeathTimeout(time.Second), WithCongestion(Congestion(rand.IntN(3)))}, opts...)
	maybe(func() {}, func() { opts = append(opts, WithOwnSocket()) }, func() { opts = append(opts, WithMaxMessage(100_000)) })
	c, err := Dial(soon(), addr, opts...)
	if err != nil {
		return
	}
	var all sync.WaitGroup
	for range 1 + rand.IntN(6) {
		all.Go(func() {
			var s session.Stream
			var err error
			maybe(
				func() { s, _, err = c.OpenSend(soon(), echoes, nil, make([]byte, rand.IntN(3000))) },
				func() { s, err = c.OpenStream(soon(), hello, nil) },
				func() { s, err = c.OpenStream(soon(), echoes, []byte("a note")) },
			)
			if err == nil {
				useChaos(s)
			}
		})
	}
	maybe(
		func() {},
		func() { _ = c.Close(soon()) },
		func() { time.Sleep(some(100 * time.Millisecond)); c.Abort(net.ErrClosed) },
	)
	_ = c.Stats()
	all.Wait()
	_ = c.Close(soon())
	if err := c.Close(bounded(t)); err == context.DeadlineExceeded {
		t.Error("Close does not return")
	}
}

// useChaos sends and receives, and may end the session at the same time.
func useChaos(s session.Stream) {
	var all sync.WaitGroup
	all.Go(func() {
		for range rand.IntN(10) {
			maybe(
				func() { _ = s.Send(soon(), make([]byte, rand.IntN(30_000)), false) },
				func() { _ = s.Send(soon(), make([]byte, rand.IntN(5<<20)), false) },
				func() { _ = s.Send(soon(), nil, rand.IntN(4) == 0) },
				func() { _, _ = s.SendOrReadable(soon(), make([]byte, rand.IntN(500_000)), false) },
				func() { _ = s.Send(soon(), make([]byte, 100), false) },
			)
		}
		maybe(func() {}, func() { _ = s.CloseSend() })
	})
	all.Go(func() {
		for err := error(nil); err != io.EOF && rand.IntN(15) > 0; {
			maybe(
				func() { _, _, err = s.Recv(soon()) },
				func() { _, _, _, err = s.TryRecv() },
			)
		}
		maybe(func() {}, func() { _ = s.Close(soon()) })
	})
	maybe(
		func() {},
		func() {
			time.Sleep(some(100 * time.Millisecond))
			s.Abort(session.Abort{Code: 3})
			s.Abort(session.Abort{Code: 4})
		},
		func() { defer context.AfterFunc(s.Context(), func() {})(); time.Sleep(some(50 * time.Millisecond)) },
	)
	all.Wait()
	maybe(func() {}, func() { s.Abort(session.Abort{Code: 5}) })
}
