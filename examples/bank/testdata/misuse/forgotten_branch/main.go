// This program forgets that the teller may refuse. It must not compile.
package main

import (
	"context"

	"github.com/sessgen/sessgen/examples/bank/bank"
)

func paid(ctx context.Context, asked bank.BankClientAfterWithdraw) (bank.BankClientAccount, error) {
	return bank.MatchBankClientAfterWithdraw(ctx, asked,
		func(cash bank.BankClientAfterWithdrawCash) (bank.BankClientAccount, error) {
			return cash.Next, nil
		},
	)
}

func main() { _, _ = paid(context.Background(), bank.BankClientAfterWithdraw{}) }
