package conn

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/recovery"
)

// The attacks on a connection, by their row in docs/verification.md. The condition stands above each test. ATTACKS_LONG=1, or make attacks, runs
// them at full size.

// long is how often an attack is made: as often as the row says, or a slice of that.
func long(full, slice int) int {
	if os.Getenv("ATTACKS_LONG") != "" {
		return full
	}
	return slice
}

// bothModes runs the test in a world of each mode, whose ends are connected and have exchanged a message.
func bothModes(t *testing.T, test func(t *testing.T, w *world, id StreamID)) {
	for name, connect := range map[string]func(testing.TB, ...func(_, _ *Config)) *world{"plaintext": connectedWorld, "TLS": secureWorld} {
		t.Run(name, func(t *testing.T) {
			w := connect(t)
			id := w.open(true)
			w.chat(id)
			w.run(time.Second)
			test(t, w, id)
		})
	}
}

// image is what of a side must not change when something comes that is not its peer's.
func (s *side) image() string {
	c := s.core
	stats := c.Stats()
	stats.BytesReceived, stats.PacketsDropped, stats.PacketsForged = 0, 0, 0
	return fmt.Sprint(stats, c.phase, c.NextTimeout(), c.ids, c.phases.phase, c.streams.Len(), len(c.parked), len(s.events), s.sent)
}

// Row 1: packets that are random, or bit-flipped, or replayed with an edit, change no state and are not answered; the
// connection survives. 10^7 of them.
func TestAttack01ForgedPackets(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		var recorded [][]byte
		w.fate = func(d *flying) (int, time.Duration) { recorded = append(recorded, d.data); return 1, 0 }
		w.chat(id)
		w.run(restTime / 2)
		w.fate = nil
		before := map[*side]string{w.client: w.client.image(), w.server: w.server.image()}
		for i := range long(2_500_000, 5_000) {
			var b []byte
			if i%4 == 0 {
				b = make([]byte, 1+w.random.IntN(1400))
				w.draw(b)
				victim := w.sides()[i/4%2]
				if b[0] |= 0x40; len(b) > 9 {
					copy(b[1:], victim.id[:]) // it knows the id
				}
			} else {
				b = bytes.Clone(recorded[w.random.IntN(len(recorded))])
				for range 1 + w.random.IntN(4) {
					b[9+w.random.IntN(len(b)-9)] ^= byte(1 + w.random.IntN(255))
				}
			}
			w.client.core.HandleDatagram(w.now, serverAddr, b)
			w.server.core.HandleDatagram(w.now, clientAddr, b)
			w.client.after()
			w.server.after()
		}
		for s, image := range before {
			require.Equal(t, image, s.image(), s.name)
			require.NotZero(t, s.core.tally.packetsForged)
		}
		w.chat(id)
	})
}

// Row 2: what is forged at every step, VERSIONS, COOKIE and aborts, by who sees the INIT but not the keys, does not keep
// the handshake from completing.
func TestAttack02HandshakeKill(t *testing.T) {
	for name, prepare := range map[string]func(testing.TB) *world{
		"plaintext": func(t testing.TB) *world { return newWorld(t) },
		"TLS":       func(t testing.TB) *world { return newWorld(t, overTLS).secure(newSecured(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t)
			client, nonce, version := w.client.config.ClientID, w.client.config.Nonce, w.version()
			server := packet.ID{0xbd}
			inject := func(to *side, from *side, b []byte) {
				w.flying = append(w.flying, flying{at: w.now.Add(w.latency - 1), from: from, to: to, addr: from.addr, data: b})
			}
			w.fate = func(d *flying) (int, time.Duration) {
				forgedKeys, _ := handshake.InitialKeys(server, []byte("no cookie"))
				abort := packet.AppendConnectionAbort(nil, uint64(packet.ConnectionRefused), 0, "")
				for _, kind := range []packet.Type{packet.Accept, packet.Handshake} {
					l := packet.Long{Type: kind, Version: version, Dst: client, Src: server, NumberLen: 1}
					b := packet.AppendLong(nil, l, len(abort)+handshake.TagLen)
					inject(w.client, w.server, forgedKeys.Seal(b, b, abort, 0))
				}
				if w.client.core.phase == opening { // once, before the true COOKIE comes
					inject(w.client, w.server, packet.AppendVersions(nil, client, nonce[:], 0x0badf00d))
					inject(w.client, w.server, packet.AppendCookie(nil, version, client, nonce[:], server, []byte("no cookie")))
				}
				return 1, 0
			}
			w.dial()
			w.until(func() bool { return w.client.closed != nil || len(w.client.got(EventConnected)) == 1 })
			require.Nil(t, w.client.closed, w.story())
			w.fate = nil
			w.chat(w.open(true))
		})
	}
}

