package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

func TestModeMustBeSaid(t *testing.T) {
	_, err := Listen("127.0.0.1:0")
	require.ErrorContains(t, err, "WithPlaintext()")
	_, err = Dial(context.Background(), "127.0.0.1:1")
	require.ErrorContains(t, err, "WithPlaintext()")
	for _, o := range []Option{WithIdleTimeout(0), WithDeathTimeout(-1), WithHandshakeTimeout(0), WithMaxMessage(0), WithMaxMessage(1<<30 + 1)} {
		_, err = Listen("127.0.0.1:0", WithPlaintext(), o)
		require.ErrorContains(t, err, "With")
	}
}

func TestAddresses(t *testing.T) {
	clean(t)
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:no-such-service", "no such host:1", "127.0.0.1:123456"} {
		_, err := Dial(bounded(t), addr, WithPlaintext())
		require.Error(t, err, addr)
		_, err = Listen(addr+":x:y", WithPlaintext())
		require.Error(t, err, addr)
	}
	for _, host := range []string{"localhost:0", "[::1]:0", ":0"} {
		ln, err := Listen(host, WithPlaintext())
		if err != nil {
			t.Logf("Listen %s: %v", host, err)
			continue
		}
		srv := NewServer()
		srv.Handle(echoes, serveEcho)
		served := make(chan error, 1)
		go func() { served <- srv.Serve(bounded(t), ln) }()
		to := ln.Addr().String()
		if host == ":0" {
			_, port, err := net.SplitHostPort(to)
			require.NoError(t, err)
			to = net.JoinHostPort("localhost", port)
		}
		c := dial(t, to)
		s := open(t, c, echoes)
		require.NoError(t, exchange(bounded(t), s, []byte(host)))
		require.NoError(t, finish(bounded(t), s))
		require.NoError(t, c.Close(bounded(t)))
		require.NoError(t, srv.Shutdown(bounded(t)))
		require.NoError(t, <-served)
	}
}

func TestHandshakeTimeout(t *testing.T) {
	clean(t)
	_, err := Dial(bounded(t), blackHole(t), WithPlaintext(), WithHandshakeTimeout(50*time.Millisecond))
	var failed *HandshakeError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Timeout())
	require.NotErrorIs(t, err, net.ErrClosed)
}

// TestPeerKilled closes the server's socket under it. Every call of the client
// that waits, and every later one, returns the same error within the death timeout.
func TestPeerKilled(t *testing.T) {
	clean(t)
	srv := serve(t, map[*session.Protocol]handler{hello: deaf, echoes: serveEcho}, WithDeathTimeout(time.Second), WithIdleTimeout(time.Minute))
	c := dial(t, srv.addr, WithDeathTimeout(time.Second))
	receives, sends, closes := open(t, c, echoes), open(t, c, hello), open(t, c, hello)
	require.NoError(t, exchange(bounded(t), receives, []byte("x")))
	require.NoError(t, closes.CloseSend())
	srv.ln.closeSockets()
	require.NoError(t, receives.Send(bounded(t), []byte("into the void"), false))

	results := make(chan error)
	go func() {
		_, _, err := receives.Recv(bounded(t))
		results <- err
	}()
	go func() {
		err := error(nil)
		for err == nil {
			err = sends.Send(bounded(t), make([]byte, 10_000), false)
		}
		results <- err
	}()
	go func() { results <- closes.Close(bounded(t)) }()
	go func() { results <- c.Close(bounded(t)) }()
	var gone *GoneError
	for range 4 {
		err := <-results
		require.ErrorAs(t, err, &gone)
		require.ErrorIs(t, err, net.ErrClosed)
		require.True(t, gone.Timeout())
		require.False(t, gone.Restarted)
	}
	require.ErrorAs(t, receives.Send(bounded(t), nil, false), &gone)
	require.ErrorAs(t, context.Cause(sends.Context()), &gone)
	require.ErrorAs(t, c.Close(bounded(t)), &gone)
}

