package gen_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/bank/bank"
	"github.com/sessgen/sessgen/examples/echo/echo"
	"github.com/sessgen/sessgen/examples/kiosk/kiosk"
	"github.com/sessgen/sessgen/examples/kiosk/roles"
	"github.com/sessgen/sessgen/examples/steps"
	"github.com/sessgen/sessgen/gen/testdata/misuse/peer"
	"github.com/sessgen/sessgen/runtime/session"
)

// The misuses that the compiler lets pass. docs/misuse.md lists them by the names of these tests.
func TestMisuseThatCompiles(t *testing.T) {
	ctx := t.Context()
	open := func(t *testing.T) (bank.BankClientStart, bank.BankClientAccount) {
		conn, srv := session.Pipe()
		bank.RegisterBankTeller(srv, peer.Tell)
		start, err := bank.OpenBankClient(ctx, conn)
		require.NoError(t, err)
		account, err := start.SendOpen(ctx, "ada")
		require.NoError(t, err)
		t.Cleanup(func() { start.Abort(nil) })
		return start, account
	}
	// unharmed: the session goes on to its end.
	unharmed := func(t *testing.T, account bank.BankClientAccount) {
		end, err := peer.Leave(ctx, account)
		require.NoError(t, err)
		require.NoError(t, end.Close(ctx))
	}

	t.Run("state used twice", func(t *testing.T) {
		start, account := open(t)
		_, err := start.SendOpen(ctx, "bob")
		require.ErrorIs(t, err, session.ErrStateUsed)
		unharmed(t, account)
	})
	t.Run("state used by two goroutines", func(t *testing.T) {
		_, account := open(t)
		var won atomic.Pointer[bank.BankClientAccount]
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				next, err := account.SendDeposit(ctx, 1)
				if err == nil {
					if !won.CompareAndSwap(nil, &next) {
						t.Error("two have won")
					}
				} else if !bytes.Contains([]byte(err.Error()), []byte(session.ErrStateUsed.Error())) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, int64(1), won.Load().Balance())
		unharmed(t, *won.Load())
	})
	t.Run("zero state", func(t *testing.T) {
		_, err := bank.BankClientAccount{}.SendDeposit(ctx, 1)
		require.ErrorIs(t, err, session.ErrNoSession)
		bank.BankClientAccount{}.Abort(nil)
	})
	t.Run("branch built by hand", func(t *testing.T) {
		branch := bank.BankClientAfterWithdrawCash{Paid: 1_000_000}
		_, err := branch.Next.SendDeposit(ctx, 1)
		require.ErrorIs(t, err, session.ErrNoSession)
	})
	t.Run("state converted", func(t *testing.T) {
		// Both hold a step and nothing else, so Go converts one to the other.
		conn, srv := session.Pipe()
		bank.RegisterBankTeller(srv, peer.Tell)
		start, err := bank.OpenBankClient(ctx, conn)
		require.NoError(t, err)
		_, _, err = bank.BankClientAfterQuit(start).RecvBye(ctx)
		require.ErrorIs(t, err, session.ErrNoSession)
		account, err := start.SendOpen(ctx, "ada")
		require.NoError(t, err)
		unharmed(t, account)
	})
	t.Run("error ignored", func(t *testing.T) {
		_, account := open(t)
		asked, _ := account.SendWithdraw(ctx, 1000) // of nothing
		_, err := asked.Recv(ctx)
		require.ErrorIs(t, err, session.ErrNoSession)
		unharmed(t, account)
	})
	t.Run("false contract", func(t *testing.T) {
		_, account := open(t)
		_, err := account.SendWithdraw(ctx, 1000)
		var contract *session.ContractError
		require.ErrorAs(t, err, &contract)
		require.Equal(t, "0 < amount && amount <= balance", contract.Where)
		unharmed(t, account)
	})
	t.Run("value without an encoding", func(t *testing.T) {
		conn, srv := session.Pipe()
		echo.RegisterEchoServer(srv, peer.Count)
		ready, err := echo.OpenEchoClient(ctx, conn)
		require.NoError(t, err)
		_, err = ready.SendSay(ctx, "\xff")
		require.ErrorAs(t, err, new(*session.EncodeError))
		end, err := ready.SendBye(ctx)
		require.NoError(t, err)
		require.NoError(t, end.Close(ctx))
	})
	t.Run("not a member of its enum", func(t *testing.T) {
		refuse := func(ctx context.Context, start bank.BankTellerStart) (end bank.BankTellerEnd, err error) {
			_, account, err := start.RecvOpen(ctx)
			for err == nil {
				var branch bank.BankTellerAccountBranch
				branch, err = account.Recv(ctx)
				switch b := branch.(type) {
				case bank.BankTellerAccountDeposit:
					account = b.Next
				case bank.BankTellerAccountWithdraw:
					_, err = b.Next.SendRefuse(ctx, bank.Reason(7))
					require.ErrorAs(t, err, new(*session.EncodeError))
					account, err = b.Next.SendRefuse(ctx, bank.ReasonFrozen)
				case bank.BankTellerAccountQuit:
					return b.Next.SendBye(ctx, bank.Receipt{})
				}
			}
			return end, err
		}
		require.NoError(t, peer.Teller(ctx, refuse))
	})
	t.Run("end forged", func(t *testing.T) {
		err := peer.Customer(ctx, func(context.Context, bank.BankClientStart) (bank.BankClientEnd, error) {
			return bank.BankClientEnd{}, nil
		})
		require.ErrorIs(t, err, session.ErrUnfinished)
		require.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("end of another session", func(t *testing.T) {
		_, account := open(t)
		end, err := peer.Leave(ctx, account)
		require.NoError(t, err)
		err = peer.Customer(ctx, func(context.Context, bank.BankClientStart) (bank.BankClientEnd, error) { return end, nil })
		require.ErrorIs(t, err, session.ErrUnfinished)
		require.NoError(t, end.Close(ctx))
	})
	t.Run("branch missing in a type switch", func(t *testing.T) {
		err := peer.Customer(ctx, func(ctx context.Context, start bank.BankClientStart) (end bank.BankClientEnd, err error) {
			return peer.Poor(ctx, start, func(ctx context.Context, asked bank.BankClientAfterWithdraw) (next bank.BankClientAccount, err error) {
				branch, err := asked.Recv(ctx)
				if refuse, refused := branch.(bank.BankClientAfterWithdrawRefuse); refused {
					return refuse.Next, nil
				}
				return next, err // and the cash?
			})
		})
		require.ErrorIs(t, err, session.ErrNoSession)
	})
	t.Run("body panics", func(t *testing.T) {
		var at bank.BankClientStart
		require.PanicsWithValue(t, "oh", func() {
			_ = peer.Customer(ctx, func(_ context.Context, start bank.BankClientStart) (bank.BankClientEnd, error) {
				at = start
				panic("oh")
			})
		})
		_, err := at.SendOpen(ctx, "ada")
		require.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("state used after its session", func(t *testing.T) {
		_, account := open(t)
		account.Abort(nil)
		_, err := account.SendDeposit(ctx, 1)
		require.ErrorAs(t, err, new(*session.AbortError))
		require.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("kept after the body has returned", func(t *testing.T) {
		var kept bank.BankClientAccount
		err := peer.Customer(ctx, func(ctx context.Context, start bank.BankClientStart) (bank.BankClientEnd, error) {
			var err error
			if kept, err = start.SendOpen(ctx, "ada"); err != nil {
				return bank.BankClientEnd{}, err
			}
			return bank.BankClientEnd{}, errors.New("changed my mind")
		})
		require.EqualError(t, err, "changed my mind")
		_, err = kept.SendDeposit(ctx, 1)
		require.ErrorAs(t, err, new(*session.AbortError))
	})
	t.Run("error returned with the end", func(t *testing.T) {
		err := peer.Customer(ctx, func(ctx context.Context, start bank.BankClientStart) (bank.BankClientEnd, error) {
			account, err := start.SendOpen(ctx, "ada")
			if err != nil {
				return bank.BankClientEnd{}, err
			}
			end, err := peer.Leave(ctx, account)
			return end, errors.Join(err, errors.New("and yet"))
		})
		require.EqualError(t, err, "and yet")
	})
	t.Run("message larger than the peer accepts", func(t *testing.T) {
		conn, srv := session.Pipe()
		echo.RegisterEchoServer(srv, peer.Count)
		ready, err := echo.OpenEchoClient(ctx, conn)
		require.NoError(t, err)
		_, err = ready.SendSay(ctx, strings.Repeat("x", 5<<20))
		require.ErrorAs(t, err, new(*session.TooLargeError))
		end, err := ready.SendBye(ctx)
		require.NoError(t, err)
		require.NoError(t, end.Close(ctx))
	})
	t.Run("side of an if that is not taken", func(t *testing.T) {
		conn, srv := session.Pipe()
		steps.RegisterCountdownAnswerer(srv, func(ctx context.Context, start steps.CountdownAnswererStart) (steps.CountdownAnswererEnd, error) {
			_, down, err := start.RecvFrom(ctx)
			for err == nil {
				then, end, more := down.Branch()
				if !more {
					return end, nil
				}
				_, down, err = then.RecvTick(ctx)
			}
			return steps.CountdownAnswererEnd{}, err
		})
		start, err := steps.OpenCountdownCaller(ctx, conn)
		require.NoError(t, err)
		down, err := start.SendFrom(ctx, 1)
		require.NoError(t, err)
		then, otherwise, ok := down.Branch()
		require.True(t, ok)
		require.ErrorIs(t, otherwise.Close(ctx), session.ErrNoSession)
		down, err = then.SendTick(ctx, 1)
		require.NoError(t, err)
		_, end, _ := down.Branch()
		require.NoError(t, end.Close(ctx))
	})
	put := func(t *testing.T) echo.EchoClientStart {
		conn, srv := session.Pipe()
		echo.RegisterEchoServer(srv, peer.Count)
		ready, err := echo.OpenEchoClient(ctx, conn)
		require.NoError(t, err)
		return ready
	}
	t.Run("too many receives deferred", func(t *testing.T) {
		ready := put(t)
		for range 64 {
			said, err := ready.SendSay(ctx, "x")
			require.NoError(t, err)
			_, ready, err = said.DeferLength()
			require.NoError(t, err)
		}
		said, err := ready.SendSay(ctx, "x")
		require.NoError(t, err)
		_, _, err = said.DeferLength()
		require.ErrorIs(t, err, session.ErrTooManyPending)
		_, ready, err = said.RecvLength(ctx)
		require.NoError(t, err)
		end, err := ready.SendBye(ctx)
		require.NoError(t, err)
		require.NoError(t, end.Close(ctx))
	})
	t.Run("pending value received twice", func(t *testing.T) {
		said, err := put(t).SendSay(ctx, "x")
		require.NoError(t, err)
		pending, ready, err := said.DeferLength()
		require.NoError(t, err)
		_, err = pending.Recv(ctx)
		require.NoError(t, err)
		_, err = pending.Recv(ctx)
		require.ErrorIs(t, err, session.ErrStateUsed)
		end, err := ready.SendBye(ctx)
		require.NoError(t, err)
		require.NoError(t, end.Close(ctx))
	})
	t.Run("pending value never received", func(t *testing.T) {
		conn, srv := session.Pipe()
		liar := func(ctx context.Context, s session.Stream) {
			_, _, err := s.Recv(ctx)
			require.NoError(t, err)
			require.NoError(t, s.Send(ctx, []byte{1, 0x08, 99}, true)) // Length(99)
		}
		srv.Handle(&echo.EchoProtocol, liar)
		ready, err := echo.OpenEchoClient(ctx, conn)
		require.NoError(t, err)
		said, err := ready.SendSay(ctx, "x")
		require.NoError(t, err)
		_, ready, err = said.DeferLength()
		require.NoError(t, err)
		end, err := ready.SendBye(ctx)
		require.NoError(t, err)
		require.ErrorAs(t, end.Close(ctx), new(*session.PeerError))
	})
	t.Run("contract about a deferred value", func(t *testing.T) {
		conn, srv := session.Pipe()
		steps.RegisterInOrderServer(srv, func(ctx context.Context, start steps.InOrderServerStart) (end steps.InOrderServerEnd, err error) {
			first, m1, err := start.DeferM1()
			if err != nil {
				return end, err
			}
			second, m2, err := m1.DeferM2()
			if err != nil {
				return end, err
			}
			third, m3, err := m2.DeferM3()
			if err != nil {
				return end, err
			}
			_, err = m3.SendR1(ctx, 1)
			require.ErrorIs(t, err, session.ErrPending)
			c, err := third.Recv(ctx) // and what was put off before it
			if err != nil {
				return end, err
			}
			a, errA := first.Recv(ctx)
			b, errB := second.Recv(ctx)
			if err := errors.Join(errA, errB); err != nil {
				return end, err
			}
			r1, err := m3.SendR1(ctx, a)
			if err != nil {
				return end, err
			}
			r2, err := r1.SendR2(ctx, b)
			if err != nil {
				return end, err
			}
			return r2.SendR3(ctx, c)
		})
		start, err := steps.OpenInOrderClient(ctx, conn)
		require.NoError(t, err)
		m1, err := start.SendM1(ctx, 1)
		require.NoError(t, err)
		m2, err := m1.SendM2(ctx, 2)
		require.NoError(t, err)
		m3, err := m2.SendM3(ctx, 3)
		require.NoError(t, err)
		_, r1, err := m3.RecvR1(ctx)
		require.NoError(t, err)
		_, r2, err := r1.RecvR2(ctx)
		require.NoError(t, err)
		_, end, err := r2.RecvR3(ctx)
		require.NoError(t, err)
		require.NoError(t, end.Close(ctx))
	})
	t.Run("a value that a state holds", func(t *testing.T) {
		conn, srv := session.Pipe()
		kiosk.RegisterKioskClerk(srv, roles.Clerk)
		require.NoError(t, kiosk.RunKioskCustomer(ctx, conn, func(ctx context.Context, start kiosk.KioskCustomerStart) (end kiosk.KioskCustomerEnd, err error) {
			entered, err := start.SendEnter(ctx)
			if err != nil {
				return end, err
			}
			prices, counter, err := entered.RecvShelf(ctx)
			if err != nil {
				return end, err
			}
			before := prices[0]
			prices[0] = -1
			counter.Prices()[0] = -1
			require.Equal(t, before, counter.Prices()[0])
			left, err := counter.SendLeave(ctx)
			if err != nil {
				return end, err
			}
			_, end, err = left.RecvChange(ctx)
			return end, err
		}))
	})
	t.Run("role registered twice", func(t *testing.T) {
		_, srv := session.Pipe()
		echo.RegisterEchoServer(srv, peer.Count)
		require.Panics(t, func() { echo.RegisterEchoServer(srv, peer.Count) })
	})
	t.Run("session dropped", func(t *testing.T) {
		log := &logged{}
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(log, nil)))
		defer slog.SetDefault(before)
		conn, srv := session.Pipe()
		result := make(chan error, 1)
		bank.RegisterBankTeller(srv, func(ctx context.Context, start bank.BankTellerStart) (bank.BankTellerEnd, error) {
			end, err := peer.Tell(ctx, start)
			result <- err
			return end, err
		})
		drop(t, conn)
		for {
			runtime.GC()
			select {
			case err := <-result:
				require.ErrorAs(t, err, new(*session.AbortError))
				require.ErrorIs(t, err, net.ErrClosed)
				for !strings.Contains(log.String(), "dropped before its end") {
					time.Sleep(time.Millisecond)
				}
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
}

// TestMisuseIsListed has docs/misuse.md name every case of TestMisuseThatCompiles.
func TestMisuseIsListed(t *testing.T) {
	listed, err := os.ReadFile("../docs/misuse.md")
	require.NoError(t, err)
	source, err := os.ReadFile("misuse_run_test.go")
	require.NoError(t, err)
	cases := regexp.MustCompile(`t\.Run\("([^"]+)"`).FindAllSubmatch(source, -1)
	require.NotEmpty(t, cases)
	for _, c := range cases {
		require.Contains(t, strings.ReplaceAll(string(listed), "`", ""), string(c[1]))
	}
}

// drop opens an account, and forgets it.
func drop(t *testing.T, conn session.Conn) {
	start, err := bank.OpenBankClient(t.Context(), conn)
	require.NoError(t, err)
	_, err = start.SendOpen(t.Context(), "ada")
	require.NoError(t, err)
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