// Row 5: before the address is proven, no more comes back than went there, at every step and for every cut of every datagram.
func TestAttack05Amplification(t *testing.T) {
	for name, prepare := range map[string]func(testing.TB) *world{
		"plaintext": func(t testing.TB) *world { return newWorld(t) },
		"TLS":       func(t testing.TB) *world { return newWorld(t, overTLS).secure(newSecured(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t)
			var recorded [][]byte
			w.fate = func(d *flying) (int, time.Duration) { recorded = append(recorded, d.data); return 1, 0 }
			w.dial()
			w.run(time.Second)
			w.chat(w.open(true))

			victim := prepare(t) // another server, which knows nothing of it
			sent, received := 0, 0
			victim.fate = func(d *flying) (int, time.Duration) { sent += len(d.data); return 0, 0 }
			victim.client.core = nil
			for _, d := range recorded {
				for cut := 1; cut <= len(d); cut++ {
					before := sent
					received += cut
					victim.server.arrive(clientAddr, d[:cut])
					require.LessOrEqual(t, sent-before, cut)
				}
			}
			require.LessOrEqual(t, sent, received)
			require.Empty(t, victim.accepted, "nothing is kept")
		})
	}
}

// Row 8: each packet comes 100 times, reordered within the window and beyond: everything is delivered exactly once.
func TestAttack08Replay(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		var recorded []flying
		w.fate = func(d *flying) (int, time.Duration) {
			recorded = append(recorded, *d)
			for range 99 {
				again := *d
				again.at = w.now.Add(w.latency + time.Duration(w.random.IntN(200))*time.Millisecond)
				w.flying = append(w.flying, again)
			}
			return 1, time.Duration(w.random.IntN(20)) * time.Millisecond
		}
		n := long(100, 10)
		var got []string
		for i := range n {
			w.client.send(id, fmt.Sprint(i), false)
			w.run(time.Duration(w.random.IntN(60)) * time.Millisecond)
			more, _ := w.server.recv(id)
			got = append(got, more...)
		}
		w.run(time.Second)
		w.fate = nil
		for _, d := range recorded { // far beyond the window
			d.to.arrive(d.addr, d.data)
		}
		more, _ := w.server.recv(id)
		got = append(got, more...)
		require.Len(t, got, n)
		for i, message := range got {
			require.Equal(t, fmt.Sprint(i), message)
		}
		require.Nil(t, w.client.closed)
	})
}

// setNumber makes the end's next Application packet have the number.
func (s *side) setNumber(number uint64) {
	space := reflect.ValueOf(s.core.loss).Elem().FieldByName("spaces").Index(int(handshake.Application)).FieldByName("nextNumber")
	*(*uint64)(unsafe.Pointer(space.UnsafeAddr())) = number
}

