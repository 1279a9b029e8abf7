package transport

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// answer answers one message with itself as its last word, in the way of package rpc, and blocks until wake is
// closed before that if the message says so.
func answer(wake <-chan struct{}) handler {
	return func(ctx context.Context, s session.Stream) {
		message, _, err := s.Recv(ctx)
		if err != nil {
			return
		}
		if string(message) == "block" {
			<-wake
		}
		_ = s.(*stream).Reply(ctx, message)
	}
}

// ask opens a session and sends its only message.
func ask(t testing.TB, c *Conn, message string) session.Stream {
	t.Helper()
	s := open(t, c, echoes)
	require.NoError(t, s.Send(bounded(t), []byte(message), true))
	return s
}

func hears(t testing.TB, s session.Stream, want string) {
	t.Helper()
	message, _, err := s.Recv(bounded(t))
	require.NoError(t, err)
	require.Equal(t, want, string(message))
}

// TestHandlersThatBlock has programs block for ever, one after the other, where it is the goroutine that reads which
// serves them: sessions that come then are served all the same. There are more of them than goroutines are kept.
func TestHandlersThatBlock(t *testing.T) {
	clean(t)
	wake := make(chan struct{})
	srv := serve(t, map[*session.Protocol]handler{echoes: answer(wake)})
	c := dial(t, srv.addr)
	var blocked []session.Stream
	for i := range 2*idleHandlers + 3 {
		blocked = append(blocked, ask(t, c, "block"))
		if i%8 == 0 {
			hears(t, ask(t, c, "go on"), "go on")
		}
	}
	close(wake)
	for _, s := range blocked {
		hears(t, s, "block")
	}
	hears(t, ask(t, c, "and then"), "and then")
}

// TestAnswersDoNotWaitForOthers has sessions come together, of which some block for ever: the answers of the others, which may be
// written together, do not wait for those.
func TestAnswersDoNotWaitForOthers(t *testing.T) {
	clean(t)
	wake := make(chan struct{})
	srv := serve(t, map[*session.Protocol]handler{echoes: answer(wake)})
	c := dial(t, srv.addr)
	for round := range 20 {
		var all sync.WaitGroup
		for i := range 40 {
			if i%4 == round%4 && round < 4 {
				ask(t, c, "block")
				continue
			}
			all.Go(func() { hears(t, ask(t, c, "go on"), "go on") })
		}
		all.Wait()
	}
	close(wake)
}

// TestEachSessionHasAGoroutine has sessions that wait for each other.
func TestEachSessionHasAGoroutine(t *testing.T) {
	clean(t)
	const sessions = 100
	var met sync.WaitGroup
	met.Add(sessions)
	srv := serve(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		message, _, err := s.Recv(ctx)
		if err != nil {
			return
		}
		met.Done()
		met.Wait()
		_ = s.(*stream).Reply(ctx, message)
	}})
	c := dial(t, srv.addr)
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			text := fmt.Sprint(i)
			hears(t, ask(t, c, text), text)
		})
	}
	all.Wait()
}

// leads reports whether a goroutine that serves sessions has the reader's role.
func (s *server) leads() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sv := range s.serving {
		for _, shard := range sv.group.shards {
			r := &shard.role
			r.mu.Lock()
			leads := r.reading && r.leader.serves
			r.mu.Unlock()
			if leads {
				return true
			}
		}
	}
	return false
}

// TestHandlerReads shows that who has served a session reads, so that it serves the next one too; and
// that nothing is left of it when the server stops.
func TestHandlerReads(t *testing.T) {
	for _, stop := range []func(*server) error{
		func(s *server) error { s.cancel(); return s.stopped() },
		func(s *server) error { return s.ln.Close() },
		func(s *server) error { return s.Shutdown(context.Background()) },
	} {
		clean(t)
		srv := serve(t, map[*session.Protocol]handler{echoes: answer(nil)})
		c := dial(t, srv.addr)
		for !srv.leads() { // at once, unless the stand-by reader was faster
			hears(t, ask(t, c, "x"), "x")
		}
		_ = stop(srv)
		srv.stopped()
	}
}

// TestLeaderCancels has the one who reads for others give up: the others get what is theirs.
func TestLeaderCancels(t *testing.T) {
	clean(t)
	wake := make(chan struct{})
	srv := serve(t, map[*session.Protocol]handler{echoes: answer(wake)})
	c := dial(t, srv.addr)
	var canceled, others sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for range 4 {
		gone, stays := ask(t, c, "block"), ask(t, c, "block")
		canceled.Go(func() {
			_, _, err := gone.Recv(ctx)
			require.ErrorIs(t, err, context.Canceled)
		})
		others.Go(func() { hears(t, stays, "block") })
	}
	cancel()
	canceled.Wait()
	close(wake)
	others.Wait()
}

func TestSlowness(t *testing.T) {
	var s slowness
	learn := func(n int, took time.Duration) {
		for range n {
			s.learn(took)
		}
	}
	require.False(t, s.likely())
	learn(2, slowTime)
	require.False(t, s.likely(), "two may have been held up")
	learn(1, slowTime)
	require.True(t, s.likely())
	learn(slowStep, 0)
	require.False(t, s.likely())
	for range 100 {
		learn(1, time.Second)
		learn(slowStep, 0)
	}
	require.False(t, s.likely(), "one of many")
	learn(1_000_000, time.Second)
	learn(slowMax, 0)
	require.Zero(t, s, "it forgets")
}
