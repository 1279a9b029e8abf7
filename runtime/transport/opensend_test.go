package transport

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// TestOpenSend makes calls in one step, to a server that answers, refuses, hangs up, or waits until its caller has gone.
func TestOpenSend(t *testing.T) {
	clean(t)
	const places = 1024
	left := make(chan error, places+1)
	srv := serve(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		message, _, err := s.Recv(ctx)
		switch string(message[:min(4, len(message))]) {
		case "fail":
			s.Abort(session.Abort{Code: 7, Reason: "no"})
		case "wait":
			<-ctx.Done()
			left <- context.Cause(ctx)
		case "none":
			_ = s.CloseSend()
		default:
			if err == nil {
				_ = s.Send(ctx, message, true)
			}
		}
	}})
	c := dial(t, srv.addr)
	call := func(message string) session.Stream {
		s, sent, err := c.OpenSend(bounded(t), echoes, nil, []byte(message))
		require.NoError(t, err)
		if !sent { // it had to wait for a place
			require.NoError(t, s.Send(bounded(t), []byte(message), true))
		}
		return s
	}

	for i := range 300 { // of one packet, and of several
		want := string(bytes.Repeat([]byte("x"), i*i/9))
		s := call(want)
		message, arrived, err := s.Recv(bounded(t))
		require.NoError(t, err)
		require.Equal(t, want, string(message))
		require.False(t, arrived.IsZero())
		_, _, err = s.Recv(bounded(t))
		require.Equal(t, io.EOF, err)
		s.(interface{ Dispose() }).Dispose()
	}

	_, _, err := call("none").Recv(bounded(t))
	require.Equal(t, io.EOF, err)

	var aborted *session.AbortError
	_, _, err = call("fail").Recv(bounded(t))
	require.ErrorAs(t, err, &aborted)
	require.EqualValues(t, 7, aborted.Code)

	ctx, cancel := context.WithCancel(t.Context())
	s := call("wait")
	go cancel()
	_, _, err = s.Recv(ctx)
	require.Equal(t, context.Canceled, err)
	s.Abort(session.Abort{Code: session.AbortCanceled})
	require.ErrorAs(t, <-left, &aborted)

	// What cannot be sent at once is left to Send.
	s, sent, err := c.OpenSend(bounded(t), echoes, nil, make([]byte, 5<<20))
	require.NoError(t, err)
	require.False(t, sent)
	var large *session.TooLargeError
	require.ErrorAs(t, s.Send(bounded(t), make([]byte, 5<<20), true), &large)
	s.Abort(session.Abort{})

	// Who finds no place waits for one.
	var waiting []session.Stream
	for range places {
		waiting = append(waiting, call("wait"))
	}
	go waiting[0].Abort(session.Abort{})
	message, _, err := call("x").Recv(bounded(t))
	require.NoError(t, err)
	require.Equal(t, "x", string(message))
	for _, w := range waiting[1:] {
		w.Abort(session.Abort{})
	}
	for range waiting {
		<-left
	}
	require.NoError(t, c.Close(bounded(t)))
	_, _, err = c.OpenSend(bounded(t), echoes, nil, nil)
	require.ErrorIs(t, err, net.ErrClosed)
}

// TestOpenersWaitInTurn: who opens a session while others wait for a place waits behind them, even if there is one already.
func TestOpenersWaitInTurn(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr)
	l := c.link
	first := newWaiter(l.shard) // it has been told of a place, and has not come to it yet
	l.mu.Lock()
	l.openers = append(l.openers, first)
	l.mu.Unlock()
	for name, open := range map[string]func(context.Context) (session.Stream, error){
		"OpenStream": func(ctx context.Context) (session.Stream, error) { return c.OpenStream(ctx, echoes, nil) },
		"OpenSend": func(ctx context.Context) (session.Stream, error) {
			s, _, err := c.OpenSend(ctx, echoes, nil, nil)
			return s, err
		},
	} {
		ctx, cancel := context.WithCancel(bounded(t))
		opened := make(chan error, 1)
		go func() {
			_, err := open(ctx)
			opened <- err
		}()
		require.Eventually(t, func() bool {
			l.mu.Lock()
			defer l.unlock()
			return len(l.openers) == 2 || len(opened) > 0
		}, time.Minute, time.Millisecond)
		cancel()
		require.ErrorIs(t, <-opened, context.Canceled, name)
	}
	opened := make(chan error, 1)
	go func() {
		_, err := c.OpenStream(bounded(t), echoes, nil)
		opened <- err
	}()
	l.mu.Lock()
	require.NoError(t, l.await(bounded(t), &l.openers, func(*waiter) bool { // the first one has come to its place, and goes
		l.openers = slices.DeleteFunc(l.openers, func(w *waiter) bool { return w == first })
		return true
	}))
	l.unlock()
	require.NoError(t, <-opened)
}
