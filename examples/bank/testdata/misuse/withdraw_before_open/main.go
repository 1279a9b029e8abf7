// This program withdraws before it has opened the account. It must not compile.
package main

import (
	"context"

	"github.com/sessgen/sessgen/examples/bank/bank"
)

func customer(ctx context.Context, start bank.BankClientStart) (bank.BankClientEnd, error) {
	asked, err := start.SendWithdraw(ctx, 30)
	if err != nil {
		return bank.BankClientEnd{}, err
	}
	asked.Abort(nil)
	return bank.BankClientEnd{}, nil
}

func main() { _ = bank.RunBankClient(context.Background(), nil, customer) }
