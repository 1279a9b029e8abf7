package transport

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

// Attack 20, on the whole process: however many peers acknowledge and never read, what may wait to be sent is never all theirs.
// Others get short answers as if nothing were, and long ones too, once those have stalled for the death timeout. Theirs end with an error that says so.
func TestAttack20NobodyReads(t *testing.T) {
	for name, peers := range map[string]int{"32": 32, "320": 320} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			const limit = 8 << 20
			limited(t, listening[conn.Outgoing], limit)
			t.Cleanup(func() { checkBudgets(t) })
			answers, floods := protocol("Answers", 0), protocol("Floods", 0)
			var stuck, shed atomic.Int64
			var full atomic.Bool
			srv := serve(t, map[*session.Protocol]handler{
				answers: func(ctx context.Context, s session.Stream) {
					for {
						request, _, err := s.Recv(ctx)
						if err == nil {
							err = s.Send(ctx, make([]byte, int(request[0])<<10), false)
						}
						if err == io.EOF && s.CloseSend() == nil {
							_ = s.Close(ctx)
						}
						if err != nil {
							return
						}
					}
				},
				floods: func(ctx context.Context, s session.Stream) {
					stuck.Add(1)
					for {
						full.Store(full.Load() || listening[conn.Outgoing].used.Load() > limit*5/8)
						if err := s.Send(ctx, make([]byte, 32<<10), false); err != nil {
							var aborted *session.AbortError
							if errors.As(err, &aborted) && aborted.Code == AbortStalled && !aborted.Remote {
								shed.Add(1)
							}
							return
						}
					}
				},
			}, WithDeathTimeout(time.Second))
			var all sync.WaitGroup
			t.Cleanup(all.Wait)
			for range peers {
				c := dial(t, srv.addr, WithDeathTimeout(time.Minute))
				all.Go(func() { // a session that is ended is followed by another one
					for {
						s, err := c.OpenStream(context.Background(), floods, nil)
						if err != nil {
							return
						}
						_ = s.Send(context.Background(), []byte("go"), false)
						<-s.Context().Done()
					}
				})
			}
			require.Eventually(t, func() bool { return stuck.Load() >= int64(peers) && full.Load() }, time.Minute, time.Millisecond)

			ask := func(s session.Stream) error {
				for _, kib := range []byte{17, 255, 17} {
					if err := s.Send(bounded(t), []byte{kib}, false); err != nil {
						return err
					}
					answer, _, err := s.Recv(bounded(t))
					if err != nil {
						return err
					}
					require.Len(t, answer, int(kib)<<10)
					require.LessOrEqual(t, listening[conn.Outgoing].used.Load(), int64(limit))
				}
				return nil
			}
			// The first may find room: what was in use had been sent, and not been acknowledged yet.
			for ctx := bounded(t); shed.Load() == 0; require.NoError(t, ctx.Err(), "nobody is given up") {
				persist(t, srv.addr, answers, ask)
			}
			t.Logf("%d of %d were given up", shed.Load(), peers)
		})
	}
}

// Attack 20, the other way: however many sessions have a long message that nobody goes on with, others' long messages arrive.
func TestAttack20NobodyGoesOn(t *testing.T) {
	for name, peers := range map[string]int{"32": 32, "320": 320} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			const size = 128 << 10
			limit := int64(peers) * size / 2
			limited(t, listening[conn.Incoming], limit)
			t.Cleanup(func() { checkBudgets(t) })
			never := protocol("Never", 0)
			srv := serve(t, map[*session.Protocol]handler{echoes: serveEcho, never: func(ctx context.Context, s session.Stream) { <-ctx.Done() }},
				WithDeathTimeout(time.Second))
			require.NoError(t, parallel(peers, func(int) error {
				s, err := dial(t, srv.addr, WithDeathTimeout(time.Minute)).OpenStream(bounded(t), never, nil)
				if err == nil {
					_ = s.Send(bounded(t), make([]byte, size), false)
				}
				return err
			}))
			require.Eventually(t, func() bool { return listening[conn.Incoming].used.Load() > limit*5/8 }, time.Minute, time.Millisecond)
			persist(t, srv.addr, echoes, func(s session.Stream) error {
				for range 3 {
					if err := exchange(bounded(t), s, make([]byte, size)); err != nil {
						return err
					}
					require.LessOrEqual(t, listening[conn.Incoming].used.Load(), limit)
				}
				return nil
			})
		})
	}
}

// persist has a session do something, and another one on a new connection if it fails: on a busy machine an honest session may stall for as long as
// these tests let one.
func persist(t *testing.T, addr string, p *session.Protocol, do func(session.Stream) error) {
	ctx := bounded(t)
	for {
		c, err := Dial(ctx, addr, WithPlaintext(), WithDeathTimeout(time.Minute))
		require.NoError(t, err)
		s, err := c.OpenStream(ctx, p, nil)
		if err == nil {
			err = do(s)
		}
		if err == nil {
			err = finish(ctx, s)
		}
		c.Abort(nil)
		_ = c.Close(context.Background())
		if err == nil {
			return
		}
		require.NoError(t, ctx.Err(), "%v", err)
		t.Log(err)
	}
}