// Row 14: numbers travel shortened at every boundary of their encoding, and none is sent beyond 2^62-1: the connection
// ends before, with an error at both ends.
func TestAttack14SequenceWrap(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		for _, boundary := range []uint64{1 << 8, 1 << 16, 1 << 24, 1 << 32, 1 << 40} {
			// The peer follows in steps that the encoding allows; a jump stands for all the packets between.
			w.client.setNumber(boundary - 5)
			w.server.core.received[handshake.Application].Add(w.now, boundary-6, arrivalOf(40))
			for range 10 {
				w.chat(id)
			}
		}
		last := uint64(packet.MaxNumber) - farewells - 20
		w.client.setNumber(last)
		w.server.core.received[handshake.Application].Add(w.now, last-1, arrivalOf(40))
		w.chat(id)
		for range 40 {
			if w.client.closed == nil {
				_ = w.client.core.Send(w.now, id, []byte("on and on"), false)
				w.client.after()
				w.run(time.Second)
				w.server.recvIf(id)
			}
		}
		require.NotNil(t, w.client.closed)
		require.ErrorContains(t, w.client.closed.Err, "packet numbers")
		require.NotNil(t, w.server.closed)
		require.LessOrEqual(t, w.client.core.loss.NextNumber(handshake.Application), uint64(packet.MaxNumber))
	})
}

// Row 15: at the limits of RFC 9001 §6.6 there is first another key, then AEAD_LIMIT_REACHED.
func TestAttack15AEADLimits(t *testing.T) {
	t.Run("keys are changed in time", func(t *testing.T) {
		w := secureWorld(t)
		w.client.tighten(2*farewells, 1000)
		w.server.tighten(2*farewells, 1000)
		id := w.open(true)
		phases := 0
		for range long(12, 3) * farewells {
			before := w.client.core.phases.phase
			w.chat(id)
			if before != w.client.core.phases.phase {
				phases++
			}
			require.Less(t, w.client.core.phases.sealed, uint64(2*farewells))
			require.Less(t, w.server.core.phases.sealed, uint64(2*farewells))
		}
		require.GreaterOrEqual(t, phases, long(10, 2))
	})
	t.Run("without another key it is over", func(t *testing.T) {
		w := secureWorld(t)
		w.client.tighten(farewells+100, 1000)
		w.client.core.phases.sealFrom = packet.MaxNumber // as if nothing of the phase were acknowledged
		id := w.open(true)
		for i := 0; w.client.closed == nil; i++ {
			require.Less(t, i, 2000)
			_ = w.client.core.Send(w.now, id, []byte("message"), false)
			w.client.after()
			w.run(100 * time.Millisecond)
			w.server.recvIf(id)
		}
		var fault *CloseError
		require.ErrorAs(t, w.client.closed.Err, &fault)
		require.EqualValues(t, packet.AEADLimitReached, fault.Code)
		w.run(time.Second)
		require.ErrorAs(t, w.server.closed.Err, &fault, "the peer is told")
		require.EqualValues(t, packet.AEADLimitReached, fault.Code)
	})
	t.Run("forged packets", func(t *testing.T) {
		w := secureWorld(t)
		w.client.tighten(1<<20, 50)
		forged := w.server.forge(500, packet.AppendPing(nil))
		forged[len(forged)-1] ^= 1
		for range 50 {
			w.client.arrive(serverAddr, forged)
			require.Nil(t, w.client.closed)
		}
		w.client.arrive(serverAddr, forged)
		var fault *CloseError
		require.ErrorAs(t, w.client.closed.Err, &fault)
		require.EqualValues(t, packet.AEADLimitReached, fault.Code)
	})
}

// Row 16: garbage with the key phase flipped, 10^6 times, changes nothing; it is opened with a key that is made once.
func TestAttack16KeyPhaseGarbage(t *testing.T) {
	w := secureWorld(t)
	id := w.open(true)
	w.chat(id)
	w.run(restTime / 2)
	before, phases := w.server.image(), w.server.core.phases
	flipped := w.client.forge(500, packet.AppendPing(nil))
	flipped[0] ^= 0x20
	w.server.arrive(clientAddr, flipped)
	next := w.server.core.turn.next
	require.NotNil(t, next)
	for range long(1_000_000, 10_000) {
		w.server.arrive(clientAddr, flipped)
	}
	require.Same(t, next, w.server.core.turn.next)
	require.Equal(t, before, w.server.image())
	require.Equal(t, phases.phase, w.server.core.phases.phase)
	require.Zero(t, testing.AllocsPerRun(100, func() { w.server.core.HandleDatagram(w.now, clientAddr, flipped) }))
	w.chat(id)
}