func TestIdleTimeout(t *testing.T) {
	clean(t)
	srv := serve(t, map[*session.Protocol]handler{hello: deaf}, WithIdleTimeout(100*time.Millisecond))
	s := open(t, dial(t, srv.addr), hello)
	srv.ln.closeSockets()
	_, _, err := s.Recv(bounded(t))
	// The client's keep-alive finds no answer, or nothing was under way.
	var timeout interface{ Timeout() bool }
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestMismatch(t *testing.T) {
	clean(t)
	other := protocol("Echo", 0)
	other.Fingerprint = session.Fingerprint("ab") + other.Fingerprint[2:]
	srv := serve(t, map[*session.Protocol]handler{other: serveEcho})
	c := dial(t, srv.addr)
	for _, p := range []*session.Protocol{echoes, hello} {
		s := open(t, c, p)
		_ = s.Send(bounded(t), []byte("x"), false) // the header of hello went ahead, and the answer may be there
		_, _, err := s.Recv(bounded(t))
		var aborted *session.AbortError
		require.ErrorAs(t, err, &aborted)
		require.True(t, aborted.Remote)
		require.Equal(t, session.AbortMismatch, aborted.Code)
		if p == echoes {
			require.Equal(t, string(other.Fingerprint), aborted.Reason)
		} else {
			require.Empty(t, aborted.Reason)
		}
	}
	// The same, as generated code sees it.
	_, err := session.Open(bounded(t), c, hello)
	require.NoError(t, err)
	err = session.Run(bounded(t), c, hello, func(ctx context.Context, step session.Step) (session.Step, error) {
		_, err := step.Recv(ctx, 0)
		return session.Step{}, err
	})
	var mismatch *session.MismatchError
	require.ErrorAs(t, err, &mismatch)
}

// TestAbort ends sessions from both ends while calls of every kind wait.
func TestAbort(t *testing.T) {
	clean(t)
	reason := session.Abort{Code: 0x7, Reason: "enough"}
	begun, ends := make(chan error, 1), make(chan error, 2)
	srv := serve(t, map[*session.Protocol]handler{
		echoes: func(ctx context.Context, s session.Stream) {
			_, _, err := s.Recv(ctx)
			begun <- err
			for err == nil {
				_, _, err = s.Recv(ctx)
			}
			<-s.Context().Done()
			ends <- err
			ends <- context.Cause(s.Context())
		},
		hello: func(ctx context.Context, s session.Stream) { s.Abort(reason) },
	})
	c := dial(t, srv.addr)

	s := open(t, c, echoes)
	require.NoError(t, s.Send(bounded(t), []byte("x"), false))
	// A session that is aborted before the server heard of it is never handed over.
	require.NoError(t, <-begun)
	waits := make(chan error)
	go func() {
		_, _, err := s.Recv(bounded(t))
		waits <- err
	}()
	s.Abort(reason)
	s.Abort(session.Abort{Code: 9})
	require.Equal(t, &session.AbortError{Abort: reason}, <-waits)
	for range 2 {
		require.Equal(t, &session.AbortError{Abort: reason, Remote: true}, <-ends)
	}
	require.Equal(t, &session.AbortError{Abort: reason}, s.Close(bounded(t)))

	s = open(t, c, hello)
	_, _, err := s.Recv(bounded(t))
	require.Equal(t, &session.AbortError{Abort: reason, Remote: true}, err)
	require.NoError(t, c.Close(bounded(t)))
}

// TestConnAbort ends a connection with everything on it.
func TestConnAbort(t *testing.T) {
	clean(t)
	begun, ends := make(chan error, 2), make(chan error, 2)
	srv := serve(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		_, _, err := s.Recv(ctx)
		begun <- err
		for err == nil {
			_, _, err = s.Recv(ctx)
		}
		ends <- err
	}})
	c := dial(t, srv.addr)
	a, b := open(t, c, echoes), open(t, c, echoes)
	for _, s := range []session.Stream{a, b} {
		require.NoError(t, s.Send(bounded(t), []byte("x"), false))
	}
	for range 2 {
		require.NoError(t, <-begun)
	}
	waits := make(chan error)
	go func() {
		_, _, err := b.Recv(bounded(t))
		waits <- err
	}()
	cause := errors.Join(errors.New("secret"), session.Reason("public"))
	c.Abort(cause)
	c.Abort(nil)
	var aborted *AbortError
	require.ErrorAs(t, <-waits, &aborted)
	require.ErrorIs(t, aborted, cause)
	require.ErrorIs(t, a.Send(bounded(t), nil, false), cause)
	require.ErrorIs(t, c.Close(bounded(t)), net.ErrClosed)
	for range 2 {
		err := <-ends
		require.ErrorAs(t, err, &aborted)
		require.ErrorIs(t, err, net.ErrClosed)
		require.True(t, aborted.Remote)
		require.Equal(t, "public", aborted.Reason)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestCloseInEveryPhase closes and aborts a connection before, while and after sessions run on it.
func TestCloseInEveryPhase(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	for _, abort := range []bool{false, true} {
		end := func(c *Conn) {
			if abort {
				c.Abort(session.Reason("over"))
				require.Error(t, c.Close(bounded(t)))
			} else {
				require.NoError(t, c.Close(bounded(t)))
			}
		}
		end(dial(t, srv.addr)) // at once

		c := dial(t, srv.addr)
		s := open(t, c, echoes) // with a session that nobody has heard of
		s.Abort(session.Abort{})
		end(c)

		c = dial(t, srv.addr)
		s = open(t, c, echoes)
		require.NoError(t, exchange(bounded(t), s, []byte("x")))
		require.NoError(t, finish(bounded(t), s))
		end(c)

		// While a session runs: Close waits for it, Abort does not.
		c = dial(t, srv.addr)
		s = open(t, c, echoes)
		require.NoError(t, exchange(bounded(t), s, []byte("x")))
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			end(c)
		}()
		if abort {
			<-closed
			require.ErrorIs(t, s.Send(bounded(t), nil, false), net.ErrClosed)
			continue
		}
		for range 10 {
			require.NoError(t, exchange(bounded(t), s, []byte("x")))
		}
		require.NoError(t, finish(bounded(t), s))
		<-closed
	}
}

