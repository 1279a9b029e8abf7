package steps_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/steps"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/simnet"
	"github.com/sessgen/sessgen/runtime/transport"
)

// answerAtOnce is the server of InOrder: what it has to receive after the first value
// it puts off, so that each answer goes out as soon as its value is in.
func answerAtOnce(ctx context.Context, start steps.InOrderServerStart) (end steps.InOrderServerEnd, err error) {
	a, got1, err := start.RecvM1(ctx)
	if err != nil {
		return end, err
	}
	m2, got2, err := got1.DeferM2()
	if err != nil {
		return end, err
	}
	m3, got3, err := got2.DeferM3()
	if err != nil {
		return end, err
	}
	said1, err := got3.SendR1(ctx, a)
	if err != nil {
		return end, err
	}
	b, err := m2.Recv(ctx)
	if err != nil {
		return end, err
	}
	said2, err := said1.SendR2(ctx, b)
	if err != nil {
		return end, err
	}
	c, err := m3.Recv(ctx)
	if err != nil {
		return end, err
	}
	return said2.SendR3(ctx, c)
}

// The first answer is there before the second value has been sent, and so on. No client
// could do that with the types of InOrder: this one writes the messages itself.
func TestInOrderServerAnswersAtOnce(t *testing.T) {
	conn, srv := session.Pipe()
	steps.RegisterInOrderServer(srv, answerAtOnce)
	client, err := conn.OpenStream(t.Context(), &steps.InOrderProtocol, nil)
	require.NoError(t, err)
	for i := range byte(3) {
		require.NoError(t, client.Send(t.Context(), []byte{i, 8, 11 + i}, i == 2))
		answer, _, err := client.Recv(t.Context())
		require.NoError(t, err)
		require.Equal(t, []byte{3 + i, 8, 11 + i}, answer)
	}
	require.NoError(t, client.Close(t.Context()))
}

// client sends its three values, and compares the answers.
func client(ctx context.Context, start steps.InOrderClientStart) (end steps.InOrderClientEnd, err error) {
	s1, err := start.SendM1(ctx, 1)
	if err != nil {
		return end, err
	}
	s2, err := s1.SendM2(ctx, 2)
	if err != nil {
		return end, err
	}
	s3, err := s2.SendM3(ctx, 3)
	if err != nil {
		return end, err
	}
	ra, r1, err := s3.RecvR1(ctx)
	if err != nil {
		return end, err
	}
	rb, r2, err := r1.RecvR2(ctx)
	if err != nil {
		return end, err
	}
	rc, end, err := r2.RecvR3(ctx)
	if err == nil && (ra != 1 || rb != 2 || rc != 3) {
		err = fmt.Errorf("got %d, %d, %d", ra, rb, rc)
	}
	return end, err
}

func TestInOrderOnBadNetworks(t *testing.T) {
	simnet.Cover(t, &steps.InOrderProtocol)
	simnet.TestSeeds(t, 30, simnet.Swarm, simnet.Roles(steps.RunInOrderClient, client, steps.RegisterInOrderServer, answerAtOnce))
}

// A send whose predicate needs a value that was put off is refused, and can be tried
// again when it is in. Until then the value is zero where it is shown.
func TestPendingValue(t *testing.T) {
	conn, srv := session.Pipe()
	errs := make(chan error, 1)
	steps.RegisterInOrderServer(srv, func(ctx context.Context, start steps.InOrderServerStart) (end steps.InOrderServerEnd, err error) {
		defer func() { errs <- err }()
		m1, got1, err := start.DeferM1()
		require.NoError(t, err)
		m2, got2, err := got1.DeferM2()
		require.NoError(t, err)
		_, _, err = got1.DeferM2()
		require.ErrorIs(t, err, session.ErrStateUsed)
		require.EqualError(t, err, "session: state already used: DeferM2 of InOrderServerAfterM1")
		require.Zero(t, got2.A())
		c, got3, err := got2.RecvM3(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 3, c)
		require.EqualValues(t, 1, got2.A(), "what was put off was taken in first")
		require.EqualValues(t, 2, got3.B())
		b, err := m2.Recv(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 2, b)
		_, err = m2.Recv(ctx)
		require.ErrorIs(t, err, session.ErrStateUsed, "once")
		require.EqualError(t, err, "session: state already used: the pending M2 of InOrderServerAfterM1")
		a, ok, err := m1.TryRecv()
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, 1, a)
		_, ok, err = m1.TryRecv()
		require.False(t, ok)
		require.ErrorIs(t, err, session.ErrStateUsed)
		_, err = got3.SendR1(ctx, 7)
		var contract *session.ContractError
		require.ErrorAs(t, err, &contract)
		require.Equal(t, []session.Value{{Name: "a", Value: int64(1)}, {Name: "ra", Value: int64(7)}}, contract.Values)
		said1, err := got3.SendR1(ctx, a)
		require.NoError(t, err)
		said2, err := said1.SendR2(ctx, b)
		require.NoError(t, err)
		return said2.SendR3(ctx, c)
	})
	require.NoError(t, steps.RunInOrderClient(t.Context(), conn, client))
	require.NoError(t, <-errs)
}

