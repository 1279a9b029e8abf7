package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

func TestEcho(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr)
	require.Equal(t, srv.addr, c.RemoteAddr().String())
	require.IsType(t, new(net.UDPAddr), c.LocalAddr())
	s := open(t, c, echoes)
	for i := range 100 {
		require.NoError(t, exchange(bounded(t), s, fmt.Appendf(nil, "message %d", i)))
	}
	require.NoError(t, s.Context().Err())
	require.NoError(t, finish(bounded(t), s))
	require.Equal(t, net.ErrClosed, context.Cause(s.Context()))

	// After the end each call still says how it stands.
	_, _, err := s.Recv(bounded(t))
	require.Equal(t, io.EOF, err)
	require.ErrorIs(t, s.Send(bounded(t), []byte("x"), false), net.ErrClosed)
	require.NoError(t, s.CloseSend())
	require.NoError(t, s.Close(bounded(t)))
	s.Abort(session.Abort{Code: 1})
	require.NoError(t, s.Close(bounded(t)))

	require.NoError(t, c.Close(bounded(t)))
	require.NoError(t, c.Close(bounded(t)))
	_, err = c.OpenStream(bounded(t), echoes, nil)
	require.ErrorIs(t, err, net.ErrClosed)
	stats := c.Stats()
	require.Positive(t, stats.PacketsSent)
	require.Positive(t, stats.BytesReceived)
	require.Positive(t, stats.SmoothedRTT)
}

// TestServerSpeaksFirst needs the header to travel without a message.
func TestServerSpeaksFirst(t *testing.T) {
	clean(t)
	srv := serve(t, map[*session.Protocol]handler{hello: func(ctx context.Context, s session.Stream) {
		_ = s.Send(ctx, []byte("welcome"), true)
		_, _, _ = s.Recv(ctx)
		_ = s.Close(ctx)
	}})
	s := open(t, dial(t, srv.addr), hello)
	message, _, err := s.Recv(bounded(t))
	require.NoError(t, err)
	require.Equal(t, "welcome", string(message))
	require.NoError(t, finish(bounded(t), s))
}

func TestTryRecv(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	s := open(t, dial(t, srv.addr), echoes)
	_, _, ok, err := s.TryRecv()
	require.False(t, ok)
	require.NoError(t, err)
	require.NoError(t, s.Send(bounded(t), []byte("x"), false))
	for !ok {
		var message []byte
		message, _, ok, err = s.TryRecv()
		require.NoError(t, err)
		if ok {
			require.Equal(t, "x", string(message))
		}
	}
	require.NoError(t, finish(bounded(t), s))
	_, _, ok, err = s.TryRecv()
	require.False(t, ok)
	require.Equal(t, io.EOF, err)
}

func TestManySessionsOnOneConnection(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr)
	require.NoError(t, parallel(200, func(i int) error {
		s, err := c.OpenStream(bounded(t), echoes, nil)
		if err != nil {
			return err
		}
		for j := range 20 {
			if err := exchange(bounded(t), s, fmt.Appendf(nil, "%d of %d", j, i)); err != nil {
				return err
			}
		}
		return finish(bounded(t), s)
	}))
	require.NoError(t, c.Close(bounded(t)))
}

// TestMoreSessionsThanAllowed opens more than the peer allows at once: who has to
// wait is served when another one has finished.
func TestMoreSessionsThanAllowed(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr)
	require.NoError(t, parallel(1500, func(i int) error {
		s, err := c.OpenStream(bounded(t), echoes, nil)
		if err != nil {
			return err
		}
		if err := exchange(bounded(t), s, []byte("x")); err != nil {
			return err
		}
		return finish(bounded(t), s)
	}))
}

// TestS23 connects a hundred clients at once, each with a connection of its own.
func TestS23HundredClientsAtOnce(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	require.NoError(t, parallel(100, func(i int) error {
		c, err := Dial(bounded(t), srv.addr, WithPlaintext())
		if err != nil {
			return err
		}
		s, err := c.OpenStream(bounded(t), echoes, nil)
		if err != nil {
			return err
		}
		for range 10 {
			if err := exchange(bounded(t), s, fmt.Appendf(nil, "client %d", i)); err != nil {
				return err
			}
		}
		return errors.Join(finish(bounded(t), s), c.Close(bounded(t)))
	}))
}

