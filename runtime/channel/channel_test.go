package channel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sessgen/sessgen/runtime/channel"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bounded is a context for what should succeed: only a test that hangs meets its end.
func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func listen[Out, In any](t testing.TB, out channel.Serializer[Out], in channel.Serializer[In]) *channel.Listener[Out, In] {
	t.Helper()
	l, err := channel.Listen("127.0.0.1:0", out, in, transport.WithPlaintext())
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close(bounded(t)) })
	return l
}

func dial[Out, In any](t testing.TB, l interface{ Addr() net.Addr }, out channel.Serializer[Out], in channel.Serializer[In]) *channel.Chan[Out, In] {
	t.Helper()
	c, err := channel.Dial(bounded(t), l.Addr().String(), out, in, transport.WithPlaintext())
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Abort(nil)
		_ = c.Close(bounded(t))
	})
	return c
}

// on runs a test over a network and in memory: a channel is the same on both.
func on(t *testing.T, test func(t *testing.T, a *channel.Chan[int, string], b *channel.Chan[string, int])) {
	t.Run("udp", func(t *testing.T) {
		t.Cleanup(func() { goleak.VerifyNone(t) })
		l := listen(t, channel.String, channel.Int)
		a := dial(t, l, channel.Int, channel.String)
		b, err := l.Accept(bounded(t))
		require.NoError(t, err)
		t.Cleanup(func() { b.Abort(nil) })
		require.Equal(t, a.RemoteAddr().String(), l.Addr().String())
		require.IsType(t, new(net.UDPAddr), b.RemoteAddr())
		require.IsType(t, new(net.UDPAddr), b.LocalAddr())
		test(t, a, b)
	})
	t.Run("pipe", func(t *testing.T) {
		a, b := channel.Pipe[int, string]()
		require.Equal(t, a.LocalAddr(), b.RemoteAddr())
		test(t, a, b)
	})
}

func TestEachDirectionEndsAlone(t *testing.T) {
	on(t, func(t *testing.T, a *channel.Chan[int, string], b *channel.Chan[string, int]) {
		_, ok, err := a.TryRecv()
		require.False(t, ok)
		require.NoError(t, err)
		for i := range 100 {
			require.NoError(t, a.Send(bounded(t), i))
		}
		require.NoError(t, a.CloseSend())
		require.NoError(t, a.CloseSend())
		require.Equal(t, channel.ErrSendClosed, a.Send(bounded(t), 1))
		for i := range 100 {
			v, err := b.Recv(bounded(t))
			require.NoError(t, err)
			require.Equal(t, i, v)
		}
		for range 2 {
			_, err = b.Recv(bounded(t))
			require.Equal(t, io.EOF, err)
			_, ok, err = b.TryRecv()
			require.False(t, ok)
			require.Equal(t, io.EOF, err)
		}
		// The other direction goes on.
		require.NoError(t, b.Send(bounded(t), "late"))
		for !ok {
			var v string
			v, ok, err = a.TryRecv()
			require.NoError(t, err)
			if ok {
				require.Equal(t, "late", v)
			}
		}
		require.NoError(t, a.Context().Err())
		require.NoError(t, closeBoth(t, a, b))
		for _, c := range []interface{ Close(context.Context) error }{a, b} {
			require.NoError(t, c.Close(bounded(t)))
		}
		_, err = a.Recv(bounded(t))
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorIs(t, b.Send(bounded(t), "x"), net.ErrClosed)
		<-a.Context().Done()
		require.ErrorIs(t, context.Cause(a.Context()), net.ErrClosed)
	})
}

func closeBoth(t *testing.T, a *channel.Chan[int, string], b *channel.Chan[string, int]) error {
	closed := make(chan error, 1)
	go func() { closed <- a.Close(bounded(t)) }()
	return errors.Join(b.Close(bounded(t)), <-closed)
}

// TestCloseWaitsForTheReader: that everything has arrived is not enough.
func TestCloseWaitsForTheReader(t *testing.T) {
	on(t, func(t *testing.T, a *channel.Chan[int, string], b *channel.Chan[string, int]) {
		require.NoError(t, a.Send(bounded(t), 7))
		require.NoError(t, b.CloseSend())
		closed := make(chan error, 1)
		go func() { closed <- a.Close(bounded(t)) }()
		select {
		case err := <-closed:
			t.Fatalf("nobody has received: %v", err)
		case <-time.After(30 * time.Millisecond): // a faulty Close may be slower, a right one is never found fault with
		}
		v, err := b.Recv(bounded(t))
		require.NoError(t, err)
		require.Equal(t, 7, v)
		_, err = b.Recv(bounded(t))
		require.Equal(t, io.EOF, err)
		require.NoError(t, <-closed)
		require.NoError(t, b.Close(bounded(t)))
	})
}