// Row 16: a peer that updates its keys with every packet makes this end derive new ones once in a PTO at most. What is sealed with others is
// lost, and comes again; an update that did not wait for an answer to the one before ends the connection with KEY_UPDATE_ERROR, and the peer can read so.
func TestAttack16KeyUpdateFlood(t *testing.T) {
	w := secureWorld(t)
	id := w.open(true)
	w.chat(id)
	w.run(restTime / 2)
	client, server := w.client.core, w.server.core
	number := uint64(500)
	flip := func() []byte {
		number++
		client.rollKeys()
		client.turn.lastUntil, client.phases.openFrom = mono.Never, math.MaxUint64
		return w.client.forge(number, packet.AppendPing(nil))
	}
	answer := func() {
		server.pingDue = true
		w.server.flush()
		require.NotZero(t, server.phases.sealed)
		require.False(t, server.over())
	}
	rolled := server.phases.phase
	for range 50 { // each is answered before the next
		w.now = w.now.Add(server.probePeriod())
		server.HandleDatagram(w.now, clientAddr, flip())
		rolled = !rolled
		require.Equal(t, rolled, server.phases.phase)
		answer()
		before, current := *client, client.keys[handshake.Application]
		awake := *client.awake
		early := flip()
		require.Zero(t, testing.AllocsPerRun(10, func() { server.HandleDatagram(w.now, clientAddr, early) }))
		require.Equal(t, rolled, server.phases.phase)
		require.Nil(t, server.turn.next, "no more keys are made")
		*client, *client.awake = before, awake // the peer goes on as if it had not
		client.keys[handshake.Application] = current
	}
	w.now = w.now.Add(server.probePeriod())
	first, second := flip(), flip()
	server.HandleDatagram(w.now, clientAddr, first)
	require.False(t, server.over())
	w.now = w.now.Add(server.probePeriod())
	forged := append([]byte(nil), second...)
	forged[len(forged)-1] ^= 1
	server.HandleDatagram(w.now, clientAddr, forged)
	require.False(t, server.over(), "only the peer's own packets end it")
	server.HandleDatagram(w.now, clientAddr, second)
	w.server.after()
	require.Equal(t, !rolled, server.phases.phase, "no more keys are made")
	var fault *CloseError
	require.NotNil(t, w.server.closed)
	require.ErrorAs(t, w.server.closed.Err, &fault)
	require.EqualValues(t, packet.KeyUpdateError, fault.Code)
	w.until(func() bool { return w.client.closed != nil })
	require.ErrorAs(t, w.client.closed.Err, &fault)
	require.EqualValues(t, packet.KeyUpdateError, fault.Code)
}

