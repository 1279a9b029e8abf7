package services_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// host is a server that can be down, in memory.
type host struct {
	server
	mu     sync.Mutex
	down   bool
	dials  int
	alive  []*link
	silent atomic.Bool
	closed atomic.Int32
}

// link is a connection to a host.
type link struct {
	session.Conn
	host *host
	dead atomic.Bool
}

var errGone = fmt.Errorf("gone: %w", net.ErrClosed)

func (l *link) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	if l.dead.Load() {
		return nil, errGone
	}
	return l.Conn.OpenStream(ctx, p, note)
}

// Silent is as that of a *transport.Conn.
func (l *link) Silent() bool { return l.host.silent.Load() }

func (l *link) Close(context.Context) error {
	l.host.closed.Add(1)
	return nil
}

func (h *host) dial(ctx context.Context) (session.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials++
	if h.down {
		return nil, errors.New("nobody answers")
	}
	conn, srv := session.Pipe()
	services.RegisterContracts(srv, &h.server)
	l := &link{Conn: conn, host: h}
	h.alive = append(h.alive, l)
	return l, ctx.Err()
}

// set takes the host down, or brings it up. Its connections die with it.
func (h *host) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
	for _, l := range h.alive {
		l.dead.Store(true)
	}
	h.alive = nil
}

func (h *host) dialed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dials
}

// TestRedial takes the server of a client away, for a moment and for long.
func TestRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		h := &host{server: server{reply: 1}}
		conn := rpc.Redial(h.dial)
		c := services.NewContractsClient(conn)
		call := func() error {
			_, err := c.Divide(ctx, 100, 1)
			return err
		}
		require.Zero(t, h.dialed()) // nothing happens before the first call
		for range 3 {
			require.NoError(t, call())
		}
		require.Equal(t, 1, h.dialed())

		time.Sleep(time.Minute)
		h.set(false) // it restarts
		require.NoError(t, call())
		require.Equal(t, 2, h.dialed())
		synctest.Wait()
		require.EqualValues(t, 1, h.closed.Load())

		// While it is away calls fail at once, and attempts become rarer.
		time.Sleep(time.Minute)
		h.set(true)
		before := h.dialed()
		begun := time.Now()
		for time.Since(begun) < time.Minute {
			err := call()
			var e *rpc.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, rpc.Unavailable, e.Code)
			require.Equal(t, rpc.ProcessedNo, e.Processed())
			require.ErrorContains(t, err, "nobody answers")
			time.Sleep(time.Millisecond)
		}
		attempts := h.dialed() - before
		require.Greater(t, attempts, 8)
		require.Less(t, attempts, 24)

		// Who waits is served when it is back.
		short, cancel := context.WithTimeout(ctx, time.Second)
		require.ErrorIs(t, conn.WaitReady(short), context.DeadlineExceeded)
		cancel()
		time.AfterFunc(time.Minute, func() { h.set(false) })
		begun = time.Now()
		require.NoError(t, conn.WaitReady(ctx))
		require.GreaterOrEqual(t, time.Since(begun), time.Minute)
		require.NoError(t, call())

		// One that comes up and dies at once is not dialed without end.
		before = h.dialed()
		for range 1000 {
			h.set(false)
			_ = call()
		}
		require.Less(t, h.dialed()-before, 5)

		require.NoError(t, conn.WaitReady(ctx))
		require.NoError(t, conn.Close(ctx))
		require.Equal(t, rpc.Unavailable, rpc.CodeOf(call()))
		require.ErrorIs(t, conn.WaitReady(ctx), net.ErrClosed)
	})
}

// TestRetryOverRedial has a call made again when the server is back.
func TestRetryOverRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{server: server{reply: 1}, down: true}
		conn := rpc.Redial(h.dial)
		retry := rpc.Retry(rpc.RetryPolicy{Attempts: 8, Backoff: time.Second})
		attempts := 0
		count := func(ctx context.Context, _ *rpc.Call, next rpc.Next) error {
			attempts++
			return next(ctx)
		}
		c := services.NewContractsClient(conn, rpc.WithInterceptors(retry, count))
		time.AfterFunc(2*time.Second, func() { h.set(false) })
		require.NoError(t, c.Note(t.Context(), "not idempotent, and yet safe: no handler has seen it"))
		require.NoError(t, conn.Close(t.Context()))
		attempts = 0
		require.ErrorIs(t, c.Note(t.Context(), "too late"), net.ErrClosed)
		require.Equal(t, 1, attempts, "what is closed stays closed")
	})
}

// names is a resolver whose answer changes.
type names struct {
	mu    sync.Mutex
	addrs []string
	err   error
}