func TestErrPending(t *testing.T) {
	conn, srv := session.Pipe()
	go1 := make(chan struct{})
	steps.RegisterInOrderServer(srv, func(ctx context.Context, start steps.InOrderServerStart) (end steps.InOrderServerEnd, err error) {
		a, got1, err := start.RecvM1(ctx)
		require.NoError(t, err)
		m2, got2, err := got1.DeferM2()
		require.NoError(t, err)
		m3, got3, err := got2.DeferM3()
		require.NoError(t, err)
		said1, err := got3.SendR1(ctx, a)
		require.NoError(t, err)
		_, ok, err := m3.TryRecv()
		require.NoError(t, err)
		require.False(t, ok, "nothing has arrived")
		_, err = said1.SendR2(ctx, 2)
		require.ErrorIs(t, err, session.ErrPending)
		require.Contains(t, said1.String(), "ready")
		over, cancel := context.WithCancel(ctx)
		cancel()
		_, err = m3.Recv(over)
		require.ErrorIs(t, err, context.Canceled)
		close(go1)
		c, err := m3.Recv(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 2, said1.B(), "the one before it is in, too")
		said2, err := said1.SendR2(ctx, 2)
		require.NoError(t, err)
		end, err = said2.SendR3(ctx, c)
		require.NoError(t, err)
		require.NoError(t, end.Close(ctx))
		b, err := m2.Recv(ctx)
		require.NoError(t, err, "what is in stays, after the end too")
		require.EqualValues(t, 2, b)
		return end, nil
	})
	require.NoError(t, steps.RunInOrderClient(t.Context(), conn,
		func(ctx context.Context, start steps.InOrderClientStart) (end steps.InOrderClientEnd, err error) {
			s1, err := start.SendM1(ctx, 1)
			require.NoError(t, err)
			<-go1
			s2, err := s1.SendM2(ctx, 2)
			require.NoError(t, err)
			s3, err := s2.SendM3(ctx, 3)
			require.NoError(t, err)
			_, r1, err := s3.RecvR1(ctx)
			require.NoError(t, err)
			_, r2, err := r1.RecvR2(ctx)
			require.NoError(t, err)
			_, end, err = r2.RecvR3(ctx)
			return end, err
		}))
}

// The two roles of Both, which never wait for one another: what the other one says is
// put off, and received when all has been said, the last first.

// size is such that all rounds are more than a stream takes before its peer has read.
const size = 12 << 10

func left(ctx context.Context, round steps.BothLeftRound) (end steps.BothLeftEnd, err error) {
	var backs []*steps.BothLeftAfterTherePending
	for {
		again, done, ok := round.Branch()
		if !ok {
			if end, err = done.SendDone(ctx); err != nil {
				return end, err
			}
			break
		}
		said, err := again.SendThere(ctx, fill(len(backs)))
		if err != nil {
			return end, err
		}
		back, next, err := said.DeferBack()
		if err != nil {
			return end, err
		}
		backs, round = append(backs, back), next
	}
	for i := len(backs) - 1; i >= 0; i-- {
		back, err := backs[i].Recv(ctx)
		if err != nil {
			return end, err
		}
		if !bytes.Equal(back, fill(i)) {
			return end, fmt.Errorf("back %d is %.3x…", i, back)
		}
	}
	return end, nil
}