func TestServeEnds(t *testing.T) {
	t.Run("with its context", func(t *testing.T) {
		clean(t)
		begun, ended := make(chan struct{}), make(chan error, 1)
		srv := serve(t, map[*session.Protocol]handler{hello: func(ctx context.Context, s session.Stream) {
			close(begun)
			<-ctx.Done()
			ended <- context.Cause(ctx)
		}})
		s := open(t, dial(t, srv.addr), hello)
		require.NoError(t, exchangeNothing(s))
		<-begun
		srv.cancel()
		require.ErrorIs(t, srv.stopped(), context.Canceled)
		require.ErrorIs(t, <-ended, context.Canceled)
		_, _, err := s.Recv(bounded(t))
		var aborted *AbortError
		require.ErrorAs(t, err, &aborted)
		require.True(t, aborted.Remote)
		require.Equal(t, AbortStopped, aborted.Code)
	})
	t.Run("with its listener", func(t *testing.T) {
		clean(t)
		srv := serve(t, map[*session.Protocol]handler{hello: deaf})
		s := open(t, dial(t, srv.addr), hello)
		require.NoError(t, exchangeNothing(s))
		require.NoError(t, srv.ln.Close())
		require.NoError(t, srv.ln.Close())
		require.ErrorIs(t, srv.stopped(), net.ErrClosed)
		_, _, err := s.Recv(bounded(t))
		require.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("before it begins", func(t *testing.T) {
		clean(t)
		ln, err := Listen("127.0.0.1:0", WithPlaintext())
		require.NoError(t, err)
		require.NoError(t, ln.Close())
		require.ErrorIs(t, NewServer().Serve(bounded(t), ln), net.ErrClosed)

		srv := echoServer(t)
		dial(t, srv.addr) // it serves by now
		require.ErrorContains(t, NewServer().Serve(bounded(t), srv.ln), "already")
		require.NoError(t, srv.Shutdown(bounded(t)))
		require.NoError(t, srv.stopped())
		ln, err = Listen("127.0.0.1:0", WithPlaintext())
		require.NoError(t, err)
		require.Error(t, srv.Serve(bounded(t), ln))
		again, err := Listen(ln.Addr().String(), WithPlaintext())
		require.NoError(t, err, "the listener of a Serve that ends is closed")
		require.NoError(t, again.Close())
		require.ErrorIs(t, NewServer().Serve(bounded(t), ln), net.ErrClosed)
		other := echoServer(t)
		dial(t, other.addr)
		require.Error(t, srv.Serve(bounded(t), other.ln))
		dial(t, other.addr) // which goes on
	})
}

// exchangeNothing sends a message, so that the peer knows of the session.
func exchangeNothing(s session.Stream) error {
	return s.Send(context.Background(), nil, false)
}

// TestShutdown lets a session finish, refuses a new one, and then closes.
func TestShutdown(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr)
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("x")))
	down := make(chan error)
	go func() { down <- srv.Shutdown(bounded(t)) }()

	// From some moment on new sessions are refused.
	for {
		late, err := c.OpenStream(bounded(t), echoes, nil)
		if err == nil {
			err = exchange(bounded(t), late, []byte("x"))
		}
		if err == nil {
			err = finish(bounded(t), late)
		}
		if err != nil {
			var aborted *session.AbortError
			require.ErrorAs(t, err, &aborted)
			require.Equal(t, session.AbortRefused, aborted.Code)
			require.ErrorIs(t, err, session.ErrRefused)
			break
		}
	}
	for range 10 {
		require.NoError(t, exchange(bounded(t), s, []byte("under way")))
	}
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, <-down)
	require.NoError(t, srv.stopped())
	require.NoError(t, srv.Shutdown(bounded(t)))

	require.NoError(t, c.Close(bounded(t)))
	_, err := c.OpenStream(bounded(t), echoes, nil)
	require.ErrorIs(t, err, net.ErrClosed)
}