// Row 18: handshake bytes ahead of a gap are bounded, and so are packets whose keys are not there; a coalesced packet for another
// connection is dropped before anything is kept of it.
func TestAttack18CryptoMemory(t *testing.T) {
	w := newWorld(t, overTLS).secure(newSecured(t))
	w.dial()
	w.until(func() bool { return len(w.accepted) > 0 })
	w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
	server := w.accepted[0]
	ids := server.core.ids
	keys, _ := handshake.InitialKeys(ids.initial(), server.core.token)
	initial := func(number uint64, frames []byte) []byte {
		l := packet.Long{Type: packet.Connect, Version: packet.V1, Dst: ids.initial(), Src: ids.peer.id, Token: server.core.token, Number: number, NumberLen: 4}
		b := packet.AppendLong(nil, l, len(frames)+handshake.TagLen)
		return keys.Seal(b, b, frames, number)
	}
	for i := range 40 { // each ahead of a gap, up to the bound
		frame := append(packet.AppendCryptoHead(nil, uint64(8000+20*i), 1), 1)
		server.core.HandleDatagram(w.now, clientAddr, initial(uint64(100+i), frame))
	}
	require.False(t, server.core.over())

	stray := packet.AppendLong(nil, packet.Long{Type: packet.Handshake, Version: packet.V1, Dst: packet.ID{9}, Src: packet.ID{9}, NumberLen: 1}, 1000)
	stray = append(stray, make([]byte, 1000)...)
	own := packet.AppendLong(nil, packet.Long{Type: packet.Handshake, Version: packet.V1, Dst: ids.initial(), Src: ids.peer.id, NumberLen: 1}, 100)
	own = append(own, make([]byte, 100)...)
	server.core.keys[handshake.Handshake] = keysOf(nil)
	dropped := server.core.tally.packetsDropped
	for range 100 {
		server.core.HandleDatagram(w.now, clientAddr, append(bytes.Clone(stray), own...))
	}
	require.Len(t, server.core.parked, maxParked)
	require.EqualValues(t, 100+100-maxParked, server.core.tally.packetsDropped-dropped)
	for _, p := range server.core.parked {
		require.Len(t, p.raw, len(own))
	}

	frame := append(packet.AppendCryptoHead(nil, maxCryptoAhead+8000, 1), 1)
	server.core.HandleDatagram(w.now, clientAddr, initial(200, frame))
	var fault *CloseError
	require.ErrorAs(t, server.core.err, &fault)
	require.EqualValues(t, packet.CryptoBufferExceeded, fault.Code)
}

func keysOf(opener handshake.Opener) keys { return keys{opener: opener} }

// Row 23: who changes version, parameters, ALPN or cookie on the way makes the handshake fail, at whichever end finds out.
func TestAttack23Downgrade(t *testing.T) {
	// resealed changes what a CONNECT carries, as who knows the server's id can.
	resealed := func(d []byte, change func(payload []byte) bool) []byte {
		h, rest, err := packet.ParseHeader(d)
		if err != nil || h.Type != packet.Connect {
			return d
		}
		keys, _ := handshake.InitialKeys(h.Dst, h.Token)
		payload, ok := keys.Open(nil, h.Raw, h.Sealed, h.Number)
		if !ok || !change(payload) {
			return d
		}
		return append(keys.Seal(bytes.Clone(h.Raw), h.Raw, payload, h.Number), rest...)
	}
	replace := func(old, new string) func(d *flying) []byte {
		return func(d *flying) []byte {
			return resealed(d.data, func(payload []byte) bool {
				at := bytes.Index(payload, []byte(old))
				if at >= 0 {
					copy(payload[at:], new)
				}
				return at >= 0
			})
		}
	}
	for name, edit := range map[string]func(w *world) func(d *flying) []byte{
		"ALPN": func(*world) func(*flying) []byte { return replace("sessgen/1", "sessgen/0") },
		"version in the parameters": func(*world) func(*flying) []byte {
			return replace("\x01\x08\x53\x47\x01\x00\x53\x47\x01\x00", "\x01\x08\x53\x47\x01\x01\x53\x47\x01\x01")
		},
		"versions offered": func(*world) func(*flying) []byte {
			return replace("\x01\x08\x53\x47\x01\x00\x53\x47\x01\x00", "\x01\x08\x53\x47\x01\x00\x53\x47\x01\x01")
		},
		"id in the parameters": func(w *world) func(*flying) []byte {
			return replace("\x02\x10"+string(w.client.config.ClientID[:]), "\x02\x10\xff")
		},
		"version of every packet": func(*world) func(*flying) []byte {
			return func(d *flying) []byte {
				b := bytes.Clone(d.data)
				if packet.IsLong(b) {
					b[4] ^= 1
				}
				return b
			}
		},
		"cookie": func(w *world) func(*flying) []byte { // another one that the server would take, were it from here
			return func(d *flying) []byte {
				b := bytes.Clone(d.data)
				if h, _, err := packet.ParseHeader(b); err == nil && h.Type == packet.Cookie {
					h.Token[len(h.Token)-1] ^= 1
				}
				return b
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, overTLS).secure(newSecured(t))
			change := edit(w)
			edited := false
			w.fate = func(d *flying) (int, time.Duration) {
				was := d.data
				d.data = change(d)
				edited = edited || !bytes.Equal(was, d.data)
				return 1, 0
			}
			w.dial()
			w.run(time.Minute)
			require.True(t, edited, "nothing was changed")
			require.Empty(t, w.client.got(EventConnected), w.story())
			require.NotNil(t, w.client.closed)
			require.Error(t, w.client.closed.Err)
			for _, s := range w.accepted {
				require.Empty(t, s.got(EventConnected))
			}
		})
	}
}

