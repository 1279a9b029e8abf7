package ledger_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/rpc/ledger"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

// server answers in a way that shows what came.
type server struct{}

func (server) Get(_ context.Context, account string) (int64, error) {
	switch account {
	case "nobody":
		return 0, rpc.Errorf(rpc.NotFound, "no account %q", account).With("type.example/account", []byte(account))
	case "secret":
		return 0, errors.New("the password is swordfish")
	case "panic":
		panic("so be it")
	}
	return int64(len(account)), nil
}

func (server) Move(_ context.Context, from, to string, cents int64) (uint64, error) {
	return uint64(cents % 1000), nil // no transfer has the number 0
}

func (server) History(_ context.Context, account string, send func(ledger.Line) error) error {
	for i := range len(account) {
		if err := send(ledger.Line{Text: account[i:], Cents: int64(i)}); err != nil {
			return err
		}
	}
	return nil
}

func (server) Import(_ context.Context, items iter.Seq2[ledger.Line, error]) (count int, err error) {
	for line, err := range items {
		if err != nil {
			return 0, err
		}
		if line.Text == "stop" {
			return 0, rpc.Errorf(rpc.OutOfRange, "stopped")
		}
		count++
	}
	return count, nil
}

func (server) Audit(_ context.Context, items iter.Seq2[ledger.Line, error], send func(int64) error) error {
	var totals []int64
	var total int64
	for line, err := range items {
		if err != nil {
			return err
		}
		total += line.Cents
		totals = append(totals, total)
	}
	for _, t := range totals {
		if err := send(t); err != nil {
			return err
		}
	}
	return nil
}

// overEach runs the test on a pipe and on a real connection.
func overEach(t *testing.T, test func(t *testing.T, c *ledger.LedgerClient)) {
	t.Run("pipe", func(t *testing.T) {
		conn, srv := session.Pipe()
		ledger.RegisterLedger(srv, server{})
		test(t, ledger.NewLedgerClient(conn))
	})
	t.Run("udp", func(t *testing.T) {
		ln, err := transport.Listen("127.0.0.1:0", transport.WithPlaintext())
		require.NoError(t, err)
		srv := transport.NewServer()
		ledger.RegisterLedger(srv, server{})
		served := make(chan error, 1)
		go func() { served <- srv.Serve(context.Background(), ln) }()
		conn, err := transport.Dial(t.Context(), ln.Addr().String(), transport.WithPlaintext())
		require.NoError(t, err)
		test(t, ledger.NewLedgerClient(conn))
		require.NoError(t, conn.Close(t.Context()))
		require.NoError(t, srv.Shutdown(t.Context()))
		require.NoError(t, <-served)
	})
}

func TestCalls(t *testing.T) {
	overEach(t, func(t *testing.T, c *ledger.LedgerClient) {
		ctx := t.Context()
		cents, err := c.Get(ctx, "alice")
		require.NoError(t, err)
		require.EqualValues(t, 5, cents)

		_, err = c.Get(ctx, "nobody")
		var e *rpc.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, rpc.NotFound, e.Code)
		require.Equal(t, `no account "nobody"`, e.Message)
		require.Equal(t, []rpc.Detail{{TypeURL: "type.example/account", Value: []byte("nobody")}}, e.Details)
		require.Equal(t, rpc.ProcessedYes, e.Processed())

		// What a handler did not mean for the caller stays at the server.
		_, err = c.Get(ctx, "secret")
		require.Equal(t, rpc.Unknown, rpc.CodeOf(err))
		require.NotContains(t, err.Error(), "swordfish")
		_, err = c.Get(ctx, "panic")
		require.Equal(t, rpc.Internal, rpc.CodeOf(err))

		// The contract of the request.
		_, err = c.Move(ctx, "alice", "alice", 1)
		var contract *session.ContractError
		require.ErrorAs(t, err, &contract)
		require.Equal(t, rpc.InvalidArgument, rpc.CodeOf(err))
		id, err := c.Move(ctx, "alice", "bob", 7)
		require.NoError(t, err)
		require.EqualValues(t, 7, id)
		// That of the reply, which the handler breaks.
		_, err = c.Move(ctx, "alice", "bob", 1000)
		require.Equal(t, rpc.Internal, rpc.CodeOf(err))

		var texts []string
		for line, err := range c.History(ctx, "abc") {
			require.NoError(t, err)
			texts = append(texts, line.Text)
		}
		require.Equal(t, []string{"abc", "bc", "c"}, texts)
		for range c.History(ctx, "abcdefgh") {
			break
		}
		for _, err := range c.History(ctx, "") {
			require.ErrorAs(t, err, &contract)
		}

		count, err := c.Import(ctx, func(send func(ledger.Line) error) error {
			for _, text := range []string{"a", "b", "c"} {
				if err := send(ledger.Line{Text: text}); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 3, count)
		_, err = c.Import(ctx, func(send func(ledger.Line) error) error {
			for {
				if err := send(ledger.Line{Text: "stop"}); err != nil {
					return err
				}
			}
		})
		require.Equal(t, rpc.OutOfRange, rpc.CodeOf(err))

		var totals []int64
		for total, err := range c.Audit(ctx, func(send func(ledger.Line) error) error {
			for i := range 3 {
				if err := send(ledger.Line{Text: "x", Cents: int64(i + 1)}); err != nil {
					return err
				}
			}
			return nil
		}) {
			require.NoError(t, err)
			totals = append(totals, total)
		}
		require.Equal(t, []int64{1, 3, 6}, totals)
	})
}
