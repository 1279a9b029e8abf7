package session_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// captureLog sends the default logger's lines, of any goroutine, to a channel until the test ends.
func captureLog(t *testing.T) <-chan string {
	lines := make(logLines, 10)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(lines, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return lines
}

type logLines chan string

func (l logLines) Write(line []byte) (int, error) {
	l <- string(bytes.TrimSpace(line))
	return len(line), nil
}

// remote is the *AbortError with which a session ended because of the peer.
func remote(t *testing.T, err error) session.Abort {
	t.Helper()
	var aborted *session.AbortError
	require.ErrorAs(t, err, &aborted)
	require.True(t, aborted.Remote)
	require.ErrorIs(t, err, net.ErrClosed)
	return aborted.Abort
}

// abandoned runs body as a buyer and returns what Run returned, and what the seller's session ended with.
func abandoned(t *testing.T, ctx context.Context, body func(context.Context, ShopBuyerOpen) (ShopBuyerEnd, error)) (buyer, seller error) {
	conn, result := served(sellAndClose)
	buyer = RunShopBuyer(ctx, conn, func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
		added, err := open.SendAdd(ctx, 3)
		require.NoError(t, err)
		_, open, err = added.RecvAdded(ctx)
		require.NoError(t, err)
		return body(ctx, open)
	})
	return buyer, <-result
}

func TestBodyFails(t *testing.T) {
	secret := errors.New("the password is 1234")
	buyer, seller := abandoned(t, t.Context(), func(context.Context, ShopBuyerOpen) (ShopBuyerEnd, error) {
		return ShopBuyerEnd{}, secret
	})
	require.Equal(t, secret, buyer)
	require.Equal(t, session.Abort{Code: session.AbortFailed}, remote(t, seller), "an error's text is nobody else's")

	told := errors.Join(secret, session.Reason("closed on Sundays\xff"))
	buyer, seller = abandoned(t, t.Context(), func(context.Context, ShopBuyerOpen) (ShopBuyerEnd, error) {
		return ShopBuyerEnd{}, told
	})
	require.Equal(t, told, buyer)
	require.Equal(t, session.Abort{Code: session.AbortFailed, Reason: "closed on Sundays\ufffd"}, remote(t, seller))

	_, seller = abandoned(t, t.Context(), func(context.Context, ShopBuyerOpen) (ShopBuyerEnd, error) {
		return ShopBuyerEnd{}, session.Reason(strings.Repeat("x", 1023) + "é")
	})
	require.Equal(t, strings.Repeat("x", 1023), remote(t, seller).Reason)
}

func TestBodyReturnsWithoutTheEnd(t *testing.T) {
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, sell)
	var foreign ShopBuyerEnd
	require.NoError(t, RunShopBuyer(t.Context(), conn, func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
		body, _ := buy()
		var err error
		foreign, err = body(ctx, open)
		return foreign, err
	}))

	for name, end := range map[string]func(open ShopBuyerOpen) ShopBuyerEnd{
		"zero":       func(ShopBuyerOpen) ShopBuyerEnd { return ShopBuyerEnd{} },
		"of another": func(ShopBuyerOpen) ShopBuyerEnd { return foreign },
		"converted":  func(open ShopBuyerOpen) ShopBuyerEnd { return ShopBuyerEnd{open.step} },
		"converted, used": func(open ShopBuyerOpen) ShopBuyerEnd {
			_, _ = open.SendAdd(t.Context(), 1)
			return ShopBuyerEnd{open.step}
		},
		"converted, midway": func(open ShopBuyerOpen) ShopBuyerEnd {
			left, _ := open.SendLeave(t.Context(), "ann")
			return ShopBuyerEnd(left)
		},
	} {
		t.Run(name, func(t *testing.T) {
			buyer, seller := abandoned(t, t.Context(), func(_ context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
				return end(open), nil
			})
			require.Equal(t, session.ErrUnfinished, buyer)
			require.ErrorIs(t, buyer, net.ErrClosed)
			require.Equal(t, session.Abort{Code: session.AbortUnfinished}, remote(t, seller))
		})
	}
}

// A body that swallows what ended the session is unfinished too, but its caller learns both.
func TestBodySwallowsAnError(t *testing.T) {
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, func(context.Context, ShopSellerOpen) (ShopSellerEnd, error) {
		return ShopSellerEnd{}, session.Reason("sold out")
	})
	err := RunShopBuyer(t.Context(), conn, func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
		added, err := open.SendAdd(ctx, 3)
		require.NoError(t, err)
		_, _, err = added.RecvAdded(ctx)
		require.Error(t, err)
		return ShopBuyerEnd{}, nil
	})
	require.ErrorIs(t, err, session.ErrUnfinished)
	require.Equal(t, "sold out", remote(t, err).Reason)
}

