package session_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sessgen/sessgen/runtime/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sell is an honest seller: every third cent a gift, otherwise a bill.
func sell(ctx context.Context, open ShopSellerOpen) (end ShopSellerEnd, err error) {
	for over := false; !over; {
		over, err = MatchShopSellerOpen(ctx, open,
			func(add ShopSellerOpenAdd) (bool, error) {
				open, err = add.Next.SendAdded(ctx, open.total+add.Cents)
				return false, err
			},
			func(leave ShopSellerOpenLeave) (bool, error) {
				if open.total%3 == 0 {
					end, err = leave.Next.SendGift(ctx, ReasonLucky)
				} else {
					end, err = leave.Next.SendBill(ctx, Bill{Lines: []Line{{leave.Name, open.total}}, At: day})
				}
				return true, err
			})
		if err != nil {
			return ShopSellerEnd{}, err
		}
	}
	return end, nil
}

var day = time.Date(2024, 2, 29, 23, 59, 59, 7, time.UTC)

// buy adds what cents says, leaves, and returns what it got.
func buy(cents ...int64) (body func(context.Context, ShopBuyerOpen) (ShopBuyerEnd, error), got *string) {
	got = new(string)
	return func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
		for _, c := range cents {
			added, err := open.SendAdd(ctx, c)
			if err != nil {
				return ShopBuyerEnd{}, err
			}
			if _, open, err = added.RecvAdded(ctx); err != nil {
				return ShopBuyerEnd{}, err
			}
		}
		left, err := open.SendLeave(ctx, "ann")
		if err != nil {
			return ShopBuyerEnd{}, err
		}
		return MatchShopBuyerAfterLeave(ctx, left,
			func(b ShopBuyerAfterLeaveBill) (ShopBuyerEnd, error) {
				*got = fmt.Sprint(b.Bill)
				return b.Next, nil
			},
			func(g ShopBuyerAfterLeaveGift) (ShopBuyerEnd, error) {
				*got = fmt.Sprint("gift ", g.Why)
				return g.Next, nil
			})
	}, got
}

// served registers body as the seller of a new pipe. done is closed when the body
// has returned, and gives the error that it returned.
func served(body func(context.Context, ShopSellerOpen) (ShopSellerEnd, error)) (conn session.Conn, done <-chan error) {
	conn, srv := session.Pipe()
	result := make(chan error, 1)
	RegisterShopSeller(srv, func(ctx context.Context, open ShopSellerOpen) (ShopSellerEnd, error) {
		end, err := body(ctx, open)
		result <- err
		return end, err
	})
	return conn, result
}

func TestSessionRunsToItsEnd(t *testing.T) {
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, sell)
	for _, c := range []struct {
		cents []int64
		want  string
	}{
		{nil, "gift 1"},
		{[]int64{1000}, "{[{ann 1000}] 2024-02-29 23:59:59.000000007 +0000 UTC}"},
		{[]int64{1, 2, 3, 4}, "{[{ann 10}] 2024-02-29 23:59:59.000000007 +0000 UTC}"},
	} {
		body, got := buy(c.cents...)
		require.NoError(t, RunShopBuyer(t.Context(), conn, body))
		require.Equal(t, c.want, *got)
	}
}

func TestManySessionsAtOnce(t *testing.T) {
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, sell)
	results := make(chan error)
	for i := range 100 {
		go func() {
			body, _ := buy(1, int64(i+1), 3)
			results <- RunShopBuyer(t.Context(), conn, body)
		}()
	}
	for range 100 {
		require.NoError(t, <-results)
	}
}