func right(ctx context.Context, round steps.BothRightRound) (end steps.BothRightEnd, err error) {
	var theres []*steps.BothRightRoundIfTruePending
	for {
		again, done, ok := round.Branch()
		if !ok {
			if end, err = done.RecvDone(ctx); err != nil {
				return end, err
			}
			break
		}
		there, heard, err := again.DeferThere()
		if err != nil {
			return end, err
		}
		if round, err = heard.SendBack(ctx, fill(len(theres))); err != nil {
			return end, err
		}
		theres = append(theres, there)
	}
	for i, there := range theres {
		got, ok, err := there.TryRecv()
		if err != nil || !ok || !bytes.Equal(got, fill(i)) {
			return end, fmt.Errorf("there %d is %.3x…: %t, %w", i, got, ok, err)
		}
	}
	return end, nil
}

func fill(i int) []byte { return bytes.Repeat([]byte{byte(i)}, size) }

func TestBothEndsDeferUnderAFullWindow(t *testing.T) {
	t.Run("pipe", func(t *testing.T) {
		conn, srv := session.Pipe()
		steps.RegisterBothRight(srv, right)
		require.NoError(t, steps.RunBothLeft(t.Context(), conn, left))
	})
	t.Run("udp", func(t *testing.T) {
		ln, err := transport.Listen("127.0.0.1:0", transport.WithPlaintext())
		require.NoError(t, err)
		srv := transport.NewServer()
		steps.RegisterBothRight(srv, right)
		ctx, stop := context.WithCancel(t.Context())
		var serving sync.WaitGroup
		serving.Go(func() { _ = srv.Serve(ctx, ln) })
		defer serving.Wait()
		defer stop()
		conn, err := transport.Dial(ctx, ln.Addr().String(), transport.WithPlaintext())
		require.NoError(t, err)
		require.NoError(t, steps.RunBothLeft(ctx, conn, left))
		require.NoError(t, conn.Close(ctx))
	})
	t.Run("simulated", func(t *testing.T) {
		simnet.TestSeeds(t, 1, simnet.Swarm, simnet.Roles(steps.RunBothLeft, left, steps.RegisterBothRight, right))
	})
}

// answer is the answerer of Ping.
func answer(ctx context.Context, ready steps.PingAnswererReady) (end steps.PingAnswererEnd, err error) {
	for {
		branch, err := ready.Recv(ctx)
		if err != nil {
			return end, err
		}
		switch b := branch.(type) {
		case steps.PingAnswererReadyNumber:
			ready, err = b.Next.SendGotNumber(ctx, b.N)
		case steps.PingAnswererReadyText:
			ready, err = b.Next.SendGotText(ctx, len(b.Text))
		case steps.PingAnswererReadyPlace:
			ready, err = b.Next.SendGotPlace(ctx, b.At.X+b.At.Y)
		case steps.PingAnswererReadyLeave:
			return b.Next, nil
		}
		if err != nil {
			return end, err
		}
	}
}

// A 65th receive is not put off; when one has been received, it is.
func TestTooManyPending(t *testing.T) {
	conn, srv := session.Pipe()
	steps.RegisterPingAnswerer(srv, answer)
	require.NoError(t, steps.RunPingCaller(t.Context(), conn, func(ctx context.Context, ready steps.PingCallerReady) (end steps.PingCallerEnd, err error) {
		var pending []*steps.PingCallerAfterNumberPending
		for n := range int64(64) {
			asked, err := ready.SendNumber(ctx, n)
			require.NoError(t, err)
			p, next, err := asked.DeferGotNumber()
			require.NoError(t, err)
			pending, ready = append(pending, p), next
		}
		asked, err := ready.SendNumber(ctx, 64)
		require.NoError(t, err)
		none, _, err := asked.DeferGotNumber()
		require.ErrorIs(t, err, session.ErrTooManyPending)
		_, err = none.Recv(ctx)
		require.ErrorIs(t, err, session.ErrNoSession)
		m, err := pending[0].Recv(ctx)
		require.NoError(t, err)
		require.Zero(t, m)
		last, ready, err := asked.DeferGotNumber()
		require.NoError(t, err)
		end, err = ready.SendLeave(ctx)
		require.NoError(t, err)
		m, err = last.Recv(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 64, m)
		return end, nil
	}))
}

