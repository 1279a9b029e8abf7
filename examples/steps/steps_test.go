package steps_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/steps"
	"github.com/sessgen/sessgen/runtime/session"
)

// An if is no step: Branch consumes nothing, gives one side and a zero state, and on a
// used or a zero state two of them. A step of what it returns consumes the state itself too.
func TestIf(t *testing.T) {
	conn, srv := session.Pipe()
	steps.RegisterCountdownAnswerer(srv, func(ctx context.Context, start steps.CountdownAnswererStart) (end steps.CountdownAnswererEnd, err error) {
		_, down, err := start.RecvFrom(ctx)
		for err == nil {
			tick, done, ok := down.Branch()
			if !ok {
				return done, nil
			}
			_, down, err = tick.RecvTick(ctx)
		}
		return end, err
	})
	require.NoError(t, steps.RunCountdownCaller(t.Context(), conn, func(ctx context.Context, start steps.CountdownCallerStart) (end steps.CountdownCallerEnd, err error) {
		down, err := start.SendFrom(ctx, 2)
		require.NoError(t, err)
		tick, done, ok := down.Branch()
		require.True(t, ok)
		require.EqualValues(t, 2, tick.Left())
		require.Equal(t, steps.CountdownCallerEnd{}, done)
		require.ErrorIs(t, done.Close(ctx), session.ErrNoSession)
		again, _, ok := down.Branch()
		require.True(t, ok, "nothing was used")
		require.Equal(t, tick, again)

		next, err := tick.SendTick(ctx, tick.Left())
		require.NoError(t, err)
		_, err = again.SendTick(ctx, again.Left())
		require.ErrorIs(t, err, session.ErrStateUsed)
		require.EqualError(t, err, "session: state already used: SendTick of CountdownCallerDownIfTrue")
		tick, done, ok = down.Branch()
		require.False(t, ok)
		require.Equal(t, steps.CountdownCallerDownIfTrue{}, tick)
		require.Equal(t, steps.CountdownCallerEnd{}, done)

		tick, _, ok = next.Branch()
		require.True(t, ok)
		last, err := tick.SendTick(ctx, tick.Left())
		require.NoError(t, err)
		tick, done, ok = last.Branch()
		require.False(t, ok)
		require.Equal(t, steps.CountdownCallerDownIfTrue{}, tick)
		return done, nil
	}))
	tick, done, ok := steps.CountdownCallerDown{}.Branch()
	require.False(t, ok)
	require.Equal(t, steps.CountdownCallerDownIfTrue{}, tick)
	require.Equal(t, steps.CountdownCallerEnd{}, done)
}

// A protocol that is done runs in place, under the names that as gives. What was
// given to Send may be reused, and what an accessor returns is the caller's.
func TestDoAndMutableVariables(t *testing.T) {
	conn, srv := session.Pipe()
	steps.RegisterVisitHouse(srv, func(ctx context.Context, start steps.VisitHouseStart) (end steps.VisitHouseEnd, err error) {
		gifts, waiting, err := start.RecvKnock(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{"wine", "bread"}, gifts)
		gifts[0] = ""
		welcomed, err := waiting.SendWelcome(ctx, "ann")
		require.NoError(t, err)
		greeted, err := welcomed.RecvThanks(ctx)
		require.NoError(t, err)
		inside, err := greeted.SendCome(ctx)
		require.NoError(t, err)
		inside.Gifts()[0] = ""
		require.Equal(t, []string{"wine", "bread"}, inside.Gifts())
		counted, err := inside.SendCount(ctx, 2)
		require.NoError(t, err)
		return counted.RecvGoodbye(ctx)
	})
	require.NoError(t, steps.RunVisitVisitor(t.Context(), conn, func(ctx context.Context, start steps.VisitVisitorStart) (end steps.VisitVisitorEnd, err error) {
		gifts := []string{"wine", "bread"}
		waiting, err := start.SendKnock(ctx, gifts)
		require.NoError(t, err)
		gifts[0] = ""
		_, welcomed, err := waiting.RecvWelcome(ctx)
		require.NoError(t, err)
		greeted, err := welcomed.SendThanks(ctx)
		require.NoError(t, err)
		inside, err := greeted.RecvCome(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{"wine", "bread"}, inside.Gifts())
		_, counted, err := inside.RecvCount(ctx)
		require.NoError(t, err)
		return counted.SendGoodbye(ctx)
	}))
}

