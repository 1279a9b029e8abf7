package rpc

import (
	"context"
	"time"
)

// Deadline allows no call more time than limit, whatever its caller allows.
func Deadline(limit time.Duration) Interceptor {
	return func(ctx context.Context, _ *Call, next Next) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return next(ctx)
	}
}

// Limit allows at most n calls at once, over all the methods it wraps. A call beyond that fails immediately
// with ResourceExhausted.
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

// Recover turns a panic into an error, made by toError, before the outer interceptors see it. Without it, a
// handler's panic is logged and becomes Internal.
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
