package conn

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/flow"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Who announces a long message and does not go on with it loses the session, and the reservation, when others wait for that; who goes on slowly does not.
func TestStalledReservation(t *testing.T) {
	for name, c := range map[string]struct {
		sent   int // in each half of the death timeout
		stalls bool
	}{
		"only the length":   {0, true},
		"drops":             {1000, true},
		"a floor each time": {flow.Floor, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := connectedWorld(t, func(_, server *Config) { server.DeathTimeout = 10 * time.Second })
			server, number := w.server.core, uint64(1000)
			at := uint64(0)
			send := func(data string) {
				for len(data) > 0 {
					n := min(1000, len(data))
					w.server.arrive(clientAddr, w.client.forge(number, append(packet.AppendStreamHead(nil, 0, at, n, false), data[:n]...)))
					number++
					at += uint64(n)
					data = data[n:]
				}
			}
			send("\x00" + string(binary.AppendUvarint(nil, 1<<20)) + "x")
			require.EqualValues(t, 1<<20+3, server.find(0).recv.claim.Size())
			require.Zero(t, server.Stalled(w.now, Incoming))
			stalled := 0
			for range 5 {
				w.now = w.now.Add(5 * time.Second)
				send(strings.Repeat("x", c.sent))
				require.Zero(t, server.Stalled(w.now, Outgoing))
				if stalled = server.Stalled(w.now, Incoming); stalled > 0 {
					break
				}
			}
			require.Equal(t, c.stalls, stalled == 1<<20+3)
			free := server.pool.Free()
			server.Shed(w.now, Incoming)
			w.server.after()
			aborted := w.server.got(EventAborted)
			if !c.stalls {
				require.Empty(t, aborted)
				require.NotNil(t, server.find(0))
				return
			}
			require.Equal(t, free+1<<20+3, server.pool.Free())
			require.Equal(t, &AbortError{Code: AbortStalled}, aborted[0].Err)
			require.NoError(t, server.CheckInvariants())
			require.Zero(t, server.Stalled(w.now, Incoming))
		})
	}
}

// Who has everything, from a peer that is done, and does not read it, loses it when others wait for the room; the peer need not be told.
func TestStalledReading(t *testing.T) {
	w := connectedWorld(t, func(_, server *Config) { server.DeathTimeout = 10 * time.Second })
	id, server := w.open(true), w.server.core
	w.client.send(id, strings.Repeat("x", 200<<10), true)
	w.run(time.Second)
	require.NoError(t, server.Finish(w.now, id))
	w.server.after()
	w.run(time.Second)
	w.client.core.Close(w.now)
	w.client.after()
	w.run(time.Second)
	require.True(t, server.peerClosed)
	require.Zero(t, server.Stalled(w.now, Incoming))
	w.run(10 * time.Second)
	require.NotZero(t, server.Stalled(w.now, Incoming))
	server.Shed(w.now, Incoming)
	require.Nil(t, server.find(id))
	require.NoError(t, server.CheckInvariants())
	w.server.after()
	require.Equal(t, &AbortError{Code: AbortStalled}, w.server.got(EventAborted)[0].Err)
}