// putOffBoth opens a session of Timely whose answers are put off, and gives the wise
// role's stream to wise, which may write what it likes.
func putOffBoth(t *testing.T, wise func(session.Stream)) (*steps.TimelyAskerAfterFirstPending, *steps.TimelyAskerAfterSecondPending, steps.TimelyAskerAfterTwo) {
	conn, srv := session.Pipe()
	srv.Handle(&steps.TimelyProtocol, func(_ context.Context, s session.Stream) { wise(s) })
	start, err := steps.OpenTimelyAsker(t.Context(), conn)
	require.NoError(t, err)
	asked, err := start.SendFirst(t.Context())
	require.NoError(t, err)
	one, next, err := asked.DeferOne()
	require.NoError(t, err)
	again, err := next.SendSecond(t.Context())
	require.NoError(t, err)
	two, last, err := again.DeferTwo()
	require.NoError(t, err)
	t.Cleanup(func() { last.Abort(nil) })
	return one, two, last
}

// What breaks the protocol in a message that was put off comes out of whatever takes
// it in, names that message, and ends the session at both ends.
func TestPutOffAndBroken(t *testing.T) {
	type (
		pendingOne = steps.TimelyAskerAfterFirstPending
		pendingTwo = steps.TimelyAskerAfterSecondPending
	)
	for name, step := range map[string]func(ctx context.Context, one *pendingOne, two *pendingTwo, last steps.TimelyAskerAfterTwo) error{
		"its pending value": func(ctx context.Context, one *pendingOne, _ *pendingTwo, _ steps.TimelyAskerAfterTwo) error {
			_, err := one.Recv(ctx)
			return err
		},
		"another pending value": func(ctx context.Context, _ *pendingOne, two *pendingTwo, _ steps.TimelyAskerAfterTwo) error {
			_, err := two.Recv(ctx)
			return err
		},
		"without waiting": func(ctx context.Context, one *pendingOne, two *pendingTwo, _ steps.TimelyAskerAfterTwo) error {
			for {
				if _, ok, err := two.TryRecv(); ok || err != nil {
					return err
				}
			}
		},
		"the end": func(ctx context.Context, _ *pendingOne, _ *pendingTwo, last steps.TimelyAskerAfterTwo) error {
			end, err := last.SendThird(ctx, 1)
			if err != nil {
				return err
			}
			return end.Close(ctx)
		},
	} {
		for rule, message := range map[session.Rule]string{
			session.FalsePredicate:   "\x01", // One(0)
			session.MalformedPayload: "\x01\x08",
			session.UnexpectedLabel:  "\x03\x08\x01", // Two first
			session.EndedEarly:       "",
		} {
			t.Run(name+"/"+rule.String(), func(t *testing.T) {
				heard := make(chan error, 1)
				one, two, last := putOffBoth(t, func(s session.Stream) {
					if message == "" {
						_ = s.CloseSend()
					} else {
						_ = s.Send(s.Context(), []byte(message), false)
					}
					<-s.Context().Done()
					heard <- context.Cause(s.Context())
				})
				var broken *session.PeerError
				require.ErrorAs(t, step(t.Context(), one, two, last), &broken)
				require.Equal(t, rule, broken.Rule)
				if rule == session.FalsePredicate {
					require.Equal(t, "One", broken.Label)
					require.Equal(t, []session.Value{{Name: "x", Value: int64(0)}}, broken.Values)
				}
				_, err := one.Recv(t.Context())
				require.ErrorAs(t, err, &broken, "and stays")
				_, err = last.SendThird(t.Context(), 1)
				require.Error(t, err)
				var aborted *session.AbortError
				require.ErrorAs(t, <-heard, &aborted)
				require.Equal(t, session.AbortCode(rule), aborted.Code)
			})
		}
	}
}

// A Send that waits for room takes in what arrives, and finds it broken.
func TestBrokenWhileSending(t *testing.T) {
	conn, srv := session.Pipe()
	srv.Handle(&steps.BothProtocol, func(ctx context.Context, s session.Stream) {
		_ = s.Send(ctx, []byte{1, 0xff}, false)
		<-s.Context().Done()
	})
	round, err := steps.OpenBothLeft(t.Context(), conn)
	require.NoError(t, err)
	for {
		again, _, ok := round.Branch()
		require.True(t, ok)
		said, err := again.SendThere(t.Context(), make([]byte, 100<<10))
		if err != nil {
			var broken *session.PeerError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, session.MalformedPayload, broken.Rule)
			return
		}
		_, round, err = said.DeferBack()
		require.NoError(t, err)
	}
}