// A failed step leaves the state as it was, if the session goes on.
func TestContractErrorKeepsTheStep(t *testing.T) {
	conn, done := served(sell)
	open, err := OpenShopBuyer(t.Context(), conn)
	require.NoError(t, err)

	for _, cents := range []int64{0, -5, 1001} {
		_, err = open.SendAdd(t.Context(), cents)
		var contract *session.ContractError
		require.ErrorAs(t, err, &contract)
		require.Equal(t, session.ContractError{
			Protocol: "shop.Shop", Role: "Buyer", Label: "Add", Where: "0 < cents && cents <= 1000",
			Pos: "shop.sess:7:13", Values: []session.Value{{Name: "cents", Value: cents}},
		}, *contract)
	}
	require.EqualError(t, err, "session: shop.Shop Buyer must not send Add (shop.sess:7:13): "+
		"false predicate: 0 < cents && cents <= 1000 with cents = 1001")

	// A predicate that panics is false.
	_, err = open.SendLeave(t.Context(), "")
	require.ErrorAs(t, err, new(*session.ContractError))

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = open.SendAdd(canceled, 1)
	require.ErrorIs(t, err, context.Canceled)

	_, err = open.SendLeave(t.Context(), "a\xff")
	var encode *session.EncodeError
	require.ErrorAs(t, err, &encode)
	require.EqualError(t, err, "session: Leave cannot be encoded: name string: text that is not UTF-8")

	added, err := open.SendAdd(t.Context(), 3)
	require.NoError(t, err)
	_, _, err = added.RecvAdded(canceled)
	require.ErrorIs(t, err, context.Canceled)
	sum, open, err := added.RecvAdded(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, sum)

	open.Abort(nil)
	require.Error(t, <-done)
}

func TestTooLargeKeepsTheStep(t *testing.T) {
	conn, done := served(func(ctx context.Context, open ShopSellerOpen) (ShopSellerEnd, error) {
		return MatchShopSellerOpen(ctx, open, nil, func(leave ShopSellerOpenLeave) (ShopSellerEnd, error) {
			_, err := leave.Next.SendBill(ctx, Bill{Lines: []Line{{string(make([]byte, 5<<20)), 1}}})
			var large *session.TooLargeError
			if !errors.As(err, &large) || large.Label != "Bill" || large.Limit != 4<<20 || large.Size < 5<<20 {
				return ShopSellerEnd{}, fmt.Errorf("want a *TooLargeError, have %w", err)
			}
			return leave.Next.SendBill(ctx, Bill{Lines: []Line{{string(make([]byte, 3<<20)), 1}}})
		})
	})
	body, got := buy()
	require.NoError(t, RunShopBuyer(t.Context(), conn, body))
	require.Greater(t, len(*got), 3<<20)
	require.NoError(t, <-done)
}

func TestUsedStates(t *testing.T) {
	conn, done := served(sell)
	open, err := OpenShopBuyer(t.Context(), conn)
	require.NoError(t, err)
	require.Equal(t, "ShopBuyerOpen (ready)", open.String())
	require.True(t, open.step.Ready())
	added, err := open.SendAdd(t.Context(), 3)
	require.NoError(t, err)
	require.Equal(t, "ShopBuyerOpen (used)", open.String())
	require.False(t, open.step.Ready())

	_, err = open.SendAdd(t.Context(), 3)
	require.ErrorIs(t, err, session.ErrStateUsed)
	require.EqualError(t, err, "session: state already used: SendAdd of ShopBuyerOpen")
	_, err = open.SendLeave(t.Context(), "ann")
	require.ErrorIs(t, err, session.ErrStateUsed)

	_, next, err := added.RecvAdded(t.Context())
	require.NoError(t, err)
	_, _, err = added.RecvAdded(t.Context())
	require.ErrorIs(t, err, session.ErrStateUsed)
	require.EqualError(t, err, "session: state already used: RecvAdded of ShopBuyerAfterAdd")
	_, _, _, err = added.TryRecvAdded()
	require.ErrorIs(t, err, session.ErrStateUsed)
	require.EqualError(t, err, "session: state already used: TryRecvAdded of ShopBuyerAfterAdd")

	next.Abort(session.Reason("enough"))
	require.Contains(t, next.String(), "ShopBuyerOpen (over: session: aborted: enough)")
	_, err = next.SendAdd(t.Context(), 1)
	require.EqualError(t, err, "session: aborted: enough")
	// A used state stays used when the session is over.
	_, err = open.SendAdd(t.Context(), 1)
	require.ErrorIs(t, err, session.ErrStateUsed)
	require.Error(t, <-done)
}

