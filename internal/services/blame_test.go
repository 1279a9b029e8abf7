package services_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// nilInside is an error that is a nil pointer in an interface as handlers return by mistake: whoever looks into it panics.
type nilInside struct{ error }

func (e *nilInside) Error() string { return e.error.Error() }
func (e *nilInside) Unwrap() error { return e.error }

// TestErrorsThatPanic has handlers return errors that panic when somebody looks into them: their caller gets Internal, and the server
// goes on.
func TestErrorsThatPanic(t *testing.T) {
	logged := logs(t)
	c, _ := serveOdd(&odd{
		note: func(_ context.Context, text string) error {
			if text == "own" {
				var e *rpc.Error
				return e
			}
			var e *nilInside
			return e
		},
		echo: func(context.Context, iter.Seq2[int64, error], func(int64) error) error {
			var e *nilInside
			return fmt.Errorf("around: %w", errors.Join(e))
		},
	})
	for _, text := range []string{"own", "another"} {
		e := errorOf(t, c.Note(t.Context(), text))
		require.Equal(t, rpc.Internal, e.Code)
		require.Equal(t, rpc.ProcessedYes, e.Processed())
		require.Contains(t, logged(), "nil pointer")
	}
	for _, err := range c.Echo(t.Context(), func(func(int64) error) error { return nil }) {
		require.Equal(t, rpc.Internal, rpc.CodeOf(err))
	}
}

// brokenPeer returns how a call failed whose server broke the protocol, and one whose server refused it.
func brokenPeer(t *testing.T) (broken, refused error) {
	conn, srv := session.Pipe()
	answer(t, srv, &services.ContractsDivideProtocol, func(r raw) { _ = r.Send(context.Background(), []byte{9}, true) })
	_, broken = services.NewContractsClient(conn).Divide(t.Context(), 4, 2)
	require.Equal(t, rpc.Internal, rpc.CodeOf(broken))
	conn, srv = session.Pipe()
	answer(t, srv, &services.ContractsDivideProtocol, func(r raw) { r.Abort(session.Abort{Code: session.AbortRefused}) })
	_, refused = services.NewContractsClient(conn).Divide(t.Context(), 4, 2)
	require.Equal(t, rpc.ProcessedNo, errorOf(t, refused).Processed())
	return broken, refused
}

// TestOthersFaults: a handler that calls another server, which breaks the protocol, does not blame its own caller; nor does a caller
// whose request stream comes from another call blame its server, or say of this call what became of that one.
func TestOthersFaults(t *testing.T) {
	broken, refused := brokenPeer(t)
	ended := make(chan error, 1)
	c, _ := serveOdd(&odd{
		note: func(context.Context, string) error { return fmt.Errorf("calling on: %w", broken) },
		echo: func(_ context.Context, items iter.Seq2[int64, error], _ func(int64) error) error {
			for _, err := range items {
				if err != nil {
					ended <- err
					return err
				}
			}
			return nil
		},
	})
	e := errorOf(t, c.Note(t.Context(), "x"))
	require.Equal(t, rpc.Internal, e.Code)
	require.Equal(t, rpc.ProcessedYes, e.Processed(), "the handler ran")

	for _, test := range []struct {
		err  error
		code rpc.Code
	}{
		{broken, rpc.Internal},
		{refused, rpc.Unavailable},
		{fmt.Errorf("reading on: %w", refused), rpc.Unavailable},
		{errors.Unwrap(broken), rpc.Unknown},
		{errors.Unwrap(refused), rpc.Unknown},
		{errors.New("enough"), rpc.Unknown},
		{rpc.Errorf(rpc.Aborted, "enough"), rpc.Aborted},
	} {
		for _, err := range c.Echo(t.Context(), func(send func(int64) error) error {
			require.NoError(t, send(1))
			return test.err
		}) {
			e := errorOf(t, err)
			require.Equal(t, test.code, e.Code, "%v", test.err)
			require.Equal(t, rpc.ProcessedMaybe, e.Processed(), "%v", test.err)
		}
		var e *rpc.Error
		require.ErrorAs(t, <-ended, &e)
		require.NotEqual(t, rpc.Internal, e.Code, "the handler learns that its caller gave up, not that its reply was bad")
	}
}

// TestNextTwice has a server's interceptors call next again: the handler does not run on a request that nobody made.
func TestNextTwice(t *testing.T) {
	ran := 0
	impl := &odd{split: func(text string) (string, []byte, error) {
		ran++
		return "", nil, rpc.Errorf(rpc.Unavailable, "got %q", text)
	}}
	c, _ := serveOdd(impl, rpc.WithInterceptors(func(ctx context.Context, _ *rpc.Call, next rpc.Next) error {
		_ = next(ctx)
		return next(ctx)
	}))
	logged := logs(t)
	_, _, err := c.Split(t.Context(), "x")
	require.Equal(t, rpc.Internal, rpc.CodeOf(err))
	require.Contains(t, logged(), "next twice")
	require.Equal(t, 1, ran)

	// Nor if its first run panicked.
	again := func(ctx context.Context, _ *rpc.Call, next rpc.Next) error {
		_ = next(ctx)
		return next(ctx)
	}
	calm := rpc.Recover(func(context.Context, *rpc.Call, any) error { return rpc.Errorf(rpc.Internal, "calm") })
	c, _ = serveOdd(&odd{split: func(string) (string, []byte, error) {
		ran++
		panic("in the handler")
	}}, rpc.WithInterceptors(again, calm))
	_, _, err = c.Split(t.Context(), "x")
	require.Equal(t, rpc.Internal, rpc.CodeOf(err))
	require.Equal(t, 2, ran)

	// Retry is a client's; at a server it repeats nothing.
	c, _ = serveOdd(impl, rpc.WithInterceptors(rpc.Retry(rpc.RetryPolicy{})))
	_, _, err = c.Split(t.Context(), "x")
	require.Equal(t, `got "x"`, errorOf(t, err).Message)
	require.Equal(t, 3, ran)
}

// TestBrokenItemsIgnored has a handler pay no heed to what send tells it: its caller does not take a stream that lacks an item for whole.
func TestBrokenItemsIgnored(t *testing.T) {
	logged := logs(t)
	c, _ := serveOdd(&odd{list: func(_ context.Context, send func(int64) error) error {
		for _, item := range []int64{1, 1000, 2} {
			_ = send(item)
		}
		return nil
	}})
	var items []int64
	var last error
	for item, err := range c.List(t.Context(), 1) {
		if last = err; err == nil {
			items = append(items, item)
		}
	}
	require.Equal(t, rpc.Internal, rpc.CodeOf(last))
	require.Equal(t, []int64{1, 2}, items)
	require.Contains(t, logged(), "item = 1000")
}

// TestErrorfWraps has errors of this end found in an Error, however many there are.
func TestErrorfWraps(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	require.ErrorIs(t, rpc.Errorf(rpc.Aborted, "failed: %w", one), one)
	both := rpc.Errorf(rpc.Aborted, "failed: %w, %w", one, two)
	require.ErrorIs(t, both, one)
	require.ErrorIs(t, both, two)
	require.EqualError(t, both, "rpc: aborted: failed: one, two")
}
