package conn

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// forge makes an authentic packet of the end's, with frames that its machine would not send.
func (s *side) forge(number uint64, frames []byte) []byte {
	s.core.rouse(s.w.now)
	b := packet.AppendShort(nil, s.core.ids.peer.id, s.core.phases.phase, number, 4)
	sealer := s.core.keys[handshake.Application].sealer
	numberAt := len(b) - 4
	b = sealer.Seal(b, b, frames, number)
	if cipher, hides := sealer.(handshake.Cipher); hides {
		packet.ApplyMask(b, numberAt, 4, cipher.Mask(packet.SampleOf(b, numberAt)))
	}
	return b
}

// Each of these frames breaks a rule: the connection ends, with the rule's code, and the peer is told.
func TestBrokenRules(t *testing.T) {
	for name, row := range map[string]struct {
		atServer, atClient bool
		frames             []byte
		code               packet.Code
	}{
		"S10 an ACK of what was never sent": {true, true, packet.AppendAckHead(nil, 1000, 0, 0, 0), packet.ProtocolViolation},
		"no frame":                          {true, true, nil, packet.ProtocolViolation},
		"an unknown frame":                  {true, true, []byte{0x3f}, packet.FrameEncodingError},
		"a frame cut short":                 {true, true, []byte{byte(packet.MaxStreams)}, packet.FrameEncodingError},
		"HANDSHAKE_DONE of the client":      {true, false, packet.AppendHandshakeDone(nil), packet.ProtocolViolation},
		"NEW_TOKEN of the client":           {true, false, packet.AppendNewToken(nil, []byte("token")), packet.ProtocolViolation},
		"an empty NEW_TOKEN":                {false, true, packet.AppendNewToken(nil, nil), packet.FrameEncodingError},
		"GOAWAY of the client":              {true, false, packet.AppendValue(nil, packet.GoAway, 0), packet.ProtocolViolation},
		"an ACK below the first number":     {true, true, packet.AppendAckHead(nil, 1, 0, 0, 2), packet.FrameEncodingError},
		"an ACK range below the first":      {true, true, append(packet.AppendAckHead(nil, 4, 0, 1, 1), 0, 2), packet.FrameEncodingError},
		"all was read, and not all is sent": {true, true, packet.AppendFinRead(nil, 0), packet.StreamStateError},
		"a limit of no stream":              {false, true, packet.AppendStreamValue(nil, packet.MaxStreamData, 9, 5), packet.StreamStateError},
		"data beyond the last offset":       {true, true, append(packet.AppendStreamHead(nil, 0, packet.MaxVarint, 1, false), 0), packet.FrameEncodingError},
		"an abort of no stream":             {false, true, packet.AppendStreamAbort(nil, 9, 0, ""), packet.StreamStateError},
		"CRYPTO beyond the last offset":     {true, true, append(packet.AppendCryptoHead(nil, packet.MaxVarint, 1), 0), packet.FrameEncodingError},
		"a stream that nobody opened":       {false, true, packet.AppendStreamHead(nil, 9, 0, 0, false), packet.StreamStateError},
		"too many streams":                  {true, false, packet.AppendStreamHead(nil, 1024, 0, 0, false), packet.StreamLimitError},
		"a stream behind CLOSE":             {true, false, packet.AppendStreamHead(packet.AppendClose(nil), 9, 0, 0, false), packet.StreamStateError},
		"beyond the stream's limit":         {true, true, append(packet.AppendStreamHead(nil, 0, 16<<10, 1, false), 0), packet.FlowControlError},
		"far beyond it":                     {true, true, append(packet.AppendStreamHead(nil, 0, packet.MaxVarint-1, 1, false), 0), packet.FlowControlError},
		"two ends":                          {true, true, packet.AppendStreamHead(packet.AppendStreamHead(nil, 0, 100, 0, true), 0, 101, 0, true), packet.FinalSizeError},
		"data behind the end":               {true, true, append(packet.AppendStreamHead(packet.AppendStreamHead(nil, 0, 100, 0, true), 0, 100, 1, false), 0), packet.FinalSizeError},
		"an id to be retired at once":       {true, true, packet.AppendNewConnectionID(nil, 2, 3, packet.ID{9}, [packet.TokenLen]byte{}), packet.FrameEncodingError},
		"a number with two ids":             {true, true, packet.AppendNewConnectionID(nil, 1, 0, packet.ID{9}, [packet.TokenLen]byte{}), packet.ProtocolViolation},
		"a number with two ids, in use":     {true, true, packet.AppendNewConnectionID(nil, 0, 0, packet.ID{9}, [packet.TokenLen]byte{}), packet.ProtocolViolation},
		"too many ids":                      {true, true, packet.AppendNewConnectionID(nil, 2, 0, packet.ID{9}, [packet.TokenLen]byte{}), packet.ConnectionIDLimitError},
		"ids without end":                   {true, true, packet.AppendNewConnectionID(nil, 1<<31, 2, packet.ID{9}, [packet.TokenLen]byte{}), packet.ConnectionIDLimitError},
		"an id retired that was not given":  {true, true, packet.AppendRetireConnectionID(nil, 2), packet.ProtocolViolation},
		"the id retired that it came to":    {true, true, packet.AppendRetireConnectionID(nil, 0), packet.ProtocolViolation},
		"the handshake goes on for ever":    {true, true, append(packet.AppendCryptoHead(nil, 1<<20, 1), 0), packet.CryptoBufferExceeded},
	} {
		for _, atServer := range []bool{false, true} {
			if atServer && !row.atServer || !atServer && !row.atClient {
				continue
			}
			w := connectedWorld(t)
			w.open(true)
			w.run(time.Second)
			victim, forger := w.client, w.server
			if atServer {
				victim, forger = w.server, w.client
			}
			victim.arrive(forger.addr, forger.forge(500, row.frames))
			require.NotNil(t, victim.closed, name)
			var closed *CloseError
			require.ErrorAs(t, victim.closed.Err, &closed, name)
			require.Equal(t, Violated, closed.Cause, name)
			require.Equal(t, row.code, packet.Code(closed.Code), "%s: %v", name, closed)
			require.False(t, closed.Remote)
			w.run(time.Second)
			require.ErrorAs(t, forger.closed.Err, &closed, name)
			require.True(t, closed.Remote, name)
			require.Equal(t, row.code, packet.Code(closed.Code), name)
		}
	}
}