// TestAcceptIsFIFO shows that connections are served in the order in which their
// handshakes were completed.
func TestAcceptIsFIFO(t *testing.T) {
	clean(t)
	order := make(chan byte, 20)
	srv := serve(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		message, _, err := s.Recv(ctx)
		if err == nil {
			order <- message[0]
			_ = s.Send(ctx, message, false)
		}
	}})
	for i := range byte(20) {
		s := open(t, dial(t, srv.addr), echoes)
		require.NoError(t, exchange(bounded(t), s, []byte{i}))
		require.Equal(t, i, <-order)
	}
}

func TestMessagesOfEverySize(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	s := open(t, dial(t, srv.addr), echoes)
	for _, size := range []int{0, 1, 1_100, 1_200, 1_452, 16 << 10, 65_535, 256 << 10, 256<<10 + 1, 1 << 20, 4 << 20} {
		message := bytes.Repeat([]byte{byte(size), byte(size >> 8), 7}, size/3+1)[:size]
		// The echo comes while the message is still going out: both directions at once.
		sent := make(chan error, 1)
		go func() { sent <- s.Send(bounded(t), message, false) }()
		got, _, err := s.Recv(bounded(t))
		require.NoError(t, err)
		require.NoError(t, <-sent)
		require.True(t, bytes.Equal(message, got), "%d bytes", size)
	}
	var large *session.TooLargeError
	require.ErrorAs(t, s.Send(bounded(t), make([]byte, 4<<20+1), false), &large)
	require.Equal(t, session.TooLargeError{Size: 4<<20 + 1, Limit: 4 << 20}, *large)
	require.NoError(t, exchange(bounded(t), s, []byte("still alive")))
	require.NoError(t, finish(bounded(t), s))
}

func TestMaxMessageIsTheReceivers(t *testing.T) {
	clean(t)
	srv := echoServer(t, WithMaxMessage(1000))
	s := open(t, dial(t, srv.addr, WithMaxMessage(10)), echoes)
	var large *session.TooLargeError
	require.ErrorAs(t, s.Send(bounded(t), make([]byte, 1001), false), &large)
	require.Equal(t, 1000, large.Limit)
	require.NoError(t, exchange(bounded(t), s, make([]byte, 10)))
	// What is too large for the client fails at the server, whose handler then gives up.
	require.NoError(t, s.Send(bounded(t), make([]byte, 11), false))
	require.NoError(t, exchange(bounded(t), open(t, &Conn{s.(*stream).link}, echoes), make([]byte, 10)))
}

// TestSlowReader has one session that nobody reads block its writer, and no other one.
func TestSlowReader(t *testing.T) {
	clean(t)
	slow := protocol("Slow", 0)
	release := make(chan struct{})
	srv := serve(t, map[*session.Protocol]handler{
		echoes: serveEcho,
		slow: func(ctx context.Context, s session.Stream) {
			<-release
			serveEcho(ctx, s)
		},
	})
	c := dial(t, srv.addr)
	blocked := open(t, c, slow)
	ctx, cancel := context.WithCancel(bounded(t))
	sent := make(chan int, 1)
	go func() {
		n := 0
		for blocked.Send(ctx, make([]byte, 10_000), false) == nil {
			n++
		}
		sent <- n
	}()

	quick := open(t, c, echoes)
	for range 500 {
		require.NoError(t, exchange(bounded(t), quick, make([]byte, 1000)))
	}
	require.NoError(t, finish(bounded(t), quick))
	cancel()
	n := <-sent
	require.Less(t, n, 1000, "10 MB are buffered for one that does not read")
	close(release)
	for range n {
		message, _, err := blocked.Recv(bounded(t))
		require.NoError(t, err)
		require.Len(t, message, 10_000)
	}
	require.NoError(t, finish(bounded(t), blocked))
}

// parallel runs n calls of f at once.
func parallel(n int, f func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}
