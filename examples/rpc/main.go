// Command rpc runs the service of ledger/ledger.sess over UDP.
//
//	rpc serve [ADDRESS]   keep the ledger, until interrupted
//	rpc call ADDRESS      use it
//	rpc demo              both, in one process
//
// demo encrypts, under certificates that it makes for itself. serve and call are two processes, which would need
// certificates of yours: they speak in the clear.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/sessgen/sessgen/examples/rpc/books"
	"github.com/sessgen/sessgen/examples/rpc/ledger"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/rpc/health"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

const usage = `usage:
  rpc serve [ADDRESS]
  rpc call ADDRESS
  rpc demo
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rpc:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve(ctx, out, "127.0.0.1:7009")
	case len(args) == 2 && args[0] == "serve":
		return serve(ctx, out, args[1])
	case len(args) == 2 && args[0] == "call":
		return call(ctx, out, args[1], transport.WithPlaintext())
	case len(args) == 1 && args[0] == "demo":
		return demo(ctx, out)
	}
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
	return nil
}

// serve listens on address and prints where, then keeps the ledger until ctx ends. Calls in progress may finish.
func serve(ctx context.Context, out io.Writer, address string) error {
	ln, err := transport.Listen(address, transport.WithPlaintext())
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "serving on", ln.Addr())
	return attend(ctx, ln)
}

// attend serves the ledger, and its health, until ctx ends.
func attend(ctx context.Context, ln *transport.Listener) error {
	srv := transport.NewServer()
	ledger.RegisterLedger(srv, books.New(), rpc.WithInterceptors(rpc.Log(nil), rpc.Limit(1000)))
	state := health.NewServer()
	state.Set("ledger.Ledger", health.StatusServing)
	health.RegisterHealth(srv, state)

	served := make(chan error, 1)
	go func() { served <- srv.Serve(context.WithoutCancel(ctx), ln) }()
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(srv.Shutdown(last), <-served)
}

// call uses the ledger at address. The connection is dialed when it is needed, and again when it is lost.
func call(ctx context.Context, out io.Writer, address string, mode transport.Option) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn := rpc.Redial(func(ctx context.Context) (session.Conn, error) { return transport.Dial(ctx, address, mode) })
	if err := conn.WaitReady(ctx); err != nil {
		return err
	}
	status, err := health.NewHealthClient(conn).Check(ctx, "ledger.Ledger")
	if err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	fmt.Fprintln(out, "health of ledger.Ledger:", status)
	c := ledger.NewLedgerClient(conn, rpc.WithInterceptors(rpc.Retry(rpc.RetryPolicy{})))
	return errors.Join(use(ctx, out, c), conn.Close(ctx))
}

// use makes one call of each kind.
func use(ctx context.Context, out io.Writer, c *ledger.LedgerClient) error {
	// A request stream, and one reply.
	count, err := c.Import(ctx, func(send func(ledger.Line) error) error {
		for _, cents := range []int64{500, 250, -50} {
			if err := send(ledger.Line{Text: "ada", Cents: cents}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "import: %d lines\n", count)

	id, err := c.Move(ctx, "ada", "bob", 300)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "move 300 from ada to bob: transfer %d\n", id)

	// The contract of Move is from != to && cents > 0. It is checked before anything is sent.
	var contract *session.ContractError
	if _, err := c.Move(ctx, "ada", "ada", 1); !errors.As(err, &contract) {
		return fmt.Errorf("a move from ada to ada was not refused: %w", err)
	}
	fmt.Fprintf(out, "move from ada to ada: refused before it was sent: %v\n", contract.Where)

	// An error that the handler returns with a code reaches its caller.
	var failed *rpc.Error
	if _, err := c.Move(ctx, "bob", "ada", 1000); !errors.As(err, &failed) {
		return fmt.Errorf("a move of more than there is was not refused: %w", err)
	}
	fmt.Fprintf(out, "move 1000 from bob to ada: %v\n", failed)

	for _, account := range []string{"ada", "bob"} {
		cents, err := c.Get(ctx, account)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s has %d\n", account, cents)
	}

	// A reply stream. Leaving the loop early ends the handler's context.
	for line, err := range c.History(ctx, "ada") {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %-12s %5d\n", line.Text, line.Cents)
		if line.Cents < 0 {
			break
		}
	}

	// Both: the replies follow the last request.
	for total, err := range c.Audit(ctx, func(send func(ledger.Line) error) error {
		return errors.Join(send(ledger.Line{Cents: 1}), send(ledger.Line{Cents: 2}), send(ledger.Line{Cents: 3}))
	}) {
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "audit:", total)
	}

	// Deadlines are sent along: the handler's context ends when the caller's does.
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = c.Get(short, books.Slow)
	fmt.Fprintf(out, "get of a slow account within 20ms: %v\n", rpc.CodeOf(err))
	canceled, stop := context.WithCancel(ctx)
	time.AfterFunc(20*time.Millisecond, stop)
	_, err = c.Get(canceled, books.Slow)
	fmt.Fprintf(out, "get of it, and a change of mind: %v\n", rpc.CodeOf(err))
	return nil
}

// demo serves the ledger, and uses it in the same process.
func demo(ctx context.Context, out io.Writer) error {
	serverTLS, clientTLS, err := transport.DevTLS()
	if err != nil {
		return err
	}
	ln, err := transport.Listen("127.0.0.1:0", transport.WithTLS(serverTLS))
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	attended := make(chan error, 1)
	go func() { attended <- attend(serving, ln) }()
	err = call(ctx, out, ln.Addr().String(), transport.WithTLS(clientTLS))
	stop()
	return errors.Join(err, <-attended)
}
