// Package peer has the other end for the programs of the misuse corpus: it runs the role that
// it is given with an honest body in the other role.
package peer

import (
	"context"
	"time"

	"github.com/sessgen/sessgen/examples/bank/bank"
	"github.com/sessgen/sessgen/examples/echo/echo"
	"github.com/sessgen/sessgen/examples/protocols/tftp"
	"github.com/sessgen/sessgen/examples/protocols/twobuyer"
	"github.com/sessgen/sessgen/runtime/session"
)

// Customer runs a client of the bank with Tell.
func Customer(ctx context.Context, body func(context.Context, bank.BankClientStart) (bank.BankClientEnd, error)) error {
	conn, srv := session.Pipe()
	bank.RegisterBankTeller(srv, Tell)
	return bank.RunBankClient(ctx, conn, body)
}

// Teller runs a teller of the bank with a customer who deposits 100, asks for 30, and goes.
func Teller(ctx context.Context, body func(context.Context, bank.BankTellerStart) (bank.BankTellerEnd, error)) error {
	conn, srv := session.Pipe()
	bank.RegisterBankTeller(srv, body)
	return bank.RunBankClient(ctx, conn, func(ctx context.Context, start bank.BankClientStart) (end bank.BankClientEnd, err error) {
		account, err := start.SendOpen(ctx, "ada")
		if err != nil {
			return end, err
		}
		account, err = account.SendDeposit(ctx, 100)
		if err != nil {
			return end, err
		}
		asked, err := account.SendWithdraw(ctx, 30)
		if err != nil {
			return end, err
		}
		account, err = Paid(ctx, asked)
		if err != nil {
			return end, err
		}
		return Leave(ctx, account)
	})
}

// Poor deposits 1 and wants it back, with paid to take the answer, and leaves.
func Poor(
	ctx context.Context, start bank.BankClientStart,
	paid func(context.Context, bank.BankClientAfterWithdraw) (bank.BankClientAccount, error),
) (end bank.BankClientEnd, err error) {
	account, err := start.SendOpen(ctx, "ada")
	if err != nil {
		return end, err
	}
	if account, err = account.SendDeposit(ctx, 1); err != nil {
		return end, err
	}
	asked, err := account.SendWithdraw(ctx, 1)
	if err != nil {
		return end, err
	}
	if account, err = paid(ctx, asked); err != nil {
		return end, err
	}
	return Leave(ctx, account)
}

// Paid takes the cash, or the refusal.
func Paid(ctx context.Context, asked bank.BankClientAfterWithdraw) (bank.BankClientAccount, error) {
	return bank.MatchBankClientAfterWithdraw(ctx, asked,
		func(cash bank.BankClientAfterWithdrawCash) (bank.BankClientAccount, error) { return cash.Next, nil },
		func(refuse bank.BankClientAfterWithdrawRefuse) (bank.BankClientAccount, error) {
			return refuse.Next, nil
		},
	)
}

// Leave quits, and takes the receipt.
func Leave(ctx context.Context, account bank.BankClientAccount) (end bank.BankClientEnd, err error) {
	quit, err := account.SendQuit(ctx)
	if err != nil {
		return end, err
	}
	_, end, err = quit.RecvBye(ctx)
	return end, err
}

// Tell pays what is asked for.
func Tell(ctx context.Context, start bank.BankTellerStart) (end bank.BankTellerEnd, err error) {
	_, account, err := start.RecvOpen(ctx)
	if err != nil {
		return end, err
	}
	return Serve(ctx, account)
}

// Serve is Tell from an open account on.
func Serve(ctx context.Context, account bank.BankTellerAccount) (end bank.BankTellerEnd, err error) {
	for {
		branch, err := account.Recv(ctx)
		switch b := branch.(type) {
		case bank.BankTellerAccountDeposit:
			account = b.Next
		case bank.BankTellerAccountWithdraw:
			if account, err = b.Next.SendCash(ctx, b.Amount); err != nil {
				return end, err
			}
		case bank.BankTellerAccountQuit:
			return b.Next.SendBye(ctx, bank.Receipt{ID: 1})
		default:
			return end, err
		}
	}
}

