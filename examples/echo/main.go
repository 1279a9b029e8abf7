// Command echo runs the protocol of echo/echo.sess over UDP.
//
//	echo serve [ADDRESS]           answer every string with its length, until interrupted
//	echo call ADDRESS [WORD ...]   send words, print the answers
//	echo demo                      both, in one process
//
// demo encrypts, under certificates that it makes for itself. serve and call are two processes, which would need
// certificates of yours: they speak in the clear. The transport still has its handshake, retransmission and
// integrity checks then, but anyone on the path can read along.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/sessgen/sessgen/examples/echo/echo"
	"github.com/sessgen/sessgen/runtime/transport"
)

const usage = `usage:
  echo serve [ADDRESS]
  echo call ADDRESS [WORD ...]
  echo demo
`

var words = []string{"carpe", "diem"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve(ctx, out, "127.0.0.1:7007")
	case len(args) == 2 && args[0] == "serve":
		return serve(ctx, out, args[1])
	case len(args) == 2 && args[0] == "call":
		return call(ctx, out, args[1], transport.WithPlaintext(), words)
	case len(args) > 2 && args[0] == "call":
		return call(ctx, out, args[1], transport.WithPlaintext(), args[2:])
	case len(args) == 1 && args[0] == "demo":
		return demo(ctx, out)
	}
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
	return nil
}

// serve listens on address and prints where, then answers until ctx ends.
func serve(ctx context.Context, out io.Writer, address string) error {
	ln, err := transport.Listen(address, transport.WithPlaintext())
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "serving on", ln.Addr())
	return answer(ctx, ln)
}

// answer runs the role Server for every session that comes, until ctx ends.
func answer(ctx context.Context, ln *transport.Listener) error {
	srv := transport.NewServer()
	echo.RegisterEchoServer(srv, server)
	if err := srv.Serve(ctx, ln); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// call opens a session with the server at address and asks for the length of each word.
func call(ctx context.Context, out io.Writer, address string, mode transport.Option, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := transport.Dial(ctx, address, mode)
	if err != nil {
		return err
	}
	client := func(ctx context.Context, ready echo.EchoClientStart) (echo.EchoClientEnd, error) {
		for _, word := range words {
			said, err := ready.SendSay(ctx, word)
			if err != nil {
				return echo.EchoClientEnd{}, err
			}
			n, next, err := said.RecvLength(ctx)
			if err != nil {
				return echo.EchoClientEnd{}, err
			}
			fmt.Fprintf(out, "%s → %d\n", word, n)
			ready = next
		}
		return ready.SendBye(ctx)
	}
	if err := echo.RunEchoClient(ctx, conn, client); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	return conn.Close(ctx)
}

// server is the role Server: it answers each Say with its length, until Bye.
func server(ctx context.Context, ready echo.EchoServerStart) (echo.EchoServerEnd, error) {
	for {
		branch, err := ready.Recv(ctx)
		if err != nil {
			return echo.EchoServerEnd{}, err
		}
		switch branch := branch.(type) {
		case echo.EchoServerReadySay:
			ready, err = branch.Next.SendLength(ctx, len(branch.Text))
			if err != nil {
				return echo.EchoServerEnd{}, err
			}
		case echo.EchoServerReadyBye:
			return branch.Next, nil
		}
	}
}

// demo runs server and client in one process, over a socket all the same.
func demo(ctx context.Context, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	serverTLS, clientTLS, err := transport.DevTLS()
	if err != nil {
		return err
	}
	ln, err := transport.Listen("127.0.0.1:0", transport.WithTLS(serverTLS))
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- answer(ctx, ln) }()
	called := call(ctx, out, ln.Addr().String(), transport.WithTLS(clientTLS), words)
	stop()
	return errors.Join(called, <-served)
}