func TestCloseFindsUnread(t *testing.T) {
	on(t, func(t *testing.T, a *channel.Chan[int, string], b *channel.Chan[string, int]) {
		require.NoError(t, b.Send(bounded(t), "unheard"))
		require.NoError(t, b.CloseSend())
		require.Equal(t, channel.ErrUnread, a.Close(bounded(t)))
		require.ErrorIs(t, channel.ErrUnread, net.ErrClosed)
		_, err := b.Recv(bounded(t))
		requireAborted(t, err, channel.AbortUnread, "closed before it had received everything")
		require.Equal(t, channel.ErrUnread, a.Close(bounded(t)))
		_, err = a.Recv(bounded(t))
		require.Equal(t, channel.ErrUnread, err)
	})
}

func requireAborted(t *testing.T, err error, code session.AbortCode, reason string) {
	t.Helper()
	var aborted *session.AbortError
	require.ErrorAs(t, err, &aborted)
	require.True(t, aborted.Remote)
	require.Equal(t, session.Abort{Code: code, Reason: reason}, aborted.Abort)
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestAbort(t *testing.T) {
	on(t, func(t *testing.T, a *channel.Chan[int, string], b *channel.Chan[string, int]) {
		waits := make(chan error, 1)
		go func() {
			_, err := b.Recv(bounded(t))
			waits <- err
		}()
		why := fmt.Errorf("secret: %w", session.Reason("enough"))
		b.Send(bounded(t), "x")
		a.Abort(why)
		a.Abort(errors.New("another"))
		requireAborted(t, <-waits, session.AbortFailed, "enough")
		requireAborted(t, b.Send(bounded(t), "x"), session.AbortFailed, "enough")
		requireAborted(t, b.Close(bounded(t)), session.AbortFailed, "enough")
		for range 2 {
			_, err := a.Recv(bounded(t))
			require.ErrorIs(t, err, why)
			require.ErrorIs(t, a.Send(bounded(t), 1), why)
			require.ErrorIs(t, a.CloseSend(), why)
			require.ErrorIs(t, a.Close(bounded(t)), why)
		}
	})
}

func TestContexts(t *testing.T) {
	on(t, func(t *testing.T, a *channel.Chan[int, string], b *channel.Chan[string, int]) {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := a.Recv(ended)
		require.Equal(t, context.Canceled, err)
		// A writer whose reader does not read comes to wait, and is let go by its context, as is who waits behind it.
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		var sent sync.WaitGroup
		for range 4 {
			sent.Go(func() {
				err := error(nil)
				for err == nil {
					err = b.Send(ctx, strings.Repeat("x", 1000))
				}
				if err != context.DeadlineExceeded {
					t.Error(err)
				}
			})
		}
		sent.Wait()
		// Nothing was lost by that.
		require.NoError(t, a.Send(bounded(t), 1))
		v, err := b.Recv(bounded(t))
		require.NoError(t, err)
		require.Equal(t, 1, v)
		require.Equal(t, context.Canceled, b.Close(ended))
		for err = nil; err == nil; { // what has arrived before the news of the end may still be had
			_, err = a.Recv(bounded(t))
		}
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// TestManyGoroutines has several send and several receive: each value comes once.
func TestManyGoroutines(t *testing.T) {
	on(t, func(t *testing.T, a *channel.Chan[int, string], b *channel.Chan[string, int]) {
		const workers, each = 4, 250
		var senders, receivers sync.WaitGroup
		var seen [workers * each]int
		var mu sync.Mutex
		for w := range workers {
			senders.Go(func() {
				for i := range each {
					if err := a.Send(bounded(t), w*each+i); err != nil {
						t.Error(err)
						return
					}
				}
			})
			receivers.Go(func() {
				for {
					v, err := b.Recv(bounded(t))
					if err != nil {
						if err != io.EOF {
							t.Error(err)
						}
						return
					}
					mu.Lock()
					seen[v]++
					mu.Unlock()
				}
			})
		}
		senders.Wait()
		require.NoError(t, a.CloseSend())
		receivers.Wait()
		for i, n := range seen {
			require.Equal(t, 1, n, i)
		}
		require.NoError(t, closeBoth(t, a, b))
	})
}

func TestMismatch(t *testing.T) {
	l := listen(t, channel.Int, channel.String)
	c := dial(t, l, channel.Int, channel.String) // the wrong way round
	_, err := c.Recv(bounded(t))
	require.Equal(t, &channel.MismatchError{Out: "int", In: "string"}, err)
	require.ErrorIs(t, err, net.ErrClosed)
	require.Equal(t, err, c.Close(bounded(t)))
}

// liar says that it is an int, and sends what is none.
type liar struct{ channel.Serializer[int] }

func (liar) Append(b []byte, v int) ([]byte, error) {
	if v < 0 {
		return b, errRefused
	}
	return append(b, 0x80, 0x00), nil
}

func TestBadValue(t *testing.T) {
	l := listen(t, channel.String, channel.Int)
	c := dial(t, l, channel.Serializer[int](liar{channel.Int}), channel.String)
	b, err := l.Accept(bounded(t))
	require.NoError(t, err)
	err = c.Send(bounded(t), -1)
	var encode *channel.EncodeError
	require.ErrorAs(t, err, &encode)
	require.ErrorIs(t, err, errRefused)
	require.NoError(t, c.Send(bounded(t), 1)) // it goes on
	var bad *channel.DecodeError
	for range 2 {
		_, err = b.Recv(bounded(t))
		require.ErrorAs(t, err, &bad)
		require.ErrorIs(t, err, net.ErrClosed)
	}
	require.ErrorAs(t, b.Close(bounded(t)), &bad)
	_, err = c.Recv(bounded(t))
	requireAborted(t, err, session.AbortCode(session.MalformedPayload), "")
}

func TestTooLarge(t *testing.T) {
	l, err := channel.Listen("127.0.0.1:0", channel.Unit, channel.Bytes, transport.WithPlaintext(), transport.WithMaxMessage(1000))
	require.NoError(t, err)
	c := dial(t, l, channel.Bytes, channel.Unit)
	var large *session.TooLargeError
	require.ErrorAs(t, c.Send(bounded(t), make([]byte, 1000)), &large)
	require.Equal(t, 1002, large.Size)
	require.NoError(t, c.Send(bounded(t), make([]byte, 998)))
	b, err := l.Accept(bounded(t))
	require.NoError(t, err)
	v, err := b.Recv(bounded(t))
	require.NoError(t, err)
	require.Len(t, v, 998)
	require.NoError(t, b.Send(bounded(t), struct{}{}))
	_, err = c.Recv(bounded(t))
	require.NoError(t, err)
	b.Abort(nil)
	require.NoError(t, l.Close(bounded(t)))
}

// TestListenerCloses refuses who was not accepted, and lets the others finish.
func TestListenerCloses(t *testing.T) {
	l := listen(t, channel.String, channel.Int)
	c := dial(t, l, channel.Int, channel.String)
	b, err := l.Accept(bounded(t))
	require.NoError(t, err)
	waiting := dial(t, l, channel.Int, channel.String)
	closed := make(chan error, 1)
	go func() { closed <- l.Close(bounded(t)) }()
	_, err = waiting.Recv(bounded(t))
	require.ErrorIs(t, err, session.ErrRefused)
	_, err = l.Accept(bounded(t))
	if err == nil { // it was quicker than Close
		_, err = l.Accept(bounded(t))
	}
	require.ErrorIs(t, err, net.ErrClosed)

	require.NoError(t, c.Send(bounded(t), 1))
	_, err = b.Recv(bounded(t))
	require.NoError(t, err)
	require.NoError(t, closeBoth(t, c, b))
	require.NoError(t, <-closed)
	require.NoError(t, l.Close(bounded(t)))
}

// After Close nothing is left of a listener, even if it is closed before it has begun to serve.
func TestListenerClosesAtOnce(t *testing.T) {
	for range 20 {
		l, err := channel.Listen("127.0.0.1:0", channel.Int, channel.Int, transport.WithPlaintext())
		require.NoError(t, err)
		require.NoError(t, l.Close(bounded(t)))
		again, err := transport.Listen(l.Addr().String(), transport.WithPlaintext())
		require.NoError(t, err)
		require.NoError(t, again.Close())
	}
}

func TestNames(t *testing.T) {
	long := channel.Int
	for range 10 {
		long = named{long, strings.Repeat("x", 513)}
	}
	_, err := channel.Listen("127.0.0.1:0", long, channel.Int, transport.WithPlaintext())
	require.ErrorContains(t, err, "512")
	_, err = channel.Dial(bounded(t), "127.0.0.1:1", channel.Int, channel.Serializer[int](named{channel.Int, ""}), transport.WithPlaintext())
	require.ErrorContains(t, err, "512")
	_, err = channel.Dial(bounded(t), "127.0.0.1:1", channel.Int, channel.Int)
	require.ErrorContains(t, err, "WithPlaintext")
}

type named struct {
	channel.Serializer[int]
	name string
}

func (n named) Encoding() string { return n.name }
