package conn

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// RFC 9000 §18.2: values of max_ack_delay of "2^14 or greater are invalid", and a client has no reset token: "A server MUST treat receipt
// of any of these transport parameters as a connection error of type TRANSPORT_PARAMETER_ERROR."
func TestForbiddenParameters(t *testing.T) {
	w := newWorld(t)
	w.dial()
	w.until(func() bool { return len(w.accepted) > 0 })
	for name, row := range map[string]struct {
		change    func(*packet.Params)
		forbidden bool
	}{
		"none":                   {func(*packet.Params) {}, false},
		"a reset token":          {func(p *packet.Params) { p.ResetToken[3] = 1 }, true},
		"acknowledgements late":  {func(p *packet.Params) { p.MaxAckDelay = 1<<14*time.Millisecond - time.Microsecond }, false},
		"and still later, by us": {func(p *packet.Params) { p.MaxAckDelay = 1 << 14 * time.Millisecond }, true},
	} {
		p, err := packet.ParseParams(w.client.core.params())
		require.NoError(t, err)
		row.change(&p)
		server := w.accepted[0].core
		server.peerParams = packet.AppendParams(nil, &p)
		fault := server.learn()
		require.Equal(t, row.forbidden, fault != nil, name)
		if fault != nil {
			require.EqualValues(t, packet.TransportParameterError, fault.Code, name)
		}
	}
}

// A packet that waited for its keys counts as having come from where it came from, whatever has come from elsewhere in the
// meantime: the server asks nobody there whether the client has moved.
func TestWhereAParkedPacketCameFrom(t *testing.T) {
	w := newWorld(t, overTLS).secure(newSecured(t))
	drivers := map[*side]*slow{}
	fast := w.newDriver
	w.newDriver = func(s *side) handshake.Driver {
		if s == w.client {
			return fast(s)
		}
		drivers[s] = &slow{Driver: fast(s)}
		return drivers[s]
	}
	w.dial()
	w.run(50 * time.Millisecond)
	server := w.accepted[0]
	finish := func() {
		said := drivers[server].said
		require.NotEmpty(t, said)
		drivers[server].said = nil
		server.core.HandleHandshake(w.now, said)
		server.after()
	}
	finish() // its flight
	w.until(func() bool { return len(w.client.got(EventConnected)) == 1 })
	w.open(true) // rides with the client's Finished
	w.run(50 * time.Millisecond)
	require.NotEmpty(t, server.core.parked)
	server.arrive(strangerAddr, append(packet.AppendShort(nil, server.id, false, 0, 4), make([]byte, 100)...))
	finish()
	require.True(t, server.core.confirmed)
	require.Nil(t, server.core.moving)
	w.run(time.Second) // the world fails if anything is sent elsewhere
}

// forgeConnect makes a packet of the Initial level for the listening end, as anyone on the path can.
func (s *side) forgeConnect(number uint64, frames []byte) []byte {
	ids, token := s.core.ids, s.core.token
	keys, _ := handshake.InitialKeys(ids.initial(), token)
	l := packet.Long{Type: packet.Connect, Version: s.core.config.Version, Dst: ids.initial(), Src: ids.peer.id, Token: token, Number: number, NumberLen: 4}
	b := packet.AppendLong(nil, l, len(frames)+handshake.TagLen)
	return keys.Seal(b, b, frames, number)
}

// RFC 9001 §6.6: an end that has to close does "not process any more packets", not even of the same datagram.
func TestNothingBehindAFault(t *testing.T) {
	w := newWorld(t)
	w.dial()
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from == w.client && w.client.core.phase == connected {
			return 0, 0
		}
		return 1, 0
	}
	w.until(func() bool { return len(w.client.got(EventConnected)) == 1 })
	server := w.accepted[0]
	server.arrive(clientAddr, append(server.forgeConnect(100, nil), w.client.forge(100, packet.AppendPing(nil))...))
	require.Empty(t, server.got(EventConnected))
	require.NotNil(t, server.closed)
	require.EqualValues(t, packet.ProtocolViolation, server.core.err.Code)
}

// RFC 9000 §10.2.1: an end that is over sends at most three times what it receives.
func TestLastWordsAreRepeatedBriefly(t *testing.T) {
	w := connectedWorld(t)
	core := w.server.core
	core.rouse(w.now)
	core.Abort(w.now, 7, strings.Repeat("why ", 200))
	first, _, ok := core.PollTransmit(w.now, nil)
	require.True(t, ok)
	require.Greater(t, len(first), 800)
	answered := 0
	for size := 1; size < 100; size++ {
		core.HandleDatagram(w.now, strangerAddr, make([]byte, size))
		again, on, ok := core.PollTransmit(w.now, nil)
		require.LessOrEqual(t, len(again), 3*size)
		if ok {
			require.Equal(t, clientAddr, on.Peer)
			answered++
		}
		_, _, ok = core.PollTransmit(w.now, nil)
		require.False(t, ok, "once")
	}
	require.Greater(t, answered, 50)
}

// RFC 8085 §3.5: keep-alives are not sent "more frequently than once every 15 seconds", and of connections that began at once not
// all at once.
func TestKeepAlivesDiffer(t *testing.T) {
	times := map[time.Duration]bool{}
	for i := range 256 {
		w := newWorld(t, func(client, _ *Config) { client.ClientID[packet.IDLen-1] = byte(i) })
		w.dial()
		w.run(10 * time.Second)
		before := w.now
		last := max(w.client.core.activeAt, w.client.core.elicitedAt)
		flown := w.sent
		w.until(func() bool { return w.sent > flown })
		require.Greater(t, w.now, before)
		times[w.now.Sub(last)] = true
		require.LessOrEqual(t, w.now.Sub(last), 20*time.Second)
		require.GreaterOrEqual(t, w.now.Sub(last), 17500*time.Millisecond)
	}
	require.Greater(t, len(times), 200)
}

