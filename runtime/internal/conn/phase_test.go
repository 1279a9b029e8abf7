package conn

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// tight is a Cipher that may be used less often than AES-GCM may.
type tight struct {
	handshake.Cipher
	sealed, forged uint64
}

func (c tight) Limits() (sealed, forged uint64) { return c.sealed, c.forged }

func (c tight) Next() handshake.Cipher { return tight{c.Cipher.Next(), c.sealed, c.forged} }

// tighten lowers the limits of the end's keys.
func (s *side) tighten(sealed, forged uint64) {
	k := &s.core.keys[handshake.Application]
	k.sealer = tight{cipherOf(k.sealer), sealed, forged}
	k.opener = tight{cipherOf(k.opener), sealed, forged}
}

// chat sends a message from each end and wants both to arrive.
func (w *world) chat(id StreamID) {
	w.t.Helper()
	for _, pair := range [][2]*side{{w.client, w.server}, {w.server, w.client}} {
		pair[0].send(id, "a message", false)
		var got []string
		w.until(func() bool { got, _ = pair[1].recvIf(id); return got != nil || pair[1].closed != nil })
		require.Equal(w.t, []string{"a message"}, got, w.story())
	}
}

// RFC 9001 §6.1: "An endpoint MUST NOT initiate a key update prior to having confirmed the handshake", and "An endpoint MUST NOT initiate a subsequent
// key update unless it has received an acknowledgment for a packet that was sent protected with keys from the current key phase."
func TestKeyUpdateWaitsForItsTurn(t *testing.T) {
	w := newWorld(t, overTLS).secure(newSecured(t))
	w.dial()
	w.until(func() bool { return w.client.core.phase == connected })
	require.False(t, w.client.core.UpdateKeys(w.now), "not confirmed")
	w.run(time.Second)
	id := w.open(true)
	w.chat(id)
	w.run(time.Second)
	require.True(t, w.client.core.UpdateKeys(w.now))
	require.False(t, w.client.core.UpdateKeys(w.now), "nothing of the phase is acknowledged")
	w.chat(id)
	w.run(time.Second)
	require.True(t, w.server.core.phases.phase, "RFC 9001 §6.2: the peer follows")
	require.True(t, w.client.core.UpdateKeys(w.now))
	w.chat(id)
	w.run(time.Second)
	require.False(t, w.server.core.phases.phase)

	plain := connectedWorld(t)
	require.False(t, plain.client.core.UpdateKeys(plain.now), "there is none in plaintext")
}

// Both ends update, again and again and at once, while the network loses, repeats and reorders: nothing is lost, and
// packets that come late are opened with the keys of their phase.
func TestKeyUpdateOnABadNetwork(t *testing.T) {
	w := secureWorld(t)
	w.fate = func(*flying) (int, time.Duration) {
		return w.random.IntN(4), time.Duration(w.random.IntN(30)) * time.Millisecond
	}
	id := w.open(true)
	updates := 0
	for range 120 {
		for _, s := range []*side{w.client, w.server} {
			if w.random.IntN(2) == 0 && s.core.UpdateKeys(w.now) {
				updates++
			}
		}
		w.chat(id)
	}
	require.Greater(t, updates, 20)
	require.Nil(t, w.client.closed)
	require.Nil(t, w.server.closed)
}

// Both ends update whenever the rules allow one, between packets of a flight too, on a network that loses, repeats and reorders: each update is
// followed by another as soon as can be, and neither end takes the other's for one that did not wait.
func TestKeyUpdateAsSoonAsAllowed(t *testing.T) {
	w := secureWorld(t)
	id := w.open(true)
	w.chat(id)
	updates := map[string]int{}
	update := func() {
		for _, s := range []*side{w.client, w.server} {
			if s.core.UpdateKeys(w.now) {
				updates[s.name]++
			}
		}
	}
	w.watch = func(netip.AddrPort, []byte) { update() }
	w.fate = func(*flying) (int, time.Duration) {
		return w.random.IntN(4), time.Duration(w.random.IntN(30)) * time.Millisecond
	}
	for range 100 {
		for _, s := range []*side{w.client, w.server} {
			s.send(id, "a message", false)
		}
		for range 40 {
			w.step(w.now.Add(time.Second))
			update()
		}
		for _, s := range []*side{w.client, w.server} {
			require.Nil(t, s.closed, w.story())
			s.recvIf(id)
		}
	}
	require.Greater(t, updates["client"], 20)
	require.Greater(t, updates["server"], 20)
}

// RFC 9001 §6.5: old keys are kept for late packets, but "no more than three times the PTO".
func TestOldKeysAreForgotten(t *testing.T) {
	w := secureWorld(t)
	id := w.open(true)
	w.chat(id)
	w.run(time.Second)
	var held [][]byte
	w.fate = func(d *flying) (int, time.Duration) {
		held = append(held, d.data)
		return 0, 0
	}
	for range 2 {
		w.client.core.pingDue = true
		w.client.after()
	}
	require.Len(t, held, 2)
	w.fate = nil
	require.True(t, w.client.core.UpdateKeys(w.now))
	w.client.send(id, "in the new phase", false)
	w.until(func() bool { return w.server.core.phases.phase })
	before := w.server.core.tally.packetsReceived
	w.server.arrive(clientAddr, held[0])
	require.Equal(t, before+1, w.server.core.tally.packetsReceived)
	w.run(4 * w.server.core.probePeriod())
	before = w.server.core.tally.packetsReceived
	w.server.arrive(clientAddr, held[1])
	require.Equal(t, before, w.server.core.tally.packetsReceived)
	require.Zero(t, w.server.core.tally.packetsForged, "a key that is gone is no forgery")
}

// RFC 9000 §17.2 and §17.3.1: unused bits that are set, behind the right protection, break a rule.
func TestUnusedBits(t *testing.T) {
	w := secureWorld(t)
	b := packet.AppendShort(nil, w.client.core.ids.peer.id, false, 500, 4)
	b[0] |= 0x10
	cipher := cipherOf(w.client.core.keys[handshake.Application].sealer)
	b = cipher.Seal(b, b, packet.AppendPing(nil), 500)
	b = append(b[:len(b):len(b)], 0)[:len(b)]
	packet.ApplyMask(b, 9, 4, cipher.Mask(packet.SampleOf(b, 9)))
	w.server.arrive(clientAddr, b)
	var fault *CloseError
	require.NotNil(t, w.server.closed)
	require.ErrorAs(t, w.server.closed.Err, &fault)
	require.EqualValues(t, packet.ProtocolViolation, fault.Code)
}
