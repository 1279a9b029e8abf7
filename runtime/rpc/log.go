package rpc

import (
	"context"
	"log/slog"
	"time"
)

// Log logs each call to logger when it is over: at Warn if the server or the connection is to blame, at Info
// for other failures, and at Debug for the rest. Requests, replies and metadata are not logged. A nil logger
// means slog.Default.
func Log(logger *slog.Logger) Interceptor {
	return func(ctx context.Context, call *Call, next Next) error {
		l := logger
		if l == nil {
			l = slog.Default()
		}
		begun := time.Now()
		err := next(ctx)
		level := slog.LevelInfo
		switch CodeOf(err) {
		case OK:
			level = slog.LevelDebug
		case Unknown, Internal, DataLoss, Unavailable:
			level = slog.LevelWarn
		}
		if !l.Enabled(ctx, level) {
			return err
		}
		side := "server"
		if call.Client() {
			side = "client"
		}
		attrs := []slog.Attr{
			slog.String("method", call.Method().String()), slog.String("side", side),
			slog.String("code", CodeOf(err).String()), slog.Duration("took", time.Since(begun)),
		}
		if err != nil {
			attrs = append(attrs, slog.Any("err", err))
		}
		if call.Client() && call.Attempts() > 1 {
			attrs = append(attrs, slog.Int("attempts", call.Attempts()))
		}
		l.LogAttrs(ctx, level, "rpc", attrs...)
		return err
	}
}
