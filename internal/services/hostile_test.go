package services_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// odd is a server whose methods are what a test says.
type odd struct {
	server
	note  func(ctx context.Context, text string) error
	split func(text string) (string, []byte, error)
	echo  func(ctx context.Context, items iter.Seq2[int64, error], send func(int64) error) error
	list  func(ctx context.Context, send func(int64) error) error
}

func (o *odd) Note(ctx context.Context, text string) error { return o.note(ctx, text) }

func (o *odd) Split(_ context.Context, text string) (string, []byte, error) { return o.split(text) }

func (o *odd) Echo(ctx context.Context, items iter.Seq2[int64, error], send func(int64) error) error {
	return o.echo(ctx, items, send)
}

func (o *odd) List(ctx context.Context, _ int64, send func(int64) error) error {
	return o.list(ctx, send)
}

func serveOdd(o *odd, opts ...rpc.HandlerOption) (*services.ContractsClient, session.Conn) {
	conn, srv := session.Pipe()
	services.RegisterContracts(srv, o, opts...)
	return services.NewContractsClient(conn), conn
}

func errorOf(t testing.TB, err error) *rpc.Error {
	t.Helper()
	var e *rpc.Error
	require.ErrorAs(t, err, &e)
	return e
}

// TestDeadlines has the caller's deadline reach the handler, and the method's where the caller has none.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := make(chan time.Duration, 1)
		ended := make(chan error, 1)
		c, _ := serveOdd(&odd{note: func(ctx context.Context, text string) error {
			end, _ := ctx.Deadline()
			limits <- time.Until(end)
			if text == "wait" {
				<-ctx.Done()
				ended <- ctx.Err()
				return ctx.Err()
			}
			return nil
		}})
		require.NoError(t, c.Note(t.Context(), "x"))
		require.Equal(t, time.Hour, <-limits)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, c.Note(ctx, "x"))
		require.Equal(t, time.Second, <-limits)

		// When it passes, both ends know.
		err := c.Note(ctx, "wait")
		require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(err))
		require.True(t, errorOf(t, err).Timeout())
		<-limits
		require.Error(t, <-ended)

		// One that is over before it begins is not sent.
		<-ctx.Done()
		err = c.Note(ctx, "x")
		require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(err))
		require.Equal(t, rpc.ProcessedNo, errorOf(t, err).Processed())
		require.Empty(t, limits)

		// An interceptor at the server may give less.
		c, _ = serveOdd(&odd{note: func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return fmt.Errorf("in vain: %w", ctx.Err())
		}}, rpc.WithInterceptors(rpc.Deadline(time.Minute)))
		begun := time.Now()
		err = c.Note(t.Context(), "x")
		require.Equal(t, rpc.DeadlineExceeded, rpc.CodeOf(err))
		require.Equal(t, time.Minute, time.Since(begun))
		require.Equal(t, rpc.ProcessedYes, errorOf(t, err).Processed())
	})
}

