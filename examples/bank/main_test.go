package main

import (
	"bytes"
	"context"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/bank/bank"
	"github.com/sessgen/sessgen/runtime/simnet"
)

func TestDemo(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), &out, []string{"demo"}))
	require.Equal(t, `deposit 100: balance 100
withdraw 500: refused before it was sent: session: bank.Bank Client must not send Withdraw (bank.sess:21:13): false predicate: 0 < amount && amount <= balance with balance = 100, amount = 500
withdraw 30: cash 30, balance 70
withdraw 40: the teller refuses (Frozen), balance 70
receipt 1
  deposit     100
  withdrawal  -30
`, out.String())
}

// The teller against the customer of the demo, on bad networks; between them they
// take every transition of the protocol.
func TestVisit(t *testing.T) {
	simnet.Cover(t, &bank.BankProtocol)
	customer := func(ctx context.Context, start bank.BankClientStart) (bank.BankClientEnd, error) {
		return visit(ctx, t.Output(), start)
	}
	simnet.TestSeeds(t, 50, simnet.Swarm, simnet.Roles(bank.RunBankClient, customer, bank.RegisterBankTeller, teller))
}

// The two misuses of the demo do not compile, and the compiler says why.
func TestMisuse(t *testing.T) {
	for program, words := range map[string]string{
		"withdraw_before_open": "start.SendWithdraw undefined (type bank.BankClientStart has no field or method SendWithdraw)",
		"forgotten_branch":     "not enough arguments in call to bank.MatchBankClientAfterWithdraw",
	} {
		t.Run(program, func(t *testing.T) {
			out, err := exec.Command("go", "build", "-o", t.TempDir(), "./testdata/misuse/"+program).CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), words)
		})
	}
}
