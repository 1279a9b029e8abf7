package conn

import (
	"errors"
	"math"
	"math/bits"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// The attacks on one machine, under their numbers in docs/verification.md.

// Attack 17: a peer that sends crumbs with gaps between them up to the limit makes an end
// hold no more than it may hold anyway, and a bounded list of gaps.
func TestAttack17ReassemblyMemory(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC() // twice: what pools keep goes with the second
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	grew := math.MaxInt
	for range 3 { // something else of the process may grow meanwhile, but not each time
		w := connectedWorld(t)
		id := w.open(true)
		w.run(time.Second)
		before := heap()
		number := uint64(1000)
		for offset := uint64(10); offset < 16<<10-1; offset += 2 { // every second byte of the window
			w.server.core.HandleDatagram(w.now, clientAddr, w.client.forge(number, append(packet.AppendStreamHead(nil, uint64(id), offset, 1, false), 'x')))
			number++
		}
		s := w.server.core.find(id)
		require.NotNil(t, s, "the connection stands")
		require.LessOrEqual(t, s.recv.Gaps(), 1024)
		grew = min(grew, heap()-before)
		require.NoError(t, w.server.core.CheckInvariants())
		runtime.KeepAlive(w)
	}
	require.Less(t, grew, 2*16<<10, "window, list of gaps, and what remembers the packets")
	require.Greater(t, grew, 16<<10, "it measures")
}

// A byte at the end of the window of each of many streams takes memory for a byte, not for the window.
func TestAttack17ManyStreams(t *testing.T) {
	const streams, last = 1000, 16<<10 - 1
	w := connectedWorld(t)
	server := w.server.core
	number := uint64(1000)
	send := func(id, offset uint64, data string) {
		frame := append(packet.AppendStreamHead(nil, id, offset, len(data), false), data...)
		server.HandleDatagram(w.now, clientAddr, w.client.forge(number, frame))
		number++
	}
	send(streams-1, 0, "\x01") // the streams' records are there
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for id := range uint64(streams) {
		send(id, last, "x")
	}
	runtime.ReadMemStats(&after)
	took := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d streams took %d bytes", streams, took)
	require.Less(t, took, uint64(streams*2<<10), "less than the windows, which are 16 KiB each")

	body := strings.Repeat("x", 1024)
	for id := range uint64(streams) { // each goes on as if nothing had been
		send(id, 0, "\x00"+body[1:])
		for offset := uint64(len(body)); offset < last; offset += uint64(len(body)) {
			send(id, offset, body[:min(uint64(len(body)), last-offset)])
		}
		require.Equal(t, uint64(last+1), server.find(StreamID(id)).recv.Ready())
	}
	require.Nil(t, w.server.closed)
	require.NoError(t, server.CheckInvariants())
}

// Attack 20: a reader that stops costs its writer a bounded buffer, and Send says so.
func TestAttack20SlowReader(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	var err error
	taken := 0
	for ; err == nil && taken < 100_000; taken++ {
		err = w.client.core.Send(w.now, id, []byte(strings.Repeat("x", 1000)), false)
		w.client.after()
		w.run(time.Millisecond)
	}
	require.ErrorIs(t, err, ErrBlocked)
	require.LessOrEqual(t, w.client.core.Stats().Buffered, streamBudget+17<<10)
	require.LessOrEqual(t, w.server.core.find(id).recv.Ready(), uint64(16<<10+1010), "the floor, and the message that is under way")
}

// Attack 21: who is up and says nothing is gone when the idle timeout is over, to the tick; and nobody can ask for
// one that is shorter than three probe timeouts.
func TestAttack21IdleHog(t *testing.T) {
	w := connectedWorld(t, func(client, server *Config) { client.KeepAlive, server.IdleTimeout = -1, 20*time.Second })
	last := w.server.core.activeAt
	w.until(func() bool { return w.server.closed != nil })
	require.Equal(t, 20*time.Second, w.now.Sub(last))
	var closed *CloseError
	require.ErrorAs(t, w.server.closed.Err, &closed)
	require.Equal(t, Idle, closed.Cause)

	w = newWorld(t, func(client, server *Config) { client.KeepAlive, client.IdleTimeout = -1, time.Millisecond })
	w.dial()
	w.until(func() bool { return w.server.closed != nil })
	require.ErrorAs(t, w.server.closed.Err, &closed)
	require.Equal(t, Idle, closed.Cause)
	require.Equal(t, 3*w.server.core.probePeriod(), w.now.Sub(w.server.core.activeAt))
}

// Attack 21, of a stream: who sends all but the beginning of streams has what they hold taken away when the idle timeout is over, but not
// before 30 s, and the streams' places with it. A stream whose number was passed over holds nothing, and may wait for its first message.
func TestAttack21NoOpening(t *testing.T) {
	for idle, patience := range map[time.Duration]time.Duration{
		5 * time.Second: 30 * time.Second, 30 * time.Second: 30 * time.Second, time.Minute: time.Minute,
	} {
		t.Run(idle.String(), func(t *testing.T) { noOpening(t, idle, patience) })
	}
}

func noOpening(t *testing.T, idle, patience time.Duration) {
	const first, streams = 10, 100
	configure := func(client, server *Config) { client.KeepAlive, server.IdleTimeout = 2*time.Second, idle }
	w := connectedWorld(t, configure)
	quiet := w.open(false) // its header travels with its first message
	w.open(true)
	w.run(3 * patience)
	w.client.send(quiet, "at last", false)
	w.until(func() bool { m, _ := w.server.recvIf(quiet); return len(m) == 1 })

	w = connectedWorld(t, configure)
	w.run(time.Second)
	w.fate = func(*flying) (int, time.Duration) { return 0, 0 } // from now on the client is somebody else
	server, number := w.server.core, uint64(1000)
	send := func(frame []byte) {
		w.server.arrive(clientAddr, w.client.forge(number, frame))
		number++
	}
	for id := uint64(first); id < first+streams; id++ {
		send(append(packet.AppendStreamHead(nil, id, 1, 1000, false), make([]byte, 1000)...))
	}
	held := func() (n int) {
		for id := range StreamID(first + streams) {
			if s := server.find(id); s != nil && s.aborted == nil {
				n++
			}
		}
		return n
	}
	for range patience / time.Second {
		require.Equal(t, first+streams, held())
		w.run(time.Second)
		send(packet.AppendPing(nil))
	}
	require.Equal(t, first, held())
	require.NoError(t, server.CheckInvariants())
	require.Nil(t, w.server.closed)
}

// Attack 22: who opens streams and aborts them at once starts no more programs than it may have streams, as long
// as the programs have not returned.
func TestAttack22RapidReset(t *testing.T) {
	w := connectedWorld(t, func(_, server *Config) { server.MaxStreams = 100 })
	running := 0
	var ended error
	number := uint64(1000)
	for id := uint64(0); ended == nil && id < 100_000; id++ {
		frames := append(packet.AppendStreamHead(nil, id, 0, 2, false), "\x01h"...)
		frames = packet.AppendStreamAbort(frames, id, 0, "")
		w.server.core.HandleDatagram(w.now, clientAddr, w.client.forge(number, frames))
		number++
		for {
			e, ok := w.server.core.PollEvent()
			if !ok {
				break
			}
			switch e.Kind {
			case EventAccepted:
				running++
			case EventClosed:
				ended = e.Err
			}
		}
		for ok := true; ok; { // what it sends may tell of new streams
			_, _, ok = w.server.core.PollTransmit(w.now, nil)
		}
	}
	require.Equal(t, 100, running)
	var closed *CloseError
	require.ErrorAs(t, ended, &closed)
	require.Equal(t, packet.StreamLimitError, packet.Code(closed.Code))
}

// Programs that return make room for others.
func TestReleaseGivesStreamsBack(t *testing.T) {
	w := connectedWorld(t, func(_, server *Config) { server.MaxStreams = 2 })
	w.server.keeps = true
	for range 10 {
		id := w.open(true)
		w.run(time.Second)
		w.client.core.AbortStream(w.now, id, 1, "")
		w.client.after()
		w.run(time.Second)
		w.server.core.Release(w.now, id)
		w.server.after()
		w.run(time.Second)
	}
	require.Nil(t, w.server.closed)
}

// Attack 26: what storms into a connection that has been closed is answered ever more rarely.
func TestAttack26CloseLoop(t *testing.T) {
	w := connectedWorld(t)
	w.server.core.Abort(w.now, 1, "")
	w.server.after()
	w.run(time.Second)
	sent := w.sent
	const storm = 4096
	for i := range storm {
		w.server.arrive(clientAddr, packet.AppendShort(nil, w.server.id, false, uint64(i), 4)[:13])
	}
	require.LessOrEqual(t, w.sent-sent, bits.Len(storm)+1)
}

// Attack 10: an acknowledgement of what was never sent ends the connection, and of numbers that were left out too.
func TestAttack10OptimisticAck(t *testing.T) {
	w := connectedWorld(t)
	w.client.arrive(serverAddr, w.server.forge(500, packet.AppendAckHead(nil, w.client.core.loss.NextNumber(2)+10, 0, 0, 3)))
	var closed *CloseError
	require.True(t, errors.As(w.client.closed.Err, &closed))
	require.Equal(t, packet.ProtocolViolation, packet.Code(closed.Code))
}

// Attack 12: an ACK frame with as many ranges as fit into a datagram costs a bounded time and no memory, and one
// whose ranges overlap or turn back ends the connection.
func TestAttack12AckRanges(t *testing.T) {
	w := connectedWorld(t)
	const ranges = 20_000
	frame := packet.AppendAckHead(nil, 3*ranges, 0, ranges, 0)
	for i := ranges; i > 0; i-- {
		frame = packet.AppendAckRange(frame, uint64(3*i), uint64(3*i-3), uint64(3*i-3))
	}
	var f packet.Frame
	require.Zero(t, testing.AllocsPerRun(10, func() {
		if _, err := packet.ParseFrame(&f, frame); err != nil {
			t.Fatal(err)
		}
	}))
	w.client.arrive(serverAddr, w.server.forge(500, frame)) // it acknowledges what was never sent
	var closed *CloseError
	require.ErrorAs(t, w.client.closed.Err, &closed)
	require.Equal(t, packet.ProtocolViolation, packet.Code(closed.Code))

	w = connectedWorld(t)
	inverted := []byte{byte(packet.Ack), 1, 0, 0, 5} // the first range ends before number 0
	w.client.arrive(serverAddr, w.server.forge(500, inverted))
	require.ErrorAs(t, w.client.closed.Err, &closed)
	require.Equal(t, packet.FrameEncodingError, packet.Code(closed.Code))
}