// Whose peer does not read loses the session when others wait for the memory, also where the connection rests meanwhile; a stream whose turn comes
// rarely, because many others go on beside it, does not.
func TestStalledSending(t *testing.T) {
	w := connectedWorld(t, func(client, _ *Config) { client.DeathTimeout = 10 * time.Second })
	client := w.client.core
	stuck, read := w.open(true), w.open(true)
	w.client.send(stuck, strings.Repeat("x", 200<<10), false)
	w.run(time.Second) // the first message is whole there, and nobody reads it
	w.client.send(stuck, strings.Repeat("x", 200<<10), false)
	w.client.send(stuck, strings.Repeat("x", 20<<10), false)
	w.client.send(read, strings.Repeat("x", 200<<10), false)
	w.run(time.Second)
	require.NotZero(t, client.Kept())
	require.Zero(t, client.Stalled(w.now, Outgoing))
	kept := client.find(stuck).send.beyond()
	for range 20 {
		w.run(time.Second)
		w.server.recvIf(read)
		w.client.send(read, strings.Repeat("x", 20<<10), false)
	}
	require.Equal(t, kept, client.find(stuck).send.beyond())
	require.Equal(t, kept, client.Stalled(w.now, Outgoing))
	client.Shed(w.now, Outgoing)
	w.client.after()
	aborted := w.client.got(EventAborted)
	require.Len(t, aborted, 1)
	require.Equal(t, stuck, aborted[0].Stream)
	require.NoError(t, client.CheckInvariants())
	w.run(time.Second)
	require.Equal(t, &AbortError{Code: AbortStalled, Remote: true}, w.server.got(EventAborted)[0].Err)
	require.Nil(t, w.client.closed)
}

// A stream whose turn does not come, because this end serves others before it, does not stall, unless nothing at all moves.
func TestStalledTurn(t *testing.T) {
	w := connectedWorld(t)
	id, client := w.open(true), w.client.core
	w.client.send(id, strings.Repeat("x", 200<<10), false)
	s, long := client.find(id), w.now.Add(-time.Hour)
	require.Less(t, s.send.next, s.send.limit, "its peer allows more")
	s.send.pace = pace{long, s.send.acked}
	client.pace = pace{w.now, client.taken}
	require.Zero(t, client.Stalled(w.now, Outgoing))
	client.pace = pace{long, client.taken}
	require.Equal(t, s.send.beyond(), client.Stalled(w.now, Outgoing))
}

// Where no memory is lent for it a window stays at the floor; what comes in one that had grown before is dropped until it is read, and the peer hears
// that this end lives.
func TestWindowWithoutMemory(t *testing.T) {
	w := connectedWorld(t, func(client, server *Config) { client.DeathTimeout = 5 * time.Second })
	h := &lender{}
	w.server.core.Share(h)
	id := w.open(true)
	for range 5 {
		w.client.send(id, strings.Repeat("x", 2000), false)
	}
	w.run(time.Second)
	read := func() (n int) { m, _ := w.server.recvIf(id); return len(m) }
	for sent, got := 5, 0; sent < 500; sent++ { // the reader is fast: the window grows
		w.client.send(id, strings.Repeat("x", 1000), false)
		w.run(time.Millisecond)
		got += read()
	}
	s := w.server.core.find(id)
	require.NotZero(t, s.recv.window.Grown())
	require.Equal(t, s.recv.borrowed, h.lent)
	require.Equal(t, s.recv.window.Grown(), h.lent)
	w.run(time.Second)
	read()
	w.until(w.server.core.Resting)
	require.Zero(t, h.lent, "nothing is in the window")
	require.NoError(t, w.server.core.CheckInvariants())

	h.refuses = true
	for range 40 {
		w.client.send(id, strings.Repeat("x", 1000), false)
	}
	w.run(20 * time.Second)

	require.Nil(t, w.client.closed, "it is known to be alive")
	require.LessOrEqual(t, s.recv.Ready()-s.recv.Consumed(), uint64(flow.Floor))
	got := 0
	w.until(func() bool { got += read(); return got == 40 })
	require.NoError(t, w.server.core.CheckInvariants())

	h.refuses = false
	for range 40 {
		w.client.send(id, strings.Repeat("x", 1000), false)
	}
	w.run(time.Second)
	require.NotZero(t, h.lent)
	w.client.core.AbortStream(w.now, id, 1, "")
	w.client.after()
	w.run(time.Second)
	require.Zero(t, h.lent, "the stream is gone")
}

// lender counts what windows hold.
type lender struct {
	host
	lent    uint64
	refuses bool
}

func (l *lender) TakeNow(n uint64) bool {
	if l.refuses {
		return false
	}
	l.lent += n
	return true
}
func (l *lender) Give(n uint64) { l.lent -= n }
