package transport

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// bare starts a shard without connections.
func bare(t testing.TB) *shard {
	t.Helper()
	sock, err := udp.Listen("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	s := startShard(sock, datagramMax)
	t.Cleanup(func() {
		s.stop()
		s.running.Wait()
	})
	return s
}

// TestRoleIsPassedOn has many waiters signalled from all sides, while contexts end
// and garbage arrives. Each signal must get through: a lost one hangs the test.
func TestRoleIsPassedOn(t *testing.T) {
	clean(t)
	s := bare(t)
	const waiters, rounds = 30, 300
	var all sync.WaitGroup
	for i := range uint64(waiters) {
		random := rand.New(rand.NewPCG(i, 1))
		all.Go(func() {
			w := newWaiter(s)
			defer w.retire()
			reused, cancelReused := context.WithCancel(context.Background())
			defer cancelReused()
			for range rounds {
				switch random.IntN(3) {
				case 0: // a signal, with a context that is always the same
					go w.signal()
					require.NoError(t, w.wait(reused))
				case 1: // a signal, with a new one
					ctx, cancel := context.WithCancel(context.Background())
					go w.signal()
					require.NoError(t, w.wait(ctx))
					cancel()
				case 2: // the end of the context
					ctx, cancel := context.WithCancel(context.Background())
					go cancel()
					for w.wait(ctx) == nil {
					}
					require.ErrorIs(t, w.wait(ctx), context.Canceled)
				}
			}
		})
	}
	garbage := make(chan struct{})
	go func() {
		defer close(garbage)
		sock, err := udp.Listen("udp4", "127.0.0.1:0")
		if err != nil {
			return
		}
		defer sock.Close()
		b := udp.NewBatch(1, 100)
		b.Add(udp.Datagram{Addr: s.sock.LocalAddr(), Data: append(b.Next(), "garbage"...)})
		for range 1000 {
			_ = sock.WriteBatch(b)
		}
	}()
	all.Wait()
	<-garbage
}

// TestStandByGivesWay shows that the stand-by reader reads while nobody waits,
// and that a waiter which comes then is signalled all the same.
func TestStandByGivesWay(t *testing.T) {
	clean(t)
	s := bare(t)
	leads := func() bool {
		s.role.mu.Lock()
		defer s.role.mu.Unlock()
		return s.role.reading
	}
	for !leads() { // after a millisecond
	}
	w := newWaiter(s)
	go w.signal()
	require.NoError(t, w.wait(context.Background()))

	// Reading dry takes the role from whoever has it, and gives it back.
	s.readDry(newWaiter(s))
	go w.signal()
	require.NoError(t, w.wait(context.Background()))
}

// TestSocketLost closes the socket under a shard: nobody reads any more, and signals still get through.
func TestSocketLost(t *testing.T) {
	clean(t)
	s := bare(t)
	w := newWaiter(s)
	for range 10 {
		go w.signal()
		require.NoError(t, w.wait(context.Background()))
		s.sock.Close()
	}
	s.readDry(newWaiter(s))
}

// TestParking holds the list against a slice.
func TestParking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list parking
		var want []*waiter
		for range rapid.IntRange(0, 50).Draw(t, "steps") {
			if len(want) == 0 || rapid.Bool().Draw(t, "push") {
				w := new(waiter)
				list.push(w)
				want = append(want, w)
			} else {
				i := rapid.IntRange(0, len(want)-1).Draw(t, "which")
				list.remove(want[i])
				require.False(t, want[i].parked)
				want = append(want[:i:i], want[i+1:]...)
			}
			w := list.last
			for i := len(want) - 1; i >= 0; i-- {
				require.Same(t, want[i], w)
				require.True(t, w.parked)
				w = w.prev
			}
			require.Nil(t, w)
		}
	})
}

// TestTimers holds the heap against a map.
func TestTimers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var wheel timers
		wheel.init()
		defer wheel.timer.Stop()
		links := make([]*link, 20)
		for i := range links {
			links[i] = new(link)
		}
		want := map[*link]mono.Time{}
		at := mono.Time(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "begin"))
		wheel.pop(at)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			l := rapid.SampledFrom(links).Draw(t, "link")
			// From microseconds to weeks.
			ahead := time.Duration(1) << rapid.IntRange(10, 50).Draw(t, "scale")
			ahead += time.Duration(rapid.Int64Range(0, int64(ahead)).Draw(t, "ahead"))
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1, 2:
				due := at.Add(ahead - time.Millisecond) // some are in the past
				wheel.set(l, due)
				if old, in := want[l]; !in || due < old {
					want[l] = due
				}
			case 3:
				wheel.remove(l)
				delete(want, l)
			default:
				at = at.Add(ahead)
				for popped := wheel.pop(at); popped != nil; popped = wheel.pop(at) {
					due, in := want[popped]
					require.True(t, in)
					require.LessOrEqual(t, due, at, "early")
					delete(want, popped)
				}
				for _, due := range want {
					require.Greater(t, due, at.Add(-tick), "not popped")
				}
				if len(want) == 0 {
					require.Equal(t, mono.Never, wheel.armed)
				} else {
					require.Greater(t, wheel.armed, at.Add(-tick))
				}
			}
			require.Equal(t, len(want), wheel.count)
			for _, due := range want {
				require.LessOrEqual(t, wheel.armed, max(due, at).Add(tick), "the timer is to fire no later")
			}
		}
	})
}

// TestInbox fills an inbox over the brim and empties it.
func TestInbox(t *testing.T) {
	var in inbox
	var spare batches
	from := netip.MustParseAddrPort("127.0.0.1:1")
	require.Nil(t, in.take())
	for i := range batchMax + 5 {
		in.put(&spare, &udp.Datagram{Addr: from, Data: []byte{byte(i)}})
	}
	b := in.take()
	require.Len(t, b.Datagrams, batchMax)
	require.Equal(t, []byte{3}, b.Datagrams[3].Data)
	require.Equal(t, from, b.Datagrams[3].Addr)
	require.Nil(t, in.take())
	spare.put(b)
	in.put(&spare, &udp.Datagram{Addr: from})
	require.Same(t, b, in.take())
}
