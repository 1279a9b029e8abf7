// Command bank runs the protocol of bank/bank.sess over UDP.
//
//	bank serve [ADDRESS]   keep a teller, until interrupted
//	bank call ADDRESS      be a customer
//	bank demo              both, in one process
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

	"github.com/sessgen/sessgen/examples/bank/bank"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

const usage = `usage:
  bank serve [ADDRESS]
  bank call ADDRESS
  bank demo
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bank:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve(ctx, out, "127.0.0.1:7008")
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

// serve listens on address and prints where, then keeps a teller until ctx ends.
func serve(ctx context.Context, out io.Writer, address string) error {
	ln, err := transport.Listen(address, transport.WithPlaintext())
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "serving on", ln.Addr())
	return attend(ctx, ln)
}

// attend runs the role Teller for every session that comes, until ctx ends.
func attend(ctx context.Context, ln *transport.Listener) error {
	srv := transport.NewServer()
	bank.RegisterBankTeller(srv, teller)
	if err := srv.Serve(ctx, ln); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// call runs the role Client with the teller at address.
func call(ctx context.Context, out io.Writer, address string, mode transport.Option) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := transport.Dial(ctx, address, mode)
	if err != nil {
		return err
	}
	customer := func(ctx context.Context, start bank.BankClientStart) (bank.BankClientEnd, error) {
		return visit(ctx, out, start)
	}
	if err := bank.RunBankClient(ctx, conn, customer); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	return conn.Close(ctx)
}

// visit is the role Client: deposit 100, try to take 500, take 30, 40 more, and go.
func visit(ctx context.Context, out io.Writer, start bank.BankClientStart) (bank.BankClientEnd, error) {
	account, err := start.SendOpen(ctx, "ada")
	if err != nil {
		return bank.BankClientEnd{}, err
	}
	account, err = account.SendDeposit(ctx, 100)
	if err != nil {
		return bank.BankClientEnd{}, err
	}
	fmt.Fprintf(out, "deposit 100: balance %d\n", account.Balance())

	// The contract of Withdraw is amount <= balance. It is checked before anything
	// is sent, and the step is not consumed: the conversation goes on.
	var contract *session.ContractError
	if _, err := account.SendWithdraw(ctx, 500); !errors.As(err, &contract) {
		return bank.BankClientEnd{}, fmt.Errorf("withdraw 500 of %d was not refused: %w", account.Balance(), err)
	}
	fmt.Fprintf(out, "withdraw 500: refused before it was sent: %v\n", contract)

	for _, amount := range []int64{30, 40} {
		asked, err := account.SendWithdraw(ctx, amount)
		if err != nil {
			return bank.BankClientEnd{}, err
		}
		// Match has one function for each branch; leaving one out does not compile.
		account, err = bank.MatchBankClientAfterWithdraw(ctx, asked,
			func(cash bank.BankClientAfterWithdrawCash) (bank.BankClientAccount, error) {
				fmt.Fprintf(out, "withdraw %d: cash %d, balance %d\n", amount, cash.Paid, cash.Next.Balance())
				return cash.Next, nil
			},
			func(refuse bank.BankClientAfterWithdrawRefuse) (bank.BankClientAccount, error) {
				fmt.Fprintf(out, "withdraw %d: the teller refuses (%v), balance %d\n", amount, refuse.Why, refuse.Next.Balance())
				return refuse.Next, nil
			},
		)
		if err != nil {
			return bank.BankClientEnd{}, err
		}
	}

	quit, err := account.SendQuit(ctx)
	if err != nil {
		return bank.BankClientEnd{}, err
	}
	receipt, end, err := quit.RecvBye(ctx)
	if err != nil {
		return bank.BankClientEnd{}, err
	}
	fmt.Fprintf(out, "receipt %d\n", receipt.ID)
	for _, line := range receipt.Lines {
		fmt.Fprintf(out, "  %-10s %4d\n", line.Text, line.Cents)
	}
	return end, nil
}

// limit is what a teller pays out to one customer in one visit.
const limit = 50

// teller is the role Teller: it pays out up to limit, and writes a receipt.
func teller(ctx context.Context, start bank.BankTellerStart) (bank.BankTellerEnd, error) {
	_, account, err := start.RecvOpen(ctx)
	if err != nil {
		return bank.BankTellerEnd{}, err
	}
	receipt := bank.Receipt{ID: 1, At: time.Now().Unix()}
	var paid int64
	for {
		branch, err := account.Recv(ctx)
		if err != nil {
			return bank.BankTellerEnd{}, err
		}
		switch branch := branch.(type) {
		case bank.BankTellerAccountDeposit:
			receipt.Lines = append(receipt.Lines, bank.Line{Text: "deposit", Cents: branch.Amount})
			account = branch.Next
		case bank.BankTellerAccountWithdraw:
			if paid+branch.Amount > limit {
				account, err = branch.Next.SendRefuse(ctx, bank.ReasonFrozen)
			} else {
				paid += branch.Amount
				receipt.Lines = append(receipt.Lines, bank.Line{Text: "withdrawal", Cents: -branch.Amount})
				account, err = branch.Next.SendCash(ctx, branch.Amount)
			}
			if err != nil {
				return bank.BankTellerEnd{}, err
			}
		case bank.BankTellerAccountQuit:
			return branch.Next.SendBye(ctx, receipt)
		}
	}
}

// demo runs teller and customer in one process, over a socket all the same.
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
	go func() { served <- attend(ctx, ln) }()
	called := call(ctx, out, ln.Addr().String(), transport.WithTLS(clientTLS))
	stop()
	return errors.Join(called, <-served)
}