// TestCancel has the end of the caller's context reach the handler.
func TestCancel(t *testing.T) {
	ended := make(chan error, 1)
	began := make(chan struct{})
	c, _ := serveOdd(&odd{
		note: func(ctx context.Context, _ string) error {
			close(began)
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		},
		list: func(ctx context.Context, send func(int64) error) error {
			for {
				if err := send(1); err != nil {
					ended <- err
					return err
				}
			}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	err := c.Note(ctx, "x")
	require.Equal(t, rpc.Canceled, rpc.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
	var aborted *session.AbortError
	require.ErrorAs(t, <-ended, &aborted)
	require.Equal(t, session.AbortCanceled, aborted.Code)
	require.True(t, aborted.Remote)

	// Who stops ranging over a run of replies, cancels.
	for range c.List(t.Context(), 1) {
		break
	}
	require.ErrorAs(t, <-ended, &aborted)
	require.Equal(t, session.AbortCanceled, aborted.Code)
}

// TestHandlersEnd has handlers end in every way there is.
func TestHandlersEnd(t *testing.T) {
	logged := logs(t)
	var with error
	c, _ := serveOdd(&odd{note: func(_ context.Context, text string) error {
		switch text {
		case "panic":
			panic("in the handler")
		case "goexit":
			runtime.Goexit()
		}
		return with
	}})
	require.Equal(t, rpc.Internal, rpc.CodeOf(c.Note(t.Context(), "panic")))
	require.Contains(t, logged(), "in the handler")
	require.Equal(t, rpc.Internal, rpc.CodeOf(c.Note(t.Context(), "goexit")))
	for _, want := range []struct {
		err  error
		code rpc.Code
		text string
	}{
		{rpc.Errorf(rpc.Aborted, "taken"), rpc.Aborted, "taken"},
		{fmt.Errorf("around: %w", rpc.Errorf(rpc.NotFound, "inside")), rpc.NotFound, "inside"},
		{&rpc.Error{Message: "no code"}, rpc.Unknown, "no code"},
		{&rpc.Error{Code: 77, Message: "no such code"}, rpc.Unknown, "no such code"},
		{rpc.Errorf(rpc.DataLoss, "not UTF-8: \xff"), rpc.DataLoss, "not UTF-8: \ufffd"},
		{errors.New("private"), rpc.Unknown, ""},
		{session.Reason("public"), rpc.Unknown, "public"},
		{context.Canceled, rpc.Canceled, ""},
	} {
		with = want.err
		e := errorOf(t, c.Note(t.Context(), "x"))
		require.Equal(t, want.code, e.Code, "%v", want.err)
		require.Equal(t, want.text, e.Message)
		require.Equal(t, rpc.ProcessedYes, e.Processed())
	}
}

// TestLargeMessages has requests and replies that are larger than the peer takes.
func TestLargeMessages(t *testing.T) {
	c, _ := serveOdd(&odd{
		split: func(string) (string, []byte, error) { return "", make([]byte, 5<<20), nil },
		note: func(context.Context, string) error {
			return rpc.Errorf(rpc.Aborted, "much to say").With("detail", make([]byte, 5<<20))
		},
	})
	e := errorOf(t, c.Note(t.Context(), strings.Repeat("x", 5<<20)))
	require.Equal(t, rpc.ResourceExhausted, e.Code)
	require.Equal(t, rpc.ProcessedNo, e.Processed())
	require.ErrorContains(t, e, "Note is too large: 5242")
	_, _, err := c.Split(t.Context(), "x")
	e = errorOf(t, err)
	require.Equal(t, rpc.ResourceExhausted, e.Code)
	require.Equal(t, rpc.ProcessedYes, e.Processed())
	e = errorOf(t, c.Note(t.Context(), "x")) // of what the handler says, the code matters most
	require.Equal(t, rpc.Aborted, e.Code)
	require.Equal(t, "much to say", e.Message)
	require.Empty(t, e.Details)

	e = errorOf(t, c.Note(t.Context(), "x", rpc.WithMetadata("key", strings.Repeat("v", session.NoteMax))))
	require.Equal(t, rpc.ResourceExhausted, e.Code)
	require.Equal(t, rpc.ProcessedNo, e.Processed())
	e = errorOf(t, c.Note(t.Context(), "x", rpc.WithMetadata("key", "\xff")))
	require.Equal(t, rpc.InvalidArgument, e.Code)
	e = errorOf(t, c.Note(t.Context(), "\xff"))
	require.Equal(t, rpc.InvalidArgument, e.Code)
}

// TestMetadata has what the caller adds reach the handler.
func TestMetadata(t *testing.T) {
	c, _ := serveOdd(&odd{note: func(ctx context.Context, _ string) error {
		md := rpc.CallOf(ctx).Metadata()
		return rpc.Errorf(rpc.Aborted, "%s %s %s %d", md.Get("TENANT"), md.Get("trace"), md.Get("none"), md.Len())
	}})
	addTrace := func(ctx context.Context, call *rpc.Call, next rpc.Next) error {
		call.Metadata().Add("Trace", "7")
		return next(ctx)
	}
	err := c.Note(t.Context(), "x", rpc.WithMetadata("Tenant", "a b"), rpc.WithMetadata("tenant", "c"))
	require.Equal(t, "a b   2", errorOf(t, err).Message)
	conn, srv := session.Pipe()
	services.RegisterContracts(srv, &odd{note: func(ctx context.Context, _ string) error {
		return rpc.Errorf(rpc.Aborted, "%s", rpc.CallOf(ctx).Metadata().Get("trace"))
	}})
	err = services.NewContractsClient(conn, rpc.WithInterceptors(addTrace)).Note(t.Context(), "x")
	require.Equal(t, "7", errorOf(t, err).Message)
	require.Nil(t, rpc.CallOf(t.Context()))
}

// TestOrder has handlers that reply before they have read the run of requests.
func TestOrder(t *testing.T) {
	logged := logs(t)
	upload := func(send func(int64) error) error {
		for i := range int64(5) {
			if err := send(i + 1); err != nil {
				return err
			}
		}
		return nil
	}
	all := func(c *services.ContractsClient) (got []int64, last error) {
		for v, err := range c.Echo(t.Context(), upload) {
			if err != nil {
				return got, err
			}
			got = append(got, v)
		}
		return got, nil
	}
	// What is left of the requests is skipped when the first reply is sent.
	c, _ := serveOdd(&odd{echo: func(_ context.Context, items iter.Seq2[int64, error], send func(int64) error) error {
		var first int64
		for first = range items {
			break
		}
		return send(first * 10)
	}})
	got, err := all(c)
	require.NoError(t, err)
	require.Equal(t, []int64{10}, got)
	// A run that was left goes on where it was.
	c, _ = serveOdd(&odd{echo: func(_ context.Context, items iter.Seq2[int64, error], send func(int64) error) error {
		for range items {
			break
		}
		var rest []int64
		for v := range items {
			rest = append(rest, v)
		}
		for _, v := range rest {
			if err := send(v); err != nil {
				return err
			}
		}
		return nil
	}})
	got, err = all(c)
	require.NoError(t, err)
	require.Equal(t, []int64{2, 3, 4, 5}, got)
	// A reply from within the run would lose the rest of it.
	require.Empty(t, logged())
	c, _ = serveOdd(&odd{echo: func(_ context.Context, items iter.Seq2[int64, error], send func(int64) error) error {
		for v := range items {
			if err := send(v); err != nil {
				return err
			}
		}
		return nil
	}})
	_, err = all(c)
	require.Equal(t, rpc.Internal, rpc.CodeOf(err))
	require.Contains(t, logged(), "from within the request stream")
	// An error ends the requests early.
	c, _ = serveOdd(&odd{echo: func(context.Context, iter.Seq2[int64, error], func(int64) error) error {
		return rpc.Errorf(rpc.FailedPrecondition, "not now")
	}})
	_, err = all(c)
	require.Equal(t, "not now", errorOf(t, err).Message)
	require.Equal(t, rpc.FailedPrecondition, rpc.CodeOf(err))
}

// TestBrokenCallers has clients, made by hand, break the protocol of a call.
func TestBrokenCallers(t *testing.T) {
	for name, test := range map[string]struct {
		p    *session.Protocol
		note string
		play func(r raw)
		rule session.Rule // 0: an error
	}{
		"note is no message":   {&services.ContractsDivideProtocol, "\xff", func(r raw) { _ = r.send(true, "Divide", 4, 2) }, 0},
		"note has a cut entry": {&services.ContractsDivideProtocol, "\x12\x02\x0a\x05", func(r raw) { _ = r.send(true, "Divide", 4, 2) }, 0},
		"note is not UTF-8":    {&services.ContractsDivideProtocol, "\x12\x03\x0a\x01\xff", func(r raw) { _ = r.send(true, "Divide", 4, 2) }, 0},
		"empty message":        {&services.ContractsDivideProtocol, "", func(r raw) { _ = r.Send(t.Context(), nil, true) }, session.UnexpectedLabel},
		"the reply's label":    {&services.ContractsDivideProtocol, "", func(r raw) { _ = r.send(true, "DivideReply", 4) }, session.UnexpectedLabel},
		"unknown label":        {&services.ContractsDivideProtocol, "", func(r raw) { _ = r.Send(t.Context(), []byte{99}, true) }, session.UnexpectedLabel},
		"malformed":            {&services.ContractsDivideProtocol, "", func(r raw) { _ = r.Send(t.Context(), []byte{0, 0x0a, 5}, true) }, session.MalformedPayload},
		"no request":           {&services.ContractsDivideProtocol, "", func(r raw) { _ = r.CloseSend() }, session.EndedEarly},
		"requests without end": {&services.ContractsSumProtocol, "", func(r raw) { _ = r.send(true, "SumItem", 1) }, session.EndedEarly},
		"malformed item":       {&services.ContractsSumProtocol, "", func(r raw) { _ = r.Send(t.Context(), []byte{0, 0x0a, 5}, true) }, session.MalformedPayload},
		"malformed end":        {&services.ContractsSumProtocol, "", func(r raw) { _ = r.Send(t.Context(), []byte{1, 0x0a, 5}, true) }, session.MalformedPayload},
		"an answer in the run": {&services.ContractsSumProtocol, "", func(r raw) { _ = r.send(true, "SumReply", 1) }, session.UnexpectedLabel},
	} {
		t.Run(name, func(t *testing.T) {
			conn, srv := session.Pipe()
			impl := &server{reply: 1}
			services.RegisterContracts(srv, impl)
			r := call(t, conn, test.p, []byte(test.note))
			test.play(r)
			_, err := r.outcome()
			var fault *session.PeerError
			if test.rule != 0 {
				require.ErrorAs(t, err, &fault)
				require.Equal(t, test.rule, fault.Rule)
			} else {
				var aborted *session.AbortError
				require.ErrorAs(t, err, &aborted)
				require.False(t, errors.As(err, &fault))
			}
			if test.p == &services.ContractsDivideProtocol {
				require.Zero(t, impl.calls.Load())
			}
		})
	}
}

// TestMoreThanOneRequest has a client say more than it may. It is found if it has come by the time the request is read.
func TestMoreThanOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, srv := session.Pipe()
		answered := make(chan struct{})
		services.RegisterContracts(srv, &odd{echo: func(_ context.Context, items iter.Seq2[int64, error], _ func(int64) error) error {
			<-answered
			for _, err := range items {
				if err != nil {
					return err
				}
			}
			return nil
		}})
		r := call(t, conn, &services.ContractsEchoProtocol, nil)
		require.NoError(t, r.send(false, "EchoItem", 1))
		require.NoError(t, r.send(false, "EchoSent"))
		require.NoError(t, r.send(true, "EchoItem", 1))
		close(answered)
		_, err := r.outcome()
		var fault *session.PeerError
		require.ErrorAs(t, err, &fault)
		require.Equal(t, session.UnexpectedLabel, fault.Rule)
	})
}

// TestBrokenServers has servers, made by hand, break the protocol of a call.
func TestBrokenServers(t *testing.T) {
	bytes := func(r raw, last bool, b ...byte) { _ = r.Send(context.Background(), b, last) }
	for name, test := range map[string]struct {
		p    *session.Protocol
		play func(r raw)
		code rpc.Code
	}{
		"no answer":            {&services.ContractsDivideProtocol, func(r raw) { _ = r.CloseSend() }, rpc.Internal},
		"empty":                {&services.ContractsDivideProtocol, func(r raw) { bytes(r, true) }, rpc.Internal},
		"the request's label":  {&services.ContractsDivideProtocol, func(r raw) { _ = r.send(true, "Divide", 4, 2) }, rpc.Internal},
		"malformed":            {&services.ContractsDivideProtocol, func(r raw) { bytes(r, true, 1, 0x0a, 9) }, rpc.Internal},
		"malformed status":     {&services.ContractsDivideProtocol, func(r raw) { bytes(r, true, 2, 0x0a, 9) }, rpc.Internal},
		"status without code":  {&services.ContractsDivideProtocol, func(r raw) { bytes(r, true, 2) }, rpc.Unknown},
		"two answers":          {&services.ContractsDivideProtocol, func(r raw) { _ = r.send(false, "DivideReply", 1); _ = r.send(true, "DivideReply", 1) }, rpc.Internal},
		"items behind the end": {&services.ContractsListProtocol, func(r raw) { _ = r.send(false, "ListDone"); _ = r.send(true, "ListItem", 1) }, rpc.Internal},
		"items without an end": {&services.ContractsListProtocol, func(r raw) { _ = r.send(true, "ListItem", 1) }, rpc.Internal},
		"malformed item":       {&services.ContractsListProtocol, func(r raw) { bytes(r, true, 1, 0x0a, 9) }, rpc.Internal},
		"malformed end":        {&services.ContractsListProtocol, func(r raw) { bytes(r, true, 2, 0x0a, 9) }, rpc.Internal},
		"gives up":             {&services.ContractsDivideProtocol, func(r raw) { r.Abort(session.Abort{}) }, rpc.Internal},
		"refuses":              {&services.ContractsDivideProtocol, func(r raw) { r.Abort(session.Abort{Code: session.AbortRefused}) }, rpc.Unavailable},
		"a code of none":       {&services.ContractsDivideProtocol, func(r raw) { r.Abort(session.Abort{Code: 1 << 62}) }, rpc.Unknown},
		"a status early":       {&services.ContractsDivideProtocol, func(r raw) { r.Abort(session.Abort{Code: 0x100 + 8}) }, rpc.ResourceExhausted},
	} {
		t.Run(name, func(t *testing.T) {
			conn, srv := session.Pipe()
			answer(t, srv, test.p, test.play)
			c := services.NewContractsClient(conn)
			var err error
			if test.p == &services.ContractsDivideProtocol {
				_, err = c.Divide(t.Context(), 4, 2)
			} else {
				for _, e := range c.List(t.Context(), 1) {
					err = e
				}
			}
			e := errorOf(t, err)
			require.Equal(t, test.code, e.Code, "%v", err)
			require.Equal(t, e.Code == rpc.Unavailable, e.Processed() == rpc.ProcessedNo)
		})
	}
}

// TestCallersPanic has the program's own functions panic within a call: the panic goes on, and the handler hears of it.
func TestCallersPanic(t *testing.T) {
	ended := make(chan error, 1)
	c, _ := serveOdd(&odd{
		echo: func(ctx context.Context, items iter.Seq2[int64, error], _ func(int64) error) error {
			for _, err := range items {
				if err != nil {
					ended <- err
					return err
				}
			}
			return nil
		},
		list: func(ctx context.Context, send func(int64) error) error {
			_ = send(1)
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil
		},
	})
	panicked := func() {
		var aborted *session.AbortError
		require.ErrorAs(t, <-ended, &aborted)
		require.Equal(t, session.AbortPanicked, aborted.Code)
	}
	require.Panics(t, func() {
		for range c.Echo(t.Context(), func(send func(int64) error) error {
			_ = send(1)
			panic("in the body")
		}) {
			t.Error("an item")
		}
	})
	panicked()
	require.Panics(t, func() {
		for range c.List(t.Context(), 1) {
			panic("in the loop")
		}
	})
	panicked()
}

// TestWhatInterceptorsSee has a server's interceptors see what becomes of a reply, and say in the handler's place how the call ended.
func TestWhatInterceptorsSee(t *testing.T) {
	logged := logs(t)
	var seen error
	see := func(ctx context.Context, _ *rpc.Call, next rpc.Next) error {
		seen = next(ctx)
		return seen
	}
	c, _ := serveOdd(&odd{split: func(string) (string, []byte, error) { return "\xff", nil, nil }}, rpc.WithInterceptors(see))
	_, _, err := c.Split(t.Context(), "x")
	require.Equal(t, rpc.Internal, rpc.CodeOf(err))
	var encoding *session.EncodeError
	require.ErrorAs(t, seen, &encoding)
	require.Contains(t, logged(), "not UTF-8")

	// Where it says that all is well there must be something to answer, if only nothing.
	hide := func(ctx context.Context, _ *rpc.Call, next rpc.Next) error {
		require.Error(t, next(ctx))
		return nil
	}
	fails := errors.New("so be it")
	c, _ = serveOdd(&odd{
		split: func(string) (string, []byte, error) { return "x", nil, fails },
		note:  func(context.Context, string) error { return fails },
		list:  func(_ context.Context, send func(int64) error) error { return errors.Join(send(1), fails) },
	}, rpc.WithInterceptors(hide))
	require.NoError(t, c.Note(t.Context(), "x"))
	var got []int64
	for v, err := range c.List(t.Context(), 1) {
		require.NoError(t, err)
		got = append(got, v)
	}
	require.Equal(t, []int64{1}, got)
	_, _, err = c.Split(t.Context(), "x")
	require.Equal(t, rpc.Internal, rpc.CodeOf(err))
	require.Contains(t, logged(), "the handler has not answered")
}

// TestKeptRuns has programs keep what belongs to a run of requests or replies, and use it when that has come to its end.
func TestKeptRuns(t *testing.T) {
	over := func(err error) {
		t.Helper()
		require.ErrorIs(t, err, rpc.ErrRunOver)
		require.Equal(t, rpc.FailedPrecondition, rpc.CodeOf(err))
	}
	var reply func(int64) error
	var requests iter.Seq2[int64, error]
	c, _ := serveOdd(&odd{
		server: server{reply: 1},
		echo: func(_ context.Context, items iter.Seq2[int64, error], send func(int64) error) error {
			reply, requests = send, items
			for _, err := range items {
				if err != nil {
					return err
				}
			}
			return send(3)
		},
	})
	var request func(int64) error
	upload := func(send func(int64) error) error {
		request = send
		return send(3)
	}
	_, err := c.Sum(t.Context(), upload)
	require.NoError(t, err)
	over(request(3))
	for v, err := range c.Echo(t.Context(), upload) {
		require.NoError(t, err)
		require.EqualValues(t, 3, v)
		over(request(3))
	}
	over(request(3))
	over(reply(3))
	for range requests {
		t.Error("a request")
	}

	// What a call is made of can be ranged over again: that is another call.
	runs := c.Echo(t.Context(), upload)
	for range 2 {
		for v, err := range runs {
			require.NoError(t, err)
			require.EqualValues(t, 3, v)
		}
	}
}