// RFC 9000 §10.2.3: what a program ends a connection with is not told before there are keys that only the two ends have.
func TestAbortWithinTheHandshake(t *testing.T) {
	w := newWorld(t)
	w.dial()
	w.until(func() bool { return len(w.client.got(EventConnected)) == 1 })
	w.flying = nil
	server := w.accepted[0]
	w.client.core.Abort(w.now, 7, "why")
	datagram, _, ok := w.client.core.PollTransmit(w.now, nil)
	require.True(t, ok)
	h, rest, err := packet.ParseHeader(datagram)
	require.NoError(t, err)
	require.Equal(t, packet.Connect, h.Type)
	require.NotEmpty(t, rest)
	keys, _ := handshake.InitialKeys(server.core.ids.initial(), server.core.token)
	payload, ok := keys.Open(nil, h.Raw, h.Sealed, h.Number)
	require.True(t, ok)
	require.Equal(t, packet.AppendConnectionAbort(nil, uint64(packet.ApplicationError), 0, ""), payload)

	server.arrive(clientAddr, datagram[:len(datagram)-len(rest)]) // the other packet got lost
	var closed *CloseError
	require.ErrorAs(t, server.closed.Err, &closed)
	require.Equal(t, CloseError{Cause: Aborted, Remote: true}, *closed)
}

// RFC 9000 §12.5: nor does a program hear of a code that anyone may have made up.
func TestForgedAbortWithinTheHandshake(t *testing.T) {
	w := newWorld(t)
	w.dial()
	w.until(func() bool { return len(w.accepted) == 1 })
	server := w.accepted[0]
	server.arrive(clientAddr, server.forgeConnect(100, packet.AppendConnectionAbort(nil, uint64(packet.CodeApplication)+7, 0, "believe me")))
	var closed *CloseError
	require.ErrorAs(t, server.closed.Err, &closed)
	require.Equal(t, Violated, closed.Cause)
	require.EqualValues(t, packet.ProtocolViolation, closed.Code)
}

// RFC 9000 §7.5: "Packets containing discarded CRYPTO frames MUST be acknowledged because the packet has been received and processed".
func TestCryptoBehindTheHandshake(t *testing.T) {
	w := connectedWorld(t)
	w.run(10 * time.Second)
	w.server.arrive(clientAddr, w.client.forge(500, append(packet.AppendCryptoHead(nil, 0, 1), 1)))
	require.Nil(t, w.server.closed)
	require.True(t, w.server.core.received[handshake.Application].Has(500))
	ranges, _ := w.server.core.received[handshake.Application].Ack(w.now, 1)
	require.EqualValues(t, 500, ranges[0].Largest)
}

// RFC 8085 §3.3: "applications SHOULD be robust to the reception of delayed or duplicate packets that are received within this 2-minute interval."
func TestCopiesOfTwoMinutesAgo(t *testing.T) {
	for _, over := range []bool{false, true} {
		w := newWorld(t)
		w.fate = func(d *flying) (int, time.Duration) {
			if d.at = w.now.Add(2 * time.Minute); w.now < mono.Time(time.Hour+time.Minute) {
				w.flying = append(w.flying, *d)
			}
			return 1, 0
		}
		w.dial()
		w.until(func() bool { return len(w.client.got(EventConnected)) == 1 })
		id := w.open(true)
		for range 20 {
			exchangeOn(w, id)
		}
		if over {
			w.client.core.Abort(w.now, 1, "")
			w.client.after()
		}
		w.run(4 * time.Minute)
		require.Empty(t, w.flying)
		require.Len(t, w.accepted, 1)
		require.Equal(t, over, w.client.closed != nil)
		require.Equal(t, over, w.server.closed != nil)
		if !over {
			exchangeOn(w, id)
		}
	}
}

// RFC 9000 §8.2.2: the answer to a challenge waits for nothing: not for the window, and not for the pacer. There is one for each, of 1,200 bytes.
func TestAnswerToAChallengeIsNotHeldUp(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
	w.client.send(id, strings.Repeat("x", 200_000), false)
	w.run(100 * time.Millisecond)
	require.Less(t, w.client.core.loss.Available(), 1200)
	challenge := packet.AppendPath(nil, packet.PathChallenge, [8]byte{1, 2})
	for number := range uint64(3) {
		answers := 0
		w.fate = func(d *flying) (int, time.Duration) {
			if len(d.data) == baseDatagram {
				answers++
			}
			return 0, 0
		}
		w.client.arrive(serverAddr, w.server.forge(500+number, challenge))
		require.Equal(t, 1, answers)
	}
}

// RFC 9000 §9.4: challenges follow each other no faster than the probes of a path of which nothing is known.
func TestChallengesArePatient(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	home := w.client.addr
	moveTo(w, strangerAddr.String())
	var challenges []mono.Time
	w.watch = func(to netip.AddrPort, _ []byte) {
		if to == strangerAddr && w.client.addr == home {
			challenges = append(challenges, w.now)
		}
	}
	w.client.send(id, strings.Repeat("x", 1000), false)
	w.client.addr = home
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from == w.client { // it says no more, neither from here nor from there
			return 0, 0
		}
		return 1, 0
	}
	w.run(3 * time.Second)
	require.Len(t, challenges, pathTries)
	for i := 1; i < len(challenges); i++ {
		require.GreaterOrEqual(t, challenges[i].Sub(challenges[i-1]), 300*time.Millisecond)
	}
}
