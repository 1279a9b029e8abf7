package transport

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

// limited gives a budget of the process another limit for the test.
func limited(t *testing.T, b *budget, bytes int64) {
	standard := b.limit
	b.limit = func() int64 { return bytes }
	t.Cleanup(func() { b.limit = standard })
}

// all are the budgets of the process.
func all() []*budget { return append(dialing[:], listening[:]...) }

// checkBudgets makes sure that nothing is kept and nobody waits.
func checkBudgets(t *testing.T) {
	for _, b := range all() {
		require.Zero(t, b.used.Load())
		require.Empty(t, b.waiting)
		require.Empty(t, b.holders)
		require.False(t, b.waits.Load())
	}
}

// TestProcessBudget has many connections share less than one of them may keep: everything arrives, and
// what is kept stays within the budgets.
func TestProcessBudget(t *testing.T) {
	clean(t)
	const (
		limit, size                  = 1 << 20, 100_000
		connections, sessions, times = 6, 3, 6
	)
	for _, b := range all() {
		limited(t, b, limit)
	}
	t.Cleanup(func() { checkBudgets(t) })
	srv := echoServer(t)
	var most [4]atomic.Int64
	require.NoError(t, parallel(connections, func(int) error {
		c := dial(t, srv.addr)
		return parallel(sessions, func(int) error {
			s, err := c.OpenStream(bounded(t), echoes, nil)
			for i := 0; i < times && err == nil; i++ {
				err = exchange(bounded(t), s, make([]byte, size))
				for i, b := range all() {
					most[i].Store(max(most[i].Load(), b.used.Load()))
				}
			}
			if err != nil {
				return err
			}
			return finish(bounded(t), s)
		})
	}))
	for i, b := range all() {
		t.Logf("at most %d bytes were kept", most[i].Load())
		if b.stock == conn.Incoming {
			require.LessOrEqual(t, most[i].Load(), int64(limit))
		} else { // who looks at the same moment may find the same room
			require.LessOrEqual(t, most[i].Load(), int64(limit+connections*(size+10)))
		}
	}
}

// TestProcessBudgetWaits: connections wait for room in the order in which they came, and one whose
// sender gives up does not hold up the others.
func TestProcessBudgetWaits(t *testing.T) {
	clean(t)
	sends := dialing[conn.Outgoing]
	limited(t, sends, 1<<20)
	t.Cleanup(func() { checkBudgets(t) })
	srv := serve(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		for {
			if _, _, err := s.Recv(ctx); err != nil {
				return
			}
		}
	}})
	sends.charge(1 << 20) // somebody else's
	var order []string
	var mu sync.Mutex
	var all sync.WaitGroup
	send := func(ctx context.Context, name string) {
		c := dial(t, srv.addr)
		s := open(t, c, echoes)
		began := len(waitingFor(sends))
		all.Go(func() {
			err := s.Send(ctx, make([]byte, 1<<20), false)
			mu.Lock()
			order = append(order, fmt.Sprint(name, err))
			mu.Unlock()
		})
		require.Eventually(t, func() bool { return len(waitingFor(sends)) > began }, time.Minute, time.Millisecond)
		require.Same(t, c.link, waitingFor(sends)[began].link)
	}
	gives, cancel := context.WithCancel(bounded(t))
	send(bounded(t), "first ")
	send(gives, "gives up ")
	send(bounded(t), "last ")
	small := open(t, dial(t, srv.addr), echoes)
	require.NoError(t, small.Send(bounded(t), make([]byte, 10_000), false), "a stream's floor is its own")
	cancel()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(order) == 1
	}, time.Minute, time.Millisecond)
	sends.charge(-1 << 20)
	all.Wait()
	require.ElementsMatch(t, []string{"gives up context canceled", "first <nil>", "last <nil>"}, order)
}

func waitingFor(b *budget) []need {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]need(nil), b.waiting...)
}

// TestProcessBudgetForgets has the connection end that is told next: the one behind it is told then.
func TestProcessBudgetForgets(t *testing.T) {
	b := newBudget(conn.Outgoing)
	b.limit = func() int64 { return 1200 }
	b.reclaim.planned = true // no sweep
	s := new(shard)
	s.pump.init()
	first, second := &link{shard: s}, &link{shard: s}
	b.charge(900)
	b.wait(first, 100, 1)
	b.wait(second, 100, 1)
	b.wait(first, 100, 1) // it waits already
	require.Len(t, b.waiting, 2)
	b.charge(-100)
	require.True(t, first.retry.Load())
	require.False(t, second.retry.Load())
	b.forget(first)
	require.True(t, second.retry.Load())
	require.Empty(t, b.waiting)
	require.True(t, b.take(b.limit(), 0, 100))
	require.False(t, b.take(b.limit(), 100, 1))
	b.wait(first, 100, 1)
	b.wait(second, 100, 1)
	b.forget(first)
	b.charge(-900)
	require.False(t, b.waits.Load())
	require.True(t, b.take(b.limit(), 0, 5000), "larger than all, and alone")
}

