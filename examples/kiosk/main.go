// Command kiosk runs the protocol of kiosk/kiosk.sess over UDP.
//
//	kiosk serve [ADDRESS]         keep a clerk, until interrupted
//	kiosk call ADDRESS ITEM ...   be a customer
//	kiosk demo                    both, in one process
//
// It speaks in the clear, for a laptop.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/sessgen/sessgen/examples/kiosk/kiosk"
	"github.com/sessgen/sessgen/examples/kiosk/roles"
	"github.com/sessgen/sessgen/runtime/transport"
)

const usage = `usage:
  kiosk serve [ADDRESS]
  kiosk call ADDRESS ITEM ...
  kiosk demo
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Stdout, os.Args[1:])
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "kiosk:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("wrong arguments")

func run(ctx context.Context, out io.Writer, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve(ctx, out, "127.0.0.1:7010")
	case len(args) == 2 && args[0] == "serve":
		return serve(ctx, out, args[1])
	case len(args) >= 3 && args[0] == "call":
		var items []int
		for _, text := range args[2:] {
			item, err := strconv.Atoi(text)
			if err != nil || item < 0 {
				return errUsage
			}
			items = append(items, item)
		}
		return call(ctx, out, args[1], items...)
	case len(args) == 1 && args[0] == "demo":
		return demo(ctx, out)
	}
	return errUsage
}

// serve listens on address and prints where, then keeps a clerk until ctx ends.
func serve(ctx context.Context, out io.Writer, address string) error {
	ln, err := transport.Listen(address, transport.WithPlaintext())
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "serving on", ln.Addr())
	return attend(ctx, ln)
}

// attend runs the role Clerk for every session that comes, until ctx ends.
func attend(ctx context.Context, ln *transport.Listener) error {
	srv := transport.NewServer()
	kiosk.RegisterKioskClerk(srv, roles.Clerk)
	if err := srv.Serve(ctx, ln); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// call runs the role Customer at the kiosk at address.
func call(ctx context.Context, out io.Writer, address string, items ...int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := transport.Dial(ctx, address, transport.WithPlaintext())
	if err != nil {
		return err
	}
	if err := kiosk.RunKioskCustomer(ctx, conn, roles.Customer(out, items...)); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	return conn.Close(ctx)
}

// demo runs clerk and customer in one process, over a socket all the same.
func demo(ctx context.Context, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ln, err := transport.Listen("127.0.0.1:0", transport.WithPlaintext())
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- attend(ctx, ln) }()
	called := call(ctx, out, ln.Addr().String(), 0, 2, 1, 0)
	stop()
	return errors.Join(called, <-served)
}