func (n *names) set(err error, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs, n.err = addrs, err
}

func (n *names) Resolve(context.Context) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.addrs, n.err
}

// TestBalance spreads calls over three servers, of which one goes and comes, and a fourth that is named later.
func TestBalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		hosts := map[string]*host{}
		for _, name := range []string{"a", "b", "c", "d"} {
			hosts[name] = &host{server: server{reply: 1}}
		}
		resolver := new(names)
		resolver.set(nil, "a", "b", "c", "b")
		conn := rpc.Balance(resolver, func(ctx context.Context, addr string) (session.Conn, error) { return hosts[addr].dial(ctx) })
		c := services.NewContractsClient(conn)
		// share makes calls, and returns how many of them each of the hosts got.
		share := func(calls int) (got [4]int32) {
			before := [4]int32{}
			for i, name := range []string{"a", "b", "c", "d"} {
				before[i] = hosts[name].calls.Load()
			}
			for range calls {
				_, err := c.Divide(ctx, 100, 1)
				require.NoError(t, err)
			}
			for i, name := range []string{"a", "b", "c", "d"} {
				got[i] = hosts[name].calls.Load() - before[i]
			}
			return got
		}
		require.NoError(t, conn.WaitReady(ctx))
		synctest.Wait()
		require.Equal(t, [4]int32{30, 30, 30, 0}, share(90))

		time.Sleep(time.Second)
		hosts["b"].set(true)
		got := share(100)
		require.Equal(t, [4]int32{50, 0, 50, 0}, got)
		hosts["b"].set(false)
		time.Sleep(time.Minute)
		share(3) // finds that it may be dialed
		synctest.Wait()
		require.Equal(t, [4]int32{30, 30, 30, 0}, share(90))

		// One that answers nothing is passed over while another does.
		hosts["b"].silent.Store(true)
		require.Equal(t, [4]int32{50, 0, 50, 0}, share(100))
		hosts["a"].silent.Store(true)
		require.Equal(t, [4]int32{0, 0, 10, 0}, share(10))
		hosts["c"].silent.Store(true)
		require.Equal(t, [4]int32{30, 30, 30, 0}, share(90))
		for _, h := range hosts {
			h.silent.Store(false)
		}
		require.Equal(t, [4]int32{30, 30, 30, 0}, share(90))

		resolver.set(nil, "b", "d")
		time.Sleep(time.Minute)
		share(1) // asks the resolver
		synctest.Wait()
		share(2) // dials the new one when it is its turn
		synctest.Wait()
		require.Equal(t, [4]int32{0, 50, 0, 50}, share(100))
		require.EqualValues(t, 1, hosts["a"].closed.Load())

		// What the resolver said stays good while it fails.
		resolver.set(errors.New("no such host"))
		time.Sleep(time.Minute)
		require.Equal(t, [4]int32{0, 50, 0, 50}, share(100))

		// With nobody left, calls fail at once.
		hosts["b"].set(true)
		hosts["d"].set(true)
		_, err := c.Divide(ctx, 100, 1)
		var e *rpc.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, rpc.Unavailable, e.Code)
		require.Equal(t, rpc.ProcessedNo, e.Processed())
		time.AfterFunc(time.Minute, func() { hosts["d"].set(false) })
		require.NoError(t, conn.WaitReady(ctx))
		require.Equal(t, [4]int32{0, 0, 0, 10}, share(10))
		require.NoError(t, conn.Close(ctx))
		require.ErrorIs(t, conn.WaitReady(ctx), net.ErrClosed)
	})
}

// TestDialOfNothing: a dial that returns nothing, not even an error, has failed; it is not tried without a pause.
func TestDialOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		conn := rpc.Redial(func(context.Context) (session.Conn, error) {
			dials++
			return nil, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorContains(t, conn.WaitReady(ctx), "neither a connection nor an error")
		require.Less(t, dials, 10)
		require.NoError(t, conn.Close(ctx))
	})
}

func TestResolvers(t *testing.T) {
	addrs, err := rpc.Static("a:1", "b:2").Resolve(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, addrs)
	addrs, err = rpc.DNS("127.0.0.1:7").Resolve(t.Context()) // an address is its own name
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1:7"}, addrs)
	_, err = rpc.DNS("no port").Resolve(t.Context())
	require.Error(t, err)
	conn := rpc.Balance(rpc.DNS("no port"), nil)
	_, err = conn.OpenStream(t.Context(), &services.ContractsNoteProtocol, nil)
	require.Equal(t, rpc.Unavailable, rpc.CodeOf(err))
	require.NoError(t, conn.Close(t.Context()))
}
