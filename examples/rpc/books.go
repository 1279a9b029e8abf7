package main

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/sessgen/sessgen/examples/rpc/ledger"
	"github.com/sessgen/sessgen/runtime/rpc"
)

// slow is an account that takes as long as one lets it.
const slow = "slow"

// books serve the ledger from memory.
type books struct {
	mu    sync.Mutex
	lines map[string][]ledger.Line
	moves uint64
}

var _ ledger.LedgerServer = (*books)(nil)

func newBooks() *books { return &books{lines: make(map[string][]ledger.Line)} }

// balance is what an account holds. b.mu is held.
func (b *books) balance(account string) (cents int64) {
	for _, line := range b.lines[account] {
		cents += line.Cents
	}
	return cents
}

// Get implements ledger.LedgerServer.
func (b *books) Get(ctx context.Context, account string) (cents int64, err error) {
	if account == slow {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines[account] == nil {
		return 0, rpc.Errorf(rpc.NotFound, "no account %q", account)
	}
	return b.balance(account), nil
}

// Move implements ledger.LedgerServer. That the accounts differ and cents is positive, it need not check.
func (b *books) Move(_ context.Context, from, to string, cents int64) (id uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if has := b.balance(from); has < cents {
		return 0, rpc.Errorf(rpc.FailedPrecondition, "%s has %d", from, has)
	}
	b.lines[from] = append(b.lines[from], ledger.Line{Text: "to " + to, Cents: -cents})
	b.lines[to] = append(b.lines[to], ledger.Line{Text: "from " + from, Cents: cents})
	b.moves++
	return b.moves, nil
}

// History implements ledger.LedgerServer.
func (b *books) History(_ context.Context, account string, send func(line ledger.Line) error) error {
	b.mu.Lock()
	lines := slices.Clone(b.lines[account])
	b.mu.Unlock()
	for _, line := range lines {
		if err := send(line); err != nil {
			return err // the caller has gone
		}
	}
	return nil
}

// Import implements ledger.LedgerServer. A line's text is its account.
func (b *books) Import(_ context.Context, items iter.Seq2[ledger.Line, error]) (count int, err error) {
	var lines []ledger.Line
	for line, err := range items {
		if err != nil {
			return 0, err
		}
		lines = append(lines, line)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range lines {
		b.lines[line.Text] = append(b.lines[line.Text], ledger.Line{Text: "import", Cents: line.Cents})
	}
	return len(lines), nil
}

// Audit implements ledger.LedgerServer.
func (b *books) Audit(_ context.Context, items iter.Seq2[ledger.Line, error], send func(total int64) error) error {
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
