package services_test

import (
	"bytes"
	"context"
	"iter"
	"log"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// server replies with reply whatever it is asked, and counts what came.
type server struct {
	reply int64
	calls atomic.Int32
	items atomic.Int32
}

func (s *server) Divide(context.Context, int64, int64) (int64, error) {
	s.calls.Add(1)
	return s.reply, nil
}

func (s *server) List(_ context.Context, _ int64, send func(int64) error) error {
	s.calls.Add(1)
	return send(s.reply)
}

func (s *server) take(items iter.Seq2[int64, error]) error {
	s.calls.Add(1)
	for _, err := range items {
		if err != nil {
			return err
		}
		s.items.Add(1)
	}
	return nil
}

func (s *server) Sum(_ context.Context, items iter.Seq2[int64, error]) (int64, error) {
	return s.reply, s.take(items)
}

func (s *server) Echo(_ context.Context, items iter.Seq2[int64, error], send func(int64) error) error {
	if err := s.take(items); err != nil {
		return err
	}
	return send(s.reply)
}

func (s *server) Split(_ context.Context, text string) (string, []byte, error) {
	return text[:1], []byte(text[1:]), nil
}

func (s *server) Note(context.Context, string) error { return nil }

// The contracts of the service are about a number that divides; these make them what their names say.
var truths = []struct {
	name  string
	value int64
	holds bool
}{{"true", 3, true}, {"false", 1000, false}, {"panicking", 0, false}}

// shapes are the rpcs of the service, as far as contracts are concerned.
var shapes = []struct {
	name     string
	protocol *session.Protocol
	// call calls with a request, or an item of it, that divides by value.
	call func(ctx context.Context, c *services.ContractsClient, value int64) error
	// request is the same by hand, and reply the answer with value.
	request, reply func(r raw, value int64) error
	// item: contracts hold per item, and a handler runs before there are any.
	items bool
}{
	{
		"Divide", &services.ContractsDivideProtocol,
		func(ctx context.Context, c *services.ContractsClient, value int64) error {
			_, err := c.Divide(ctx, 100, value)
			return err
		},
		func(r raw, value int64) error { return r.send(true, "Divide", 100, value) },
		func(r raw, value int64) error { return r.send(true, "DivideReply", value) },
		false,
	},
	{
		"List", &services.ContractsListProtocol,
		func(ctx context.Context, c *services.ContractsClient, value int64) (last error) {
			for _, err := range c.List(ctx, value) {
				last = err
			}
			return last
		},
		func(r raw, value int64) error { return r.send(true, "List", value) },
		func(r raw, value int64) error {
			if err := r.send(false, "ListItem", value); err != nil {
				return err
			}
			return r.send(true, "ListDone")
		},
		false,
	},
	{
		"Sum", &services.ContractsSumProtocol,
		func(ctx context.Context, c *services.ContractsClient, value int64) error {
			_, err := c.Sum(ctx, func(send func(int64) error) error { return send(value) })
			return err
		},
		func(r raw, value int64) error {
			if err := r.send(false, "SumItem", value); err != nil {
				return err
			}
			return r.send(true, "SumSent")
		},
		func(r raw, value int64) error { return r.send(true, "SumReply", value) },
		true,
	},
	{
		"Echo", &services.ContractsEchoProtocol,
		func(ctx context.Context, c *services.ContractsClient, value int64) (last error) {
			for _, err := range c.Echo(ctx, func(send func(int64) error) error { return send(value) }) {
				last = err
			}
			return last
		},
		func(r raw, value int64) error {
			if err := r.send(false, "EchoItem", value); err != nil {
				return err
			}
			return r.send(true, "EchoSent")
		},
		func(r raw, value int64) error {
			if err := r.send(false, "EchoItem", value); err != nil {
				return err
			}
			return r.send(true, "EchoDone")
		},
		true,
	},
}

// logs catches what is logged until the end of the test.
func logs(t *testing.T) func() string {
	var mu sync.Mutex
	var b bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	}), nil)))
	t.Cleanup(func() { // log.SetOutput: SetDefault has bent package log to slog
		slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
		log.SetOutput(os.Stderr)
	})
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return b.String()
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestContracts has each of requires and ensures be true, false and panicking at each end. To break a contract at
// the far end, the near one is made by hand: generated code refuses to.
func TestContracts(t *testing.T) {
	for _, shape := range shapes {
		for _, truth := range truths {
			t.Run(shape.name+"/requires/client/"+truth.name, func(t *testing.T) {
				conn, srv := session.Pipe()
				impl := &server{reply: 1}
				services.RegisterContracts(srv, impl)
				err := shape.call(t.Context(), services.NewContractsClient(conn), truth.value)
				if truth.holds {
					require.NoError(t, err)
					return
				}
				// Nothing has been sent of what breaks it.
				var contract *session.ContractError
				require.ErrorAs(t, err, &contract)
				require.Equal(t, rpc.InvalidArgument, rpc.CodeOf(err))
				require.Zero(t, impl.items.Load())
				if !shape.items {
					require.Zero(t, impl.calls.Load())
				}
				var e *rpc.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, map[bool]rpc.Processed{true: rpc.ProcessedMaybe, false: rpc.ProcessedNo}[shape.items], e.Processed())
			})
			t.Run(shape.name+"/requires/server/"+truth.name, func(t *testing.T) {
				conn, srv := session.Pipe()
				impl := &server{reply: 1}
				services.RegisterContracts(srv, impl)
				r := call(t, conn, shape.protocol, nil)
				sent := shape.request(r, truth.value)
				label, err := r.outcome()
				if truth.holds {
					require.NoError(t, sent)
					require.NoError(t, err)
					require.NotContains(t, label, "Error")
					return
				}
				var fault *session.PeerError
				require.ErrorAs(t, err, &fault)
				require.Equal(t, session.FalsePredicate, fault.Rule)
				require.True(t, fault.Remote)
				require.Zero(t, impl.items.Load())
			})
			t.Run(shape.name+"/ensures/server/"+truth.name, func(t *testing.T) {
				logged := logs(t)
				conn, srv := session.Pipe()
				impl := &server{reply: truth.value}
				services.RegisterContracts(srv, impl)
				err := shape.call(t.Context(), services.NewContractsClient(conn), 1)
				require.EqualValues(t, 1, impl.calls.Load())
				if truth.holds {
					require.NoError(t, err)
					require.Empty(t, logged())
					return
				}
				require.Equal(t, rpc.Internal, rpc.CodeOf(err))
				require.Contains(t, logged(), shape.protocol.Name)
				require.Contains(t, logged(), "/") // the predicate
			})
			t.Run(shape.name+"/ensures/client/"+truth.name, func(t *testing.T) {
				conn, srv := session.Pipe()
				told := make(chan error, 1)
				answer(t, srv, shape.protocol, func(r raw) {
					sent := shape.reply(r, truth.value)
					<-r.Context().Done()
					told <- session.Explain(r.p, 1, context.Cause(r.Context()))
					_ = sent
				})
				err := shape.call(t.Context(), services.NewContractsClient(conn), 1)
				if truth.holds {
					require.NoError(t, err)
					return
				}
				require.Equal(t, rpc.Internal, rpc.CodeOf(err))
				var fault *session.PeerError
				require.ErrorAs(t, err, &fault)
				require.False(t, fault.Remote)
				require.Equal(t, session.FalsePredicate, fault.Rule)
				// Both ends know.
				require.ErrorAs(t, <-told, &fault)
				require.True(t, fault.Remote)
			})
		}
	}
}

// TestResults has rpcs with two results and with none.
func TestResults(t *testing.T) {
	conn, srv := session.Pipe()
	services.RegisterContracts(srv, new(server))
	c := services.NewContractsClient(conn)
	head, tail, err := c.Split(t.Context(), "abc")
	require.NoError(t, err)
	require.Equal(t, "a", head)
	require.Equal(t, []byte("bc"), tail)
	require.NoError(t, c.Note(t.Context(), "x"))
	require.Equal(t, rpc.InvalidArgument, rpc.CodeOf(c.Note(t.Context(), "")))
	_, _, err = c.Split(t.Context(), "")
	require.Equal(t, rpc.Internal, rpc.CodeOf(err)) // the handler panics
}