// A panic in what is computed behind a message, or in an if there, makes the message false:
// its sender may not send it, and its receiver does not accept it. Both learn which one it was.
func TestPanicsBehindAMessage(t *testing.T) {
	for _, c := range []struct {
		label, pos string
		message    string // with a zero to divide by
		send       func(ctx context.Context, start steps.ShareGiverStart) error
		values     []session.Value
	}{{
		label: "Divide", message: "\x00\x08\x0a",
		send: func(ctx context.Context, start steps.ShareGiverStart) error {
			_, err := start.SendDivide(ctx, 10, 0)
			return err
		},
		values: []session.Value{{Name: "sum", Value: 10}, {Name: "among", Value: 0}},
	}, {
		label: "Test", message: "\x02\x08\x0a",
		send: func(ctx context.Context, start steps.ShareGiverStart) error {
			_, err := start.SendTest(ctx, 10, 0)
			return err
		},
		values: []session.Value{{Name: "of", Value: 10}, {Name: "by", Value: 0}},
	}} {
		t.Run(c.label, func(t *testing.T) {
			conn, srv := session.Pipe()
			heard := make(chan error, 1)
			steps.RegisterShareTaker(srv, func(ctx context.Context, start steps.ShareTakerStart) (end steps.ShareTakerEnd, err error) {
				_, err = start.Recv(ctx)
				heard <- err
				return end, err
			})
			start, err := steps.OpenShareGiver(t.Context(), conn)
			require.NoError(t, err)
			var contract *session.ContractError
			require.ErrorAs(t, c.send(t.Context(), start), &contract)
			require.Equal(t, c.label, contract.Label)
			require.Equal(t, c.values, contract.Values)
			require.Contains(t, contract.Pos, "steps.sess:")
			require.Contains(t, start.String(), "ready")
			start.Abort(nil)

			giver, err := conn.OpenStream(t.Context(), &steps.ShareProtocol, nil)
			require.NoError(t, err)
			require.NoError(t, giver.Send(t.Context(), []byte(c.message), false))
			var broken *session.PeerError
			require.ErrorAs(t, <-heard, &broken)
			require.Equal(t, session.FalsePredicate, broken.Rule)
			require.Equal(t, c.label, broken.Label)
			require.Equal(t, c.values, broken.Values)
			require.Equal(t, contract.Pos, broken.Pos)
		})
	}
}

// A state that is used by two goroutines at once, in generated code: one of them wins.
func TestS25TwoGoroutinesUseOneState(t *testing.T) {
	conn, srv := session.Pipe()
	steps.RegisterPingAnswerer(srv, answer)
	require.NoError(t, steps.RunPingCaller(t.Context(), conn, func(ctx context.Context, ready steps.PingCallerReady) (end steps.PingCallerEnd, err error) {
		for range 100 {
			asked := make(chan steps.PingCallerAfterNumber, 2)
			errs := make(chan error, 2)
			for n := range int64(2) {
				go func() {
					next, err := ready.SendNumber(ctx, n)
					if err == nil {
						asked <- next
					}
					errs <- err
				}()
			}
			first, second := <-errs, <-errs
			require.True(t, (first == nil) != (second == nil), "%v, %v", first, second)
			require.ErrorIs(t, errors.Join(first, second), session.ErrStateUsed)
			waiting := <-asked
			_, next, err := waiting.RecvGotNumber(ctx)
			require.NoError(t, err)
			_, _, err = waiting.DeferGotNumber()
			require.ErrorIs(t, err, session.ErrStateUsed)
			ready = next
		}
		return ready.SendLeave(ctx)
	}))
}

// A session whose states and pending values nobody holds any more is found by the
// garbage collector, though they hold each other: it ends at the peer too.
func TestDroppedWithSomethingPutOff(t *testing.T) {
	conn, srv := session.Pipe()
	heard := make(chan error, 1)
	steps.RegisterTimelyWise(srv, func(ctx context.Context, start steps.TimelyWiseStart) (end steps.TimelyWiseEnd, err error) {
		_, err = start.RecvFirst(ctx)
		require.NoError(t, err)
		<-ctx.Done()
		heard <- context.Cause(ctx)
		return end, context.Cause(ctx)
	})
	func() {
		start, err := steps.OpenTimelyAsker(t.Context(), conn)
		require.NoError(t, err)
		asked, err := start.SendFirst(t.Context())
		require.NoError(t, err)
		_, _, err = asked.DeferOne()
		require.NoError(t, err)
	}()
	for {
		runtime.GC()
		select {
		case err := <-heard:
			var aborted *session.AbortError
			require.ErrorAs(t, err, &aborted)
			require.Equal(t, session.AbortDropped, aborted.Code)
			return
		default:
			runtime.Gosched()
		}
	}
}