func TestZeroStates(t *testing.T) {
	_, err := ShopBuyerOpen{}.SendAdd(t.Context(), 1)
	require.ErrorIs(t, err, session.ErrNoSession)
	_, _, err = ShopBuyerAfterAdd{}.RecvAdded(t.Context())
	require.ErrorIs(t, err, session.ErrNoSession)
	_, _, _, err = ShopBuyerAfterAdd{}.TryRecvAdded()
	require.ErrorIs(t, err, session.ErrNoSession)
	require.ErrorIs(t, ShopBuyerEnd{}.Close(t.Context()), session.ErrNoSession)
	ShopBuyerOpen{}.Abort(nil)
	require.Equal(t, "ShopBuyerOpen (of no session)", ShopBuyerOpen{}.String())
	require.False(t, session.Step{}.Ready())
}

// Go converts between struct types with the same fields. A state made so is at the
// wrong place, and is not let through.
func TestForgedStates(t *testing.T) {
	conn, done := served(sell)
	open, err := OpenShopBuyer(t.Context(), conn)
	require.NoError(t, err)

	_, err = MatchShopBuyerAfterLeave[int](t.Context(), ShopBuyerAfterLeave{open.step}, nil, nil)
	require.ErrorIs(t, err, session.ErrNoSession)
	require.EqualError(t, err, "session: state belongs to no session: it is a zero state, as a failed step returns, or was converted from another one: Recv of ShopBuyerAfterLeave")
	require.ErrorIs(t, ShopBuyerEnd{open.step}.Close(t.Context()), session.ErrNoSession)
	_, err = ShopSellerAfterAdd{step: open.step}.SendAdded(t.Context(), 0) // the other role's
	require.ErrorIs(t, err, session.ErrNoSession)
	_, err = MatchShopSellerOpen[int](t.Context(), ShopSellerOpen{step: open.step}, nil, nil)
	require.ErrorIs(t, err, session.ErrNoSession)
	_, err = open.step.BeginSend(99) // another protocol's
	require.ErrorIs(t, err, session.ErrNoSession)
	_, err = open.step.Recv(t.Context(), 99)
	require.ErrorIs(t, err, session.ErrNoSession)

	// None of that has done harm.
	_, err = open.SendAdd(t.Context(), 1)
	require.NoError(t, err)
	open.Abort(nil)
	require.Error(t, <-done)
}

// S25: of two goroutines that use one state exactly one wins.
func TestS25TwoGoroutinesUseOneState(t *testing.T) {
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, sell)
	for range 200 {
		open, err := OpenShopBuyer(t.Context(), conn)
		require.NoError(t, err)
		sent := make(chan ShopBuyerAfterAdd, 2)
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				next, err := open.SendAdd(t.Context(), 1)
				if err == nil {
					sent <- next
				}
				errs <- err
			}()
		}
		first, second := <-errs, <-errs
		require.True(t, (first == nil) != (second == nil), "%v, %v", first, second)
		require.ErrorIs(t, errors.Join(first, second), session.ErrStateUsed)

		added := <-sent
		for range 2 {
			go func() {
				_, _, err := added.RecvAdded(t.Context())
				errs <- err
			}()
		}
		first, second = <-errs, <-errs
		require.True(t, (first == nil) != (second == nil), "%v, %v", first, second)
		require.ErrorIs(t, errors.Join(first, second), session.ErrStateUsed)
		open.Abort(nil)
	}
}

func TestTryRecv(t *testing.T) {
	proceed := make(chan struct{})
	conn, done := served(func(ctx context.Context, open ShopSellerOpen) (ShopSellerEnd, error) {
		<-proceed
		return sell(ctx, open)
	})
	open, err := OpenShopBuyer(t.Context(), conn)
	require.NoError(t, err)
	added, err := open.SendAdd(t.Context(), 7)
	require.NoError(t, err)
	_, _, ok, err := added.TryRecvAdded()
	require.NoError(t, err)
	require.False(t, ok)
	close(proceed)
	for !ok {
		_, open, ok, err = added.TryRecvAdded()
		require.NoError(t, err)
	}
	require.EqualValues(t, 7, open.total)
	open.Abort(nil)
	require.Error(t, <-done)
}