// Close takes in what is put off; then it can be received.
func TestCloseTakesIn(t *testing.T) {
	one, two, last := putOffBoth(t, func(s session.Stream) {
		for range 3 {
			_, _, _ = s.Recv(s.Context())
		}
		_ = s.Send(s.Context(), []byte{1, 8, 1}, false)
		_ = s.Send(s.Context(), []byte{3, 8, 2}, true)
		_ = s.Close(s.Context())
	})
	end, err := last.SendThird(t.Context(), 3)
	require.NoError(t, err)
	require.NoError(t, end.Close(t.Context()))
	y, err := two.Recv(t.Context())
	require.NoError(t, err)
	x, err := one.Recv(t.Context())
	require.NoError(t, err)
	require.Equal(t, [2]int64{1, 2}, [2]int64{x, y})
}

// A time limit runs from when the place was entered, which is at once where a receive
// is put off, or from when the message before arrived; not from when somebody reads.
func TestWithinOfWhatIsPutOff(t *testing.T) {
	const tenth = 100 * time.Millisecond
	for _, c := range []struct {
		one, two, read time.Duration // when the answers are sent, when the second one is received
		late           string
	}{
		{one: 5 * tenth, two: 9 * tenth, read: 0},
		{one: 9 * tenth, two: 18 * tenth, read: 0},
		{one: 9 * tenth, two: 18 * tenth, read: time.Hour},
		{one: 11 * tenth, two: 12 * tenth, read: 0, late: "One"},
		{one: 11 * tenth, two: 12 * tenth, read: time.Hour, late: "One"},
		{one: 5 * tenth, two: 16 * tenth, read: 0, late: "Two"},
		{one: 5 * tenth, two: 16 * tenth, read: time.Hour, late: "Two"},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, two, _ := putOffBoth(t, func(s session.Stream) {
					time.Sleep(c.one)
					_ = s.Send(s.Context(), []byte{1, 8, 1}, false)
					time.Sleep(c.two - c.one)
					_ = s.Send(s.Context(), []byte{3, 8, 2}, false)
				})
				defer time.Sleep(time.Hour) // until the wise role is done
				time.Sleep(c.read)
				_, err := two.Recv(t.Context())
				if c.late == "" {
					require.NoError(t, err)
					return
				}
				var late *session.PeerError
				require.ErrorAs(t, err, &late)
				require.Equal(t, session.TooLate, late.Rule)
				require.Equal(t, c.late, late.Label)
			})
		})
	}
}

// A pending value uses the session while its message is not in: of it and a step that
// race, one wins, and the other is as it was.
func TestS25PendingValueAndStepRace(t *testing.T) {
	for range 50 {
		answer := make(chan struct{})
		one, two, last := putOffBoth(t, func(s session.Stream) {
			<-answer
			_ = s.Send(s.Context(), []byte{1, 8, 1}, false)
			_ = s.Send(s.Context(), []byte{3, 8, 2}, false)
		})
		receive := func() error { _, err := two.Recv(t.Context()); return err }
		poll := func() error { _, _, err := one.TryRecv(); return err }
		send := func() error { _, err := last.SendThird(t.Context(), 1); return err }
		errs := make([]error, 3)
		var racing sync.WaitGroup
		for i, use := range []func() error{receive, poll, send} {
			racing.Go(func() { errs[i] = use() })
		}
		close(answer)
		racing.Wait()
		for i, use := range []func() error{receive, nil, send} {
			switch {
			case errs[i] != nil:
				require.ErrorIs(t, errs[i], session.ErrStateUsed)
				if use != nil {
					require.NoError(t, use(), "it was not used")
				}
			case use != nil:
				require.ErrorIs(t, use(), session.ErrStateUsed, "once")
			}
		}
	}
}

func TestZeroPendingValue(t *testing.T) {
	_, err := new(steps.TimelyAskerAfterFirstPending).Recv(t.Context())
	require.ErrorIs(t, err, session.ErrNoSession)
	_, ok, err := new(steps.TimelyAskerAfterFirstPending).TryRecv()
	require.ErrorIs(t, err, session.ErrNoSession)
	require.False(t, ok)
	pending, _, err := steps.TimelyAskerAfterFirst{}.DeferOne()
	require.ErrorIs(t, err, session.ErrNoSession)
	_, err = pending.Recv(t.Context())
	require.ErrorIs(t, err, session.ErrNoSession)
}