// Caller runs a client of echo with Count.
func Caller(ctx context.Context, body func(context.Context, echo.EchoClientStart) (echo.EchoClientEnd, error)) error {
	conn, srv := session.Pipe()
	echo.RegisterEchoServer(srv, Count)
	return echo.RunEchoClient(ctx, conn, body)
}

// Counter runs a server of echo with a client who says two words.
func Counter(ctx context.Context, body func(context.Context, echo.EchoServerStart) (echo.EchoServerEnd, error)) error {
	conn, srv := session.Pipe()
	echo.RegisterEchoServer(srv, body)
	return echo.RunEchoClient(ctx, conn, func(ctx context.Context, ready echo.EchoClientStart) (end echo.EchoClientEnd, err error) {
		for _, word := range []string{"carpe", "diem"} {
			said, err := ready.SendSay(ctx, word)
			if err != nil {
				return end, err
			}
			if _, ready, err = said.RecvLength(ctx); err != nil {
				return end, err
			}
		}
		return ready.SendBye(ctx)
	})
}

// Count answers with lengths.
func Count(ctx context.Context, ready echo.EchoServerStart) (end echo.EchoServerEnd, err error) {
	for {
		branch, err := ready.Recv(ctx)
		switch b := branch.(type) {
		case echo.EchoServerReadySay:
			if ready, err = b.Next.SendLength(ctx, len(b.Text)); err != nil {
				return end, err
			}
		case echo.EchoServerReadyBye:
			return b.Next, nil
		default:
			return end, err
		}
	}
}

// Buyer runs a buyer with a seller who has one book, for 5.
func Buyer(ctx context.Context, body func(context.Context, twobuyer.PurchaseBuyerStart) (twobuyer.PurchaseBuyerEnd, error)) error {
	conn, srv := session.Pipe()
	twobuyer.RegisterPurchaseSeller(srv, func(ctx context.Context, start twobuyer.PurchaseSellerStart) (end twobuyer.PurchaseSellerEnd, err error) {
		title, asked, err := start.RecvAsk(ctx)
		if err != nil {
			return end, err
		}
		if title != "Dune" {
			return asked.SendSoldOut(ctx)
		}
		offered, err := asked.SendOffer(ctx, twobuyer.Quote{Title: title, Cents: 500})
		if err != nil {
			return end, err
		}
		branch, err := offered.Recv(ctx)
		switch b := branch.(type) {
		case twobuyer.PurchaseSellerAfterOfferBuy:
			return b.Next.SendDelivery(ctx, time.Unix(1_700_000_000, 0))
		case twobuyer.PurchaseSellerAfterOfferLeave:
			return b.Next, nil
		}
		return end, err
	})
	return twobuyer.RunPurchaseBuyer(ctx, conn, body)
}

// Fetcher runs a client of TFTP with a server that has one file, of 600 bytes.
func Fetcher(ctx context.Context, body func(context.Context, tftp.TransferClientStart) (tftp.TransferClientEnd, error)) error {
	conn, srv := session.Pipe()
	tftp.RegisterTransferServer(srv, func(ctx context.Context, start tftp.TransferServerStart) (end tftp.TransferServerEnd, err error) {
		branch, err := start.Recv(ctx)
		asked, reads := branch.(tftp.TransferServerStartReadRequest)
		if !reads {
			return end, err
		}
		read, rest := asked.Next, make([]byte, 600)
		for {
			n := min(len(rest), tftp.Block)
			sent, err := read.SendData(ctx, read.Block(), rest[:n])
			if err != nil {
				return end, err
			}
			rest = rest[n:]
			answer, err := sent.Recv(ctx)
			ack, acked := answer.(tftp.TransferServerAfterDataAck)
			if !acked {
				return end, err
			}
			more, done, ok := ack.Next.Branch()
			if !ok {
				return done, nil
			}
			read = more
		}
	})
	return tftp.RunTransferClient(ctx, conn, body)
}