// Row 24: every datagram of a connection's life cut at every byte, and with every bit turned, comes to both ends before it
// does: nothing panics, nothing is read beyond the end, nobody is told, and the connection goes on.
func TestAttack24MalformedPackets(t *testing.T) {
	for name, prepare := range map[string]func(testing.TB) *world{
		"plaintext": func(t testing.TB) *world { return newWorld(t) },
		"TLS":       func(t testing.TB) *world { return newWorld(t, overTLS).secure(newSecured(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := prepare(t)
			w.elsewhere = map[netip.AddrPort]int{} // an end may answer what seems to come from itself
			came, mangled := 0, map[string]map[[2]byte]int{"client": {}, "server": {}}
			w.fate = func(d *flying) (int, time.Duration) {
				switch kind := [2]byte{d.data[0] & 0xf0, byte(len(d.data) / 200)}; {
				case d.addr == d.to.addr:
					return 0, 0
				case mangled[d.from.name][kind] > 3: // what answers the broken ones is of the same kinds
					return 1, 0
				default:
					mangled[d.from.name][kind]++
				}
				var broken [][]byte
				for cut := 1; cut < len(d.data); cut += long(1, 1+len(d.data)/60) {
					broken = append(broken, bytes.Clone(d.data[:cut]))
				}
				for bit := 0; bit < 8*len(d.data); bit += long(1, 1+len(d.data)/30) {
					if d.data[0] == 0x80 && bit/8 > 5+packet.IDLen+packet.NonceLen && bit%997 > 0 {
						continue // an INIT whose padding differs is none the worse: each would begin a handshake
					}
					b := bytes.Clone(d.data)
					b[bit/8] ^= 1 << (bit % 8)
					broken = append(broken, b)
				}
				came += len(broken)
				for _, to := range []*side{w.client, w.server} {
					w.flying = append(w.flying, flying{at: w.now.Add(w.latency - 1), from: d.from, to: to, addr: d.addr, data: nil, before: broken})
				}
				return 1, 0
			}
			w.dial()
			w.until(func() bool {
				return w.client.closed != nil || w.client.core.phase == connected && w.client.core.confirmed
			})
			require.Nil(t, w.client.closed, w.story())
			w.chat(w.open(true))
			w.client.core.Migrate(w.now)
			w.client.after()
			w.run(time.Second)
			require.Greater(t, came, 300)
			t.Logf("%d came", came)
			require.Nil(t, w.client.closed, w.story())
			require.Nil(t, w.server.closed)
			w.fate = nil
			w.chat(w.open(true))
		})
	}
}

// Row 24: behind the right protection, what is malformed ends the connection with the rule's code: RFC 9000 §12.4, "An endpoint MUST
// treat receipt of a frame in a packet type that is not permitted as a connection error of type PROTOCOL_VIOLATION", and varints
// are the shortest.
func TestAttack24MalformedFrames(t *testing.T) {
	cause := func(c *Conn) packet.Code {
		var closed *CloseError
		require.ErrorAs(t, c.err, &closed)
		return packet.Code(closed.Code)
	}
	examples := map[packet.FrameType][]byte{}
	for n := range 0x40 {
		b := append([]byte{byte(n)}, make([]byte, 60)...)
		var f packet.Frame
		if rest, err := packet.ParseFrame(&f, b); err == nil && n >= 0x06 {
			examples[packet.FrameType(n)] = b[:len(b)-len(rest)]
		}
	}
	require.Greater(t, len(examples), 25)
	for kind, frame := range examples {
		if kind.AtHandshake() {
			continue
		}
		w := newWorld(t, overTLS).secure(newSecured(t))
		w.dial()
		w.until(func() bool { return len(w.accepted) > 0 })
		server := w.accepted[0].core
		keys, _ := handshake.InitialKeys(server.ids.initial(), server.token)
		l := packet.Long{Type: packet.Connect, Version: packet.V1, Dst: server.ids.initial(), Src: server.ids.peer.id, Token: server.token, Number: 100, NumberLen: 4}
		b := packet.AppendLong(nil, l, len(frame)+handshake.TagLen)
		server.HandleDatagram(w.now, clientAddr, keys.Seal(b, b, frame, 100))
		require.Equal(t, packet.ProtocolViolation, cause(server), "%v at the Initial level", kind)
	}
	for name, frame := range map[string][]byte{
		"a long varint":          {byte(packet.MaxStreams), 0x40, 0x01},
		"a longer one":           {byte(packet.MaxStreamData), 0x00, 0xc0, 0, 0, 0, 0, 0, 0, 0x01},
		"a stream beyond 2^62":   append([]byte{byte(packet.Stream) | 0x06, 0}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0),
		"an ACK below 0":         packet.AppendAckHead(nil, 3, 0, 0, 4),
		"an ACK without ranges":  packet.AppendAckHead(nil, 3, 0, 1000, 0),
		"an id of seven bytes":   append([]byte{byte(packet.NewConnectionID), 2, 0}, make([]byte, 23)...),
		"an empty token":         {byte(packet.NewToken), 0},
		"a reason that is none":  append([]byte{byte(packet.StreamAbort), 0, 0, 2}, 0xff, 0xff),
		"a reason without bound": append([]byte{byte(packet.StreamAbort), 0, 0, 0x44, 0x01}, make([]byte, 0x401)...),
	} {
		w := connectedWorld(t)
		w.client.arrive(serverAddr, w.server.forge(500, frame))
		require.Equal(t, packet.FrameEncodingError, cause(w.client.core), name)
	}
}

// Row 26: a storm into an end that has aborted is answered less and less: the first, second, fourth, eighth … datagram.
func TestAttack26CloseStorm(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
		w.server.core.Abort(w.now, 1, "")
		w.server.after()
		before := w.server.sent
		n := long(1_000_000, 10_000)
		number := w.client.core.loss.NextNumber(handshake.Application)
		storm := w.client.forge(number, append(packet.AppendPing(nil), make([]byte, 100)...))
		for range n {
			w.server.arrive(clientAddr, storm)
		}
		require.LessOrEqual(t, w.server.sent-before, 1+bits.Len(uint(n)))
		require.Greater(t, w.server.sent-before, 5)
	})
}

// The parameters are the peer's word: whatever they say, nothing overflows and no timer runs wild.
func FuzzPeerParameters(f *testing.F) {
	w := newWorld(f)
	w.dial()
	w.run(time.Second)
	f.Add(w.client.core.peerParams)
	f.Add(w.server.core.peerParams)
	f.Fuzz(func(t *testing.T, params []byte) {
		for _, client := range []bool{true, false} {
			c := newConn(w.now, Config{}, client)
			c.peerParams = params
			if err := c.learn(); err != nil && err.Cause != Violated && err.Cause != Refused {
				t.Fatal(err)
			}
			c.phase = connected
			if at := c.idleAt(); at < w.now && at != mono.Never {
				t.Fatalf("idle at %v", at)
			}
		}
	})
}

// arrivalOf is the arrival of a packet that needs no acknowledgement.
func arrivalOf(size int) recovery.Arrival { return recovery.Arrival{Size: size} }