// TestDialDuringShutdown is refused at once, and need not wait for a timeout.
func TestDialDuringShutdown(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	s := open(t, dial(t, srv.addr), echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("x")))
	down := make(chan error)
	go func() { down <- srv.Shutdown(bounded(t)) }()
	for {
		c, err := Dial(bounded(t), srv.addr, WithPlaintext(), WithHandshakeTimeout(time.Minute))
		if err == nil { // Shutdown has not begun
			_ = c.Close(bounded(t))
			continue
		}
		var refused *HandshakeError
		require.ErrorAs(t, err, &refused)
		require.False(t, refused.Timeout())
		break
	}
	require.NoError(t, finish(bounded(t), s))
	require.NoError(t, <-down)
}

// TestHandlerThatForgets returns from a handler before its session is over: the
// session is the peer's to end.
func TestUnreadMessagesAreNotLost(t *testing.T) {
	clean(t)
	srv := serve(t, map[*session.Protocol]handler{hello: func(ctx context.Context, s session.Stream) {
		for i := range byte(5) {
			_ = s.Send(ctx, []byte{i}, i == 4)
		}
		_, _, _ = s.Recv(ctx)
		_ = s.Close(ctx)
	}})
	s := open(t, dial(t, srv.addr), hello)
	require.NoError(t, s.CloseSend())
	for i := range byte(5) {
		message, _, err := s.Recv(bounded(t))
		require.NoError(t, err)
		require.Equal(t, []byte{i}, message)
	}
	_, _, err := s.Recv(bounded(t))
	require.Equal(t, io.EOF, err)
	require.NoError(t, s.Close(bounded(t)))
}