// Whoever comes first has three quarters of a budget. However many come after that, the next one finds something.
func TestProcessBudgetIsFair(t *testing.T) {
	const limit = 256 << 20
	b := newBudget(conn.Outgoing)
	b.limit = func() int64 { return limit }
	greedy := func(most int64) (held int64) {
		for size := int64(1 << 20); size >= 1<<10; {
			if held+size <= most && b.take(b.limit(), held, size) {
				held += size
			} else {
				size /= 2
			}
		}
		return held
	}
	for range 24 {
		require.EqualValues(t, 8<<20, greedy(8<<20))
	}
	require.EqualValues(t, 192<<20, b.used.Load())
	before := int64(8 << 20)
	for i := range 100 {
		held := greedy(8 << 20)
		require.LessOrEqual(t, held, before)
		require.GreaterOrEqual(t, held, int64(64<<10), "%d", i)
		before = held
	}
	require.Less(t, b.used.Load(), int64(limit))
	require.False(t, b.take(b.limit(), 8<<20, 1), "who has more than a share waits")
	b.charge(-32 << 20)
	require.False(t, b.take(b.limit(), 0, 100<<20), "a large message waits until half of it is free")
	b.charge(-96 << 20)
	require.True(t, b.take(b.limit(), 0, 100<<20), "no longer")
}

// The three rules of flow control at their full size, over sockets; share_test.go of the core has them in virtual time.

// long reports whether tests are to run at their full length, as make endurance has them.
func long() bool { return os.Getenv("ENDURANCE") != "" }

// TestFlowSixtyFourLongMessages: together they are 32 times what the pool holds, and all arrive.
func TestFlowSixtyFourLongMessages(t *testing.T) {
	clean(t)
	const size = 4 << 20
	streams := 12
	if long() {
		streams = 64
	}
	ended := make(chan error, streams)
	srv := serve(t, map[*session.Protocol]handler{hello: func(ctx context.Context, s session.Stream) {
		message, _, err := s.Recv(ctx)
		if err == nil && len(message) != size {
			err = fmt.Errorf("%d bytes", len(message))
		}
		ended <- err
		_ = s.CloseSend()
	}}, func(c *config) error {
		c.conn.Pool = 8 << 20
		return nil
	})
	c := dial(t, srv.addr)
	message := make([]byte, size)
	require.NoError(t, parallel(streams, func(int) error {
		s, err := c.OpenStream(bounded(t), hello, nil)
		if err == nil {
			err = s.Send(bounded(t), message, true)
		}
		return err
	}))
	for range streams {
		require.NoError(t, <-ended)
	}
}

// TestFlowSessionsThatNeverRead: 99 sessions whose server never reads, and their writers that wait, do not hold up the hundredth.
func TestFlowSessionsThatNeverRead(t *testing.T) {
	clean(t)
	never := protocol("Never", 0)
	srv := serve(t, map[*session.Protocol]handler{echoes: serveEcho, never: func(ctx context.Context, s session.Stream) { <-ctx.Done() }})
	c := dial(t, srv.addr)
	ctx, cancel := context.WithCancel(bounded(t))
	var stuck sync.WaitGroup
	for range 99 {
		s := open(t, c, never)
		stuck.Go(func() {
			for s.Send(ctx, make([]byte, 10_000), false) == nil {
			}
		})
	}
	quick := open(t, c, echoes)
	for range 500 {
		require.NoError(t, exchange(bounded(t), quick, make([]byte, 1000)))
	}
	require.Less(t, c.Stats().PTOCount, 2)
	cancel()
	stuck.Wait()
}

// TestFlowSmallCallsBesideAStalledMessage: a message of 4 MiB whose reader does not come does not hold up small calls.
func TestFlowSmallCallsBesideAStalledMessage(t *testing.T) {
	clean(t)
	never := protocol("Never", 0)
	srv := serve(t, map[*session.Protocol]handler{echoes: serveEcho, never: func(ctx context.Context, s session.Stream) { <-ctx.Done() }},
		func(c *config) error { c.conn.Pool = 8 << 20; return nil })
	c := dial(t, srv.addr)
	ctx, cancel := context.WithCancel(bounded(t))
	var stuck sync.WaitGroup
	for range 3 { // one more than the pool has room for
		s := open(t, c, never)
		stuck.Go(func() {
			for s.Send(ctx, make([]byte, 4<<20), false) == nil {
			}
		})
	}
	small := open(t, c, echoes)
	for range 500 {
		require.NoError(t, exchange(bounded(t), small, make([]byte, 64)))
	}
	cancel()
	stuck.Wait()
}

// The largest message that may be allowed does not make the pool wrap around, on no processor: two of them fit beside the windows.
func TestFlowLargestLimit(t *testing.T) {
	c, err := newConfig([]Option{WithPlaintext(), WithMaxMessage(messageMax)})
	require.NoError(t, err)
	require.Equal(t, int64(2*(1<<30+10)+(8<<20)), c.conn.Pool)
}

// Two messages of the largest size fit into a connection at once: who works on one does not stop the other.
func TestFlowTwoLargestMessages(t *testing.T) {
	const most = 5 << 20
	got := make(chan int, 2)
	srv := serve(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		if m, _, err := s.Recv(ctx); err == nil {
			got <- len(m)
		}
		<-ctx.Done()
	}}, WithMaxMessage(most))
	c := dial(t, srv.addr)
	for i := range 2 {
		require.NoError(t, open(t, c, echoes).Send(bounded(t), make([]byte, most), false))
		select {
		case n := <-got:
			require.Equal(t, most, n)
		case <-bounded(t).Done():
			require.FailNow(t, "message does not arrive", "%d", i)
		}
	}
}
