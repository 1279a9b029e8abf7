package rpc

import (
	"context"
	"time"
)

// Deadline gives no call more than limit, whatever its caller says.
func Deadline(limit time.Duration) Interceptor {
	return func(ctx context.Context, _ *Call, next Next) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return next(ctx)
	}
}

// Limit lets at most n calls be under way at once, over all methods that it stands around. One more fails with
// ResourceExhausted, at once.
func Limit(n int) Interceptor {
	places := make(chan struct{}, n)
	return func(ctx context.Context, _ *Call, next Next) error {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			return next(ctx)
		default:
			return Errorf(ResourceExhausted, "%d calls are under way, and that is the limit", n)
		}
	}
}

// Recover makes an error of a panic, by toError, before the outer interceptors see it. Without it a handler's panic is
// logged, and Internal.
func Recover(toError func(ctx context.Context, call *Call, panicked any) error) Interceptor {
	return func(ctx context.Context, call *Call, next Next) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = toError(ctx, call, r)
			}
		}()
		return next(ctx)
	}
}