func TestBodyPanics(t *testing.T) {
	var seller error
	require.PanicsWithValue(t, "out of cheese", func() {
		conn, result := served(sellAndClose)
		defer func() { seller = <-result }()
		_ = RunShopBuyer(t.Context(), conn, func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
			_, err := open.SendAdd(ctx, 1)
			require.NoError(t, err)
			panic("out of cheese")
		})
	})
	require.Equal(t, session.Abort{Code: session.AbortPanicked}, remote(t, seller))
}

func TestBodyExitsItsGoroutine(t *testing.T) {
	conn, result := served(sellAndClose)
	go func() {
		_ = RunShopBuyer(t.Context(), conn, func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
			_, _ = open.SendAdd(ctx, 1)
			runtime.Goexit()
			return ShopBuyerEnd{}, nil
		})
	}()
	require.Equal(t, session.Abort{Code: session.AbortPanicked}, remote(t, <-result))
}

func TestRegisteredBodyPanics(t *testing.T) {
	lines := captureLog(t)
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, func(context.Context, ShopSellerOpen) (ShopSellerEnd, error) { panic("out of cheese") })
	body, _ := buy(1)
	require.Equal(t, session.Abort{Code: session.AbortPanicked}, remote(t, RunShopBuyer(t.Context(), conn, body)))
	line := <-lines
	require.Contains(t, line, `level=ERROR msg="session: body panicked" protocol=shop.Shop role=Seller panic="out of cheese" stack=`)
	require.Contains(t, line, "TestRegisteredBodyPanics")
}

// nilInside is an error that panics when somebody looks into it, as a nil pointer in an interface does.
type nilInside struct{ error }

func (e *nilInside) Error() string { return "nil inside" }
func (e *nilInside) Unwrap() error { return e.error }

// TestErrorOfRegisteredBodyPanics has a body return an error that panics when it is looked into: that ends the session like a panic of the
// body.
func TestErrorOfRegisteredBodyPanics(t *testing.T) {
	lines := captureLog(t)
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, func(context.Context, ShopSellerOpen) (ShopSellerEnd, error) {
		var e *nilInside
		return ShopSellerEnd{}, e
	})
	body, _ := buy(1)
	require.Equal(t, session.Abort{Code: session.AbortPanicked}, remote(t, RunShopBuyer(t.Context(), conn, body)))
	require.Contains(t, <-lines, "nil pointer")
}

func TestRegisteredBodyStopsUnfinished(t *testing.T) {
	lines := captureLog(t)
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, func(context.Context, ShopSellerOpen) (ShopSellerEnd, error) { return ShopSellerEnd{}, nil })
	body, _ := buy(1)
	require.Equal(t, session.Abort{Code: session.AbortUnfinished}, remote(t, RunShopBuyer(t.Context(), conn, body)))
	require.Contains(t, <-lines, "level=ERROR msg=\"session: the body returned no error, but has not brought the protocol to its end\" protocol=shop.Shop")
}

// NoteProtocol is one message: protocol Note(Writer, Reader) { Writer -> Reader: Note() }.
var NoteProtocol = session.Protocol{
	Name:        "note.Note",
	Fingerprint: "2222222222222222222222222222222222222222222222222222222222222222",
	Roles:       [2]string{"Writer", "Reader"},
	States:      []session.State{{Name: "Start"}, {Name: "End"}},
	Messages:    []session.Message{{Label: "Note", Next: 1, Pos: "note.sess:1:1"}},
}

func sendNote(ctx context.Context, step session.Step) (session.Step, error) {
	out, err := step.BeginSend(0)
	if err != nil {
		return session.Step{}, err
	}
	return out.Send(ctx)
}

func TestContextEndsWhileClosing(t *testing.T) {
	conn, srv := session.Pipe()
	canceled := make(chan struct{})
	result := make(chan error, 1)
	session.Register(srv, &NoteProtocol, func(ctx context.Context, first session.Step) (session.Step, error) {
		<-canceled
		_, err := first.Recv(t.Context(), 0)
		result <- err
		return session.Step{}, err
	})
	ctx, cancel := context.WithCancel(t.Context())
	err := session.Run(ctx, conn, &NoteProtocol, func(ctx context.Context, first session.Step) (session.Step, error) {
		end, err := sendNote(ctx, first)
		cancel()
		return end, err
	})
	require.ErrorIs(t, err, context.Canceled)
	close(canceled)
	require.Equal(t, session.Abort{Code: session.AbortCanceled}, remote(t, <-result))
}

