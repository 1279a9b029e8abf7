package conn

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Messages that together are 32 times what the pool holds all arrive: what is reserved can complete.
func TestLongMessagesOnManyStreams(t *testing.T) {
	const streams, size = 64, 256 << 10
	w := connectedWorld(t, func(client, server *Config) { server.MaxMessage, server.Pool = size, 2*size })
	message := strings.Repeat("x", size)
	for range streams {
		if w.client.core.Send(w.now, w.open(false), []byte(message), true) == nil {
			w.client.after()
		}
	}
	finished, called := map[StreamID]bool{}, 0
	w.until(func() bool {
		for writable := w.client.got(EventWritable); called < len(writable); called++ {
			w.client.send(writable[called].Stream, message, true)
		}
		require.NoError(t, w.server.core.CheckInvariants())
		for _, e := range w.server.got(EventAccepted) {
			if messages, _ := w.server.recvIf(e.Stream); len(messages) > 0 {
				require.Len(t, messages[0], size)
				finished[e.Stream] = true
			}
		}
		return len(finished) == streams
	})
	w.run(time.Second)
	require.Zero(t, w.client.core.buffered)
}

// rounds is how many exchanges one session makes in ten seconds.
func rounds(w *world, id StreamID) (n int) {
	for end := w.now.Add(10 * time.Second); w.now < end; n++ {
		w.client.send(id, "small", false)
		w.until(func() bool { m, _ := w.server.recvIf(id); return m != nil })
		w.server.send(id, "small", false)
		w.until(func() bool { m, _ := w.client.recvIf(id); return m != nil })
	}
	return n
}

// Of a hundred sessions 99 never read what is sent to them; the last one is as fast as alone.
func TestSessionsThatNeverRead(t *testing.T) {
	alone := connectedWorld(t)
	want := rounds(alone, alone.open(true))

	w := connectedWorld(t, func(client, server *Config) { server.MaxMessage, server.Pool = 256<<10, 512<<10 })
	id := w.open(true)
	var stuck []StreamID
	for range 99 {
		stuck = append(stuck, w.open(true))
	}
	for _, size := range []int{10_000, 120_000, 120_000, 120_000, 5} {
		for _, id := range stuck {
			_ = w.client.core.Send(w.now, id, make([]byte, size), false)
			w.client.after()
		}
		w.run(time.Second)
	}
	got := rounds(w, id)
	require.GreaterOrEqual(t, got, want*9/10, "alone: %d", want)
	require.GreaterOrEqual(t, w.client.core.buffered, connBudget)
	require.Nil(t, w.client.closed)
}

// A stream with a long message that cannot go on does not hold up small ones beside it.
func TestSmallCallsBesideAStalledMessage(t *testing.T) {
	w := connectedWorld(t, func(client, server *Config) { server.MaxMessage, server.Pool = 4<<20, 8<<20 })
	id := w.open(true)
	for range 3 { // the third one waits for the pool
		w.client.send(w.open(false), strings.Repeat("x", 4<<20), true)
		w.run(20 * time.Second)
	}
	require.Greater(t, w.client.core.buffered, 4<<20-32<<10)
	require.GreaterOrEqual(t, rounds(w, id), 400)
}

// More than the connection's budget is not taken, whatever the streams; who was refused is
// called in order.
func TestSendBudget(t *testing.T) {
	w := connectedWorld(t)
	message := strings.Repeat("x", 4<<20)
	var ids []StreamID
	for range 6 {
		ids = append(ids, w.open(false))
	}
	for i, id := range ids {
		err := w.client.core.Send(w.now, id, []byte(message), true)
		if i < 2 {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ErrBlocked)
		}
	}
	w.client.after()
	sent, called := 2, 0
	w.until(func() bool {
		for _, e := range w.server.got(EventAccepted) {
			w.server.recvIf(e.Stream)
		}
		if events := w.client.got(EventWritable); called < len(events) {
			require.Equal(t, ids[2+called], events[called].Stream)
			called++
			w.client.send(ids[1+called], message, true)
			sent++
		}
		return sent == len(ids) && w.client.core.buffered == 0
	})
}

// Who keeps its streams open may have as many as are allowed, whatever ended before.
func TestAllStreamsMayBeOpen(t *testing.T) {
	w := connectedWorld(t, func(client, server *Config) { server.MaxStreams = 100 })
	for range 7 {
		w.client.core.AbortStream(w.now, w.open(true), 0, "")
		w.client.after()
		w.run(time.Second)
	}
	for range 100 {
		w.open(true)
		w.run(time.Second)
	}
	_, err := w.client.core.OpenStream(w.now, nil, true)
	require.ErrorIs(t, err, ErrBlocked)
	require.Equal(t, 100, w.server.core.streams.Len())
}

// S16: what is sent before the first acknowledgement stays within the window, and within memory.
func TestS16ManySendsBeforeTheFirstAck(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	w.fate = func(d *flying) (int, time.Duration) { return 0, 0 }
	sent := 0
	for ; w.client.core.Send(w.now, id, []byte("0123456789"), false) == nil; sent++ {
		w.client.after()
		stats := w.client.core.Stats()
		require.LessOrEqual(t, stats.BytesInFlight, stats.CongestionWindow)
	}
	require.InDelta(t, streamBudget/11, sent, 2000)
	w.fate = nil
	received := 0
	w.until(func() bool {
		messages, _ := w.server.recvIf(id)
		received += len(messages)
		return received == sent
	})
}

// A message that ends a little behind the limit that its sender knows gets through, though its
// reader has not read enough for a new limit to be due: also where nothing is left for larger windows.
func TestMessageJustBehindTheLimit(t *testing.T) {
	for first := 1; first < 20_000; first += 397 {
		w := connectedWorld(t, func(_, server *Config) {
			server.MaxMessage = 20_000
			server.Pool = 2 * (20_000 + MessagePrefix)
		})
		require.Zero(t, w.server.core.surplus)
		id := w.open(true)
		w.client.send(id, strings.Repeat("a", first), false)
		w.client.send(id, strings.Repeat("b", 15_000), true)
		var got []string
		w.until(func() bool {
			messages, _ := w.server.recvIf(id)
			got = append(got, messages...)
			return len(got) == 2
		})
	}
}
