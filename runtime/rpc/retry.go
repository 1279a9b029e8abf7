package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// RetryPolicy says how calls are repeated. A field that is not positive has its default, given with each field.
type RetryPolicy struct {
	// Attempts is how often a call is made at most, including the first time. Default: 4.
	Attempts int
	// Backoff is the longest wait before the second attempt; it doubles with each further attempt, up to
	// BackoffMax. The actual wait is drawn at random between zero and that. Defaults: 50 ms, 2 s.
	Backoff, BackoffMax time.Duration
	// Budget is how many repeats each successful call pays for, so that a server in trouble is not given more
	// work than it had. Default: 0.1, with ten repeats at the start.
	Budget float64
}

// Retry repeats calls that failed because the connection or the server was unavailable, provided that no
// handler has seen them or that they are idempotent: see Call.Repeatable. A call refused by a server that is
// shutting down is repeated at once and does not count against the budget. Retry is for a client's
// interceptors.
func Retry(policy RetryPolicy) Interceptor {
	if policy.Attempts <= 0 {
		policy.Attempts = 4
	}
	if policy.Backoff <= 0 {
		policy.Backoff = 50 * time.Millisecond
	}
	if policy.BackoffMax <= 0 {
		policy.BackoffMax = 2 * time.Second
	}
	if policy.Budget <= 0 {
		policy.Budget = 0.1
	}
	budget := &retryBudget{per: policy.Budget, left: retriesSaved}
	return func(ctx context.Context, call *Call, next Next) error {
		wait := policy.Backoff
		for attempt := 1; ; attempt++ {
			err := next(ctx)
			if err == nil {
				budget.earn()
				return nil
			}
			if attempt >= policy.Attempts || !call.Repeatable(err) {
				return err
			}
			if errors.Is(err, session.ErrRefused) {
				continue // there will be another connection, or an error that says why not
			}
			if !budget.spend() {
				return err
			}
			if !sleep(ctx, rand.N(wait)) {
				return err
			}
			wait = min(2*wait, policy.BackoffMax)
		}
	}
}

// retriesSaved bounds how many retries may be saved up.
const retriesSaved = 10

// retryBudget is what successful calls earn for retries.
type retryBudget struct {
	per float64

	mu   sync.Mutex
	left float64
}

func (b *retryBudget) earn() {
	b.mu.Lock()
	b.left = min(b.left+b.per, retriesSaved)
	b.mu.Unlock()
}

func (b *retryBudget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// sleep waits for d. It returns false if ctx ends first, and immediately if that is known in advance.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, limited := ctx.Deadline(); limited && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
