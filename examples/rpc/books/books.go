// Package books keeps a ledger in memory.
package books

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/sessgen/sessgen/examples/rpc/ledger"
	"github.com/sessgen/sessgen/runtime/rpc"
)

// Slow is an account whose balance takes as long as its caller waits.
const Slow = "slow"

// Books serve the ledger.
type Books struct {
	mu    sync.Mutex
	lines map[string][]ledger.Line
	moves uint64
}

var _ ledger.LedgerServer = (*Books)(nil)

// New returns books without a line.
func New() *Books { return &Books{lines: make(map[string][]ledger.Line)} }

// balance is what an account holds. b.mu is held.
func (b *Books) balance(account string) (cents int64) {
	for _, line := range b.lines[account] {
		cents += line.Cents
	}
	return cents
}

// Get implements ledger.LedgerServer.
func (b *Books) Get(ctx context.Context, account string) (cents int64, err error) {
	if account == Slow {
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

// Move implements ledger.LedgerServer. It need not check that the accounts differ and cents is positive.
func (b *Books) Move(_ context.Context, from, to string, cents int64) (id uint64, err error) {
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
func (b *Books) History(_ context.Context, account string, send func(line ledger.Line) error) error {
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
func (b *Books) Import(_ context.Context, items iter.Seq2[ledger.Line, error]) (count int, err error) {
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
func (b *Books) Audit(_ context.Context, items iter.Seq2[ledger.Line, error], send func(total int64) error) error {
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