// A fault of one session ends that session, and no other.
func TestFaultsOfOneStream(t *testing.T) {
	for name, row := range map[string]struct {
		data []byte
		fin  bool
		code uint64
	}{
		"a message over the limit":      {[]byte{0xff, 0xff, 0xff, 0x7f}, false, AbortTooLarge},
		"a length without end":          {[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false, AbortTooLarge},
		"a length in too many bytes":    {[]byte{0x80, 0x00}, false, AbortMalformed},
		"the end within a message":      {[]byte{5, 1}, true, AbortMalformed},
		"the end within a length":       {[]byte{0x80}, true, AbortMalformed},
		"the end within a long message": {[]byte{0x80, 0x80, 0x02, 1}, true, AbortMalformed},
	} {
		w := connectedWorld(t)
		id, other := w.open(true), w.open(true)
		w.run(time.Second)
		header := uint64(1 + len("header"))
		w.server.arrive(clientAddr, w.client.forge(500, append(packet.AppendStreamHead(nil, uint64(id), header, len(row.data), row.fin), row.data...)))
		require.Nil(t, w.server.closed, name)
		events := w.server.got(EventAborted)
		require.Len(t, events, 1, name)
		require.Equal(t, row.code, events[0].Err.(*AbortError).Code, name)
		require.NoError(t, w.server.core.CheckInvariants())

		// The acknowledgement of a packet that the client never sent would end it: it never comes.
		w.flying = nil
		w.server.core.AbortStream(w.now, id, 1, "")
		_, err := w.server.recv(other)
		require.ErrorIs(t, err, ErrBlocked, name)
	}
}

// A header over the limit is refused before the program hears of the session.
func TestHeaderOverTheLimit(t *testing.T) {
	w := connectedWorld(t)
	_, err := w.client.core.OpenStream(w.now, make([]byte, packet.MaxHeader+1), true)
	require.ErrorAs(t, err, new(*TooLargeError))
	w.server.arrive(clientAddr, w.client.forge(500, binary.AppendUvarint(packet.AppendStreamHead(nil, 0, 0, 2, false), packet.MaxHeader+1)))
	require.Empty(t, w.server.events)
	require.Nil(t, w.server.closed)
	require.ErrorContains(t, w.server.core.find(0).aborted, "limit")
}

// What a datagram is made of, and how its bits are turned, ends nothing.
func TestCorruptionEndsNothing(t *testing.T) {
	w := newWorld(t)
	w.fate = func(d *flying) (int, time.Duration) {
		for range 20 { // copies with bits turned come first
			broken := append([]byte(nil), d.data...)
			for range 1 + w.random.IntN(3) {
				broken[w.random.IntN(len(broken))] ^= 1 << w.random.IntN(8)
			}
			broken = broken[:len(broken)-w.random.IntN(2)*w.random.IntN(len(broken))]
			d := *d
			d.data, d.at = broken, w.now.Add(w.latency-1)
			w.flying = append(w.flying, d)
		}
		return 1, 0
	}
	w.dial()
	w.until(func() bool { return len(w.client.got(EventConnected)) == 1 })
	id := w.open(true)
	for range 20 {
		w.client.send(id, "to be, or not to be", false)
		var got []string
		w.until(func() bool { got, _ = w.server.recvIf(id); return got != nil })
		require.Equal(t, []string{"to be, or not to be"}, got)
	}
	require.Nil(t, w.client.closed)
	require.Nil(t, w.server.closed)
}

// FuzzHandleDatagram lets a hostile peer that has the keys send frames, and somebody
// without them send garbage. The machine neither panics, nor grows, nor spins. The first byte of a step
// says what it is, the second how long.
func FuzzHandleDatagram(f *testing.F) {
	frames := func(b ...byte) []byte { return append([]byte{0, byte(len(b))}, b...) }
	f.Add(true, frames(packet.AppendPing(nil)...))
	f.Add(true, frames(append(packet.AppendStreamHead(nil, 3, 0, 5, true), "\x02hi\x01x"...)...))
	f.Add(false, frames(packet.AppendAckHead(nil, 1, 0, 0, 1)...))
	f.Add(true, append(frames(packet.AppendClose(nil)...), 2, 0, 3, 0))
	f.Add(true, frames(packet.AppendStreamAbort(nil, 0, 5, "why")...))
	f.Add(false, frames(packet.AppendConnectionAbort(nil, 0x102, 0, "why")...))
	f.Add(true, frames(packet.AppendAckFrequency(nil, 1, 1)...))
	f.Add(true, frames(packet.AppendStreamValue(nil, packet.MaxStreamData, 0, math.MaxInt32)...))
	newID := func(number, priorTo uint64, id byte) []byte {
		return frames(packet.AppendNewConnectionID(nil, number, priorTo, packet.ID{id}, [packet.TokenLen]byte{id})...)
	}
	f.Add(false, slices.Concat(newID(2, 1, 2), []byte{130, 1, 0}, newID(3, 3, 3), []byte{0x80, 1, 1}))
	f.Add(true, slices.Concat(newID(2, 2, 2), newID(3, 2, 3), newID(2, 2, 2), []byte{0x80, 1, 1, 2, 60}))
	f.Add(true, frames(packet.AppendRetireConnectionID(nil, 1)...))
	f.Add(true, append(frames(packet.AppendPath(nil, packet.PathChallenge, [8]byte{1})...), 0x80, 1, 1))
	f.Add(false, []byte{1, 3, 0xc0, 1, 2, 4, 0, 5, 0, 6, 0})
	f.Fuzz(func(t *testing.T, atServer bool, script []byte) {
		w := connectedWorld(t)
		id := w.open(true)
		w.run(time.Second)
		victim, forger := w.client, w.server
		if atServer {
			victim, forger = w.server, w.client
		}
		w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
		w.elsewhere = map[netip.AddrPort]int{}
		for number := uint64(300); len(script) >= 2 && !victim.buried; number++ {
			n := min(int(script[1]), len(script)-2)
			kind, data := script[0], script[2:2+n]
			script = script[2+n:]
			switch kind % 8 {
			case 0:
				from := forger.addr
				if kind >= 128 {
					from = strangerAddr
				}
				victim.arrive(from, forger.forge(number, data))
			case 1:
				victim.arrive(forger.addr, data)
			case 2:
				if kind >= 128 {
					w.client.core.Migrate(w.now)
				}
				w.run(time.Duration(n) * 10 * time.Millisecond)
			case 3:
				for id := range StreamID(4) {
					victim.recvIf(id)
				}
			case 4:
				_ = victim.core.Send(w.now, id, data, n%2 == 1)
				victim.after()
			case 5:
				victim.core.AbortStream(w.now, StreamID(n%4), 1, string(data))
				victim.after()
			case 6:
				victim.core.Close(w.now)
				victim.after()
			case 7:
				_ = victim.core.Finish(w.now, id)
				victim.after()
			}
			if err := victim.core.CheckInvariants(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzFirstFlights lets anybody answer the INIT of a dialing end, and begin at a listening one.
func FuzzFirstFlights(f *testing.F) {
	w := newWorld(f)
	w.fate = func(d *flying) (int, time.Duration) { f.Add(d.data, d.data); return 1, 0 }
	w.dial()
	w.run(time.Second)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		w := newWorld(t)
		w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
		w.dial()
		for _, b := range [][]byte{first, second} {
			w.client.core.HandleDatagram(w.now, serverAddr, b)
			w.client.after()
			w.server.arrive(clientAddr, b)
		}
		w.run(20 * time.Second)
		if w.client.core.NextTimeout() != mono.Never {
			t.Fatal("a timer runs on")
		}
	})
}

// A stream that was aborted here says nothing more, though the peer, which has not heard of that, gives it credit: a FIN
// of the empty stream would contradict what the peer has, and end the connection.
func TestCreditForAnAbortedStream(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	w.run(time.Second)
	w.client.send(id, strings.Repeat("x", 100_000), true) // its FIN is not sent yet
	w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
	w.client.core.AbortStream(w.now, id, 7, "")
	w.client.after()
	w.client.arrive(serverAddr, w.server.forge(500, packet.AppendStreamValue(nil, packet.MaxStreamData, uint64(id), 1<<20)))
	require.NoError(t, w.client.core.CheckInvariants())
	require.Zero(t, w.client.core.lists[byTurn].n)
}

// RFC 9000 §4.1: "A sender MUST ignore any MAX_STREAM_DATA or MAX_DATA frames that do not increase flow control limits."
func TestLateLimitTakesNothingBack(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	w.run(time.Second)
	before := w.client.core.find(id).send.limit
	w.client.arrive(serverAddr, w.server.forge(500, packet.AppendStreamValue(nil, packet.MaxStreamData, uint64(id), 100)))
	require.Equal(t, before, w.client.core.find(id).send.limit)
}