func TestCloseWaitsForTheOtherRole(t *testing.T) {
	proceed := make(chan struct{})
	conn, result := served(func(ctx context.Context, open ShopSellerOpen) (ShopSellerEnd, error) {
		left, err := MatchShopSellerOpen(ctx, open, nil, func(b ShopSellerOpenLeave) (ShopSellerAfterLeave, error) { return b.Next, nil })
		require.NoError(t, err)
		end, err := left.SendGift(ctx, ReasonRegular)
		require.NoError(t, err)
		closing, cancel := context.WithCancel(ctx)
		cancel()
		require.ErrorIs(t, end.Close(closing), context.Canceled, "the buyer has not read its gift")
		close(proceed)
		require.NoError(t, end.Close(ctx))
		require.NoError(t, end.Close(ctx), "Close may be repeated")
		return end, nil
	})
	err := RunShopBuyer(t.Context(), conn, func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
		left, err := open.SendLeave(ctx, "ann")
		require.NoError(t, err)
		<-proceed
		return MatchShopBuyerAfterLeave(ctx, left, nil, func(b ShopBuyerAfterLeaveGift) (ShopBuyerEnd, error) { return b.Next, nil })
	})
	require.NoError(t, err)
	require.NoError(t, <-result)
}

// Abort is valid on any state, used ones too, any number of times, and does nothing after the end.
func TestAbort(t *testing.T) {
	cause := errors.New("fire")
	buyer, seller := abandoned(t, t.Context(), func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
		added, err := open.SendAdd(ctx, 1)
		require.NoError(t, err)
		open.Abort(cause)
		open.Abort(errors.New("something else"))
		_, _, err = added.RecvAdded(ctx)
		require.ErrorIs(t, err, cause)
		<-ctx.Done()
		require.Equal(t, err, context.Cause(ctx))
		return ShopBuyerEnd{}, err
	})
	require.EqualError(t, buyer, "session: aborted: fire")
	require.ErrorIs(t, buyer, net.ErrClosed)
	require.Equal(t, session.Abort{Code: session.AbortFailed}, remote(t, seller))

	conn, srv := session.Pipe()
	RegisterShopSeller(srv, sell)
	require.NoError(t, RunShopBuyer(t.Context(), conn, func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
		body, _ := buy()
		end, err := body(ctx, open)
		require.NoError(t, err)
		require.NoError(t, end.Close(ctx))
		end.Abort(cause)
		return end, end.Close(ctx)
	}))
}

// Abort ends what is waiting.
func TestAbortWhileReceiving(t *testing.T) {
	conn, srv := session.Pipe()
	arrived := make(chan struct{})
	RegisterShopSeller(srv, func(ctx context.Context, open ShopSellerOpen) (ShopSellerEnd, error) {
		close(arrived)
		<-ctx.Done()
		return ShopSellerEnd{}, context.Cause(ctx)
	})
	open, err := OpenShopBuyer(t.Context(), conn)
	require.NoError(t, err)
	added, err := open.SendAdd(t.Context(), 1)
	require.NoError(t, err)
	result := make(chan error)
	go func() {
		_, _, err := added.RecvAdded(t.Context())
		result <- err
	}()
	<-arrived
	open.Abort(session.Reason("never mind"))
	require.EqualError(t, <-result, "session: aborted: never mind")
}

// A session that nobody can reach any more is aborted, and said so once.
func TestDroppedSession(t *testing.T) {
	lines := captureLog(t)
	conn, result := served(sellAndClose)
	func() {
		open, err := OpenShopBuyer(t.Context(), conn)
		require.NoError(t, err)
		_, err = open.SendAdd(t.Context(), 1)
		require.NoError(t, err)
	}()
	for {
		runtime.GC()
		select {
		case err := <-result:
			require.Equal(t, session.Abort{Code: session.AbortDropped}, remote(t, err))
			require.Contains(t, <-lines, `level=WARN msg="session: dropped before its end, and aborted" protocol=shop.Shop role=Buyer`)
			return
		default:
			runtime.Gosched()
		}
	}
}
