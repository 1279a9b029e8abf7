package conn

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// give lets the victim hear an id that its peer does not give of itself.
func (s *side) give(victim *side, packetNumber, number, priorTo uint64) {
	id := packet.ID(binary.BigEndian.AppendUint64(nil, 0xfeed000000000000+number))
	victim.arrive(s.addr, s.forge(packetNumber, packet.AppendNewConnectionID(nil, number, priorTo, id, [packet.TokenLen]byte{byte(number)})))
}

// RFC 9000 §5.1.2: "Upon receipt of an increased Retire Prior To field, the peer MUST stop using the corresponding connection IDs and retire them
// with RETIRE_CONNECTION_ID frames before adding the newly provided connection ID to the set of active connection IDs."
func TestRetirePriorTo(t *testing.T) {
	for _, atServer := range []bool{false, true} {
		w := connectedWorld(t)
		victim, forger := w.client, w.server
		if atServer {
			victim, forger = w.server, w.client
		}
		w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
		forger.give(victim, 500, 2, 1) // the one in use goes, the spare takes its place
		require.Equal(t, "hears at 0 1, sends to 1, could to 2, retires 0", victim.core.ids.tell())
		forger.give(victim, 501, 2, 1)
		require.Equal(t, "hears at 0 1, sends to 1, could to 2, retires 0", victim.core.ids.tell(), "it came again")
		forger.give(victim, 502, 4, 4) // both go at once
		require.Equal(t, "hears at 0 1, sends to 4, retires 0, retires 2, retires 1", victim.core.ids.tell())
		// RFC 9000 §19.15: one that is "smaller than the Retire Prior To field of a previously received NEW_CONNECTION_ID
		// frame MUST" be retired, "unless it has already done so".
		forger.give(victim, 503, 3, 0)
		forger.give(victim, 504, 3, 0)
		forger.give(victim, 505, 2, 0)
		require.Equal(t, "hears at 0 1, sends to 4, retires 0, retires 2, retires 1, retires 3", victim.core.ids.tell())
		require.Nil(t, victim.closed)
		require.NoError(t, victim.core.CheckInvariants())
	}
}

// Row 7: an end that gives out ids, asks to retire them, and acknowledges nothing leaves a few numbers behind, then a
// connection error (CVE-2024-22189). RFC 9000 §5.1.2 allows it: "MAY choose to treat having connection IDs in need of
// retirement that exceed this limit as a connection error of type CONNECTION_ID_LIMIT_ERROR."
func TestAttack07RetireQueue(t *testing.T) {
	for _, atServer := range []bool{false, true} {
		w := connectedWorld(t)
		victim, forger := w.client, w.server
		if atServer {
			victim, forger = w.server, w.client
		}
		w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
		given := uint64(2)
		for ; victim.closed == nil; given++ {
			require.Less(t, given, uint64(2+maxRetiring))
			forger.give(victim, 500+given, given, given)
			require.NoError(t, victim.core.CheckInvariants())
		}
		var closed *CloseError
		require.ErrorAs(t, victim.closed.Err, &closed)
		require.Equal(t, packet.ConnectionIDLimitError, packet.Code(closed.Code))
	}
}

// Row 7: an end that retires whatever it is given, and acknowledges nothing, is given more until the window is full. There are never more than two
// of its ids in the table.
func TestAttack07RetireFlood(t *testing.T) {
	w := connectedWorld(t)
	w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
	spare, given := &w.server.core.ids.own[1], uint64(0)
	for n := range uint64(10_000) {
		if spare.state == idOffered {
			given = uint64(spare.number)
		}
		w.server.arrive(clientAddr, w.client.forge(500+n, packet.AppendPing(packet.AppendRetireConnectionID(nil, max(1, given)))))
		require.Nil(t, w.server.closed)
		require.Equal(t, activeIDs, w.server.route.Len())
	}
	require.Less(t, given, uint64(100))
	require.Greater(t, given, uint64(5))
	require.NoError(t, w.server.core.CheckInvariants())
}

// An id that the peer has not been given cannot be retired by it. RFC 9000 §19.16: "greater than any previously sent to the peer".
func TestRetireBeforeItIsGiven(t *testing.T) {
	w := connectedWorld(t)
	w.server.core.ids.own[1].state = idRides
	w.server.arrive(clientAddr, w.client.forge(500, packet.AppendRetireConnectionID(nil, 1)))
	require.ErrorContains(t, w.server.closed.Err, "not given")
}

// see tells which of the last 32 numbers came before, as a set does that forgets nothing.
func TestSeenIDsAgainstASet(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 31))
	for range 200 {
		i, set, largest := newIDs(packet.ID{}, packet.ID{}), map[uint32]bool{0: true}, uint32(0)
		for range 300 {
			number := uint32(max(0, int(largest)+random.IntN(60)-40))
			if random.IntN(50) == 0 {
				number = largest + uint32(random.IntN(1000))
			}
			want := !set[number] && number+seenIDs > largest
			require.Equal(t, want, i.see(number), "%d after %d", number, largest)
			set[number] = true
			largest = max(largest, number)
		}
	}
}

// What travels in two networks has nothing in common: row 31, "2 paths share no bytes". No eight bytes in a row that were seen in
// one are seen in the other, either way.
func TestAttack31Linkability(t *testing.T) {
	w := secureWorld(t)
	networks := map[netip.Addr]map[[8]byte]bool{}
	w.watch = func(client netip.AddrPort, data []byte) {
		seen := networks[client.Addr()]
		if seen == nil {
			seen = map[[8]byte]bool{}
			networks[client.Addr()] = seen
		}
		for ; len(data) >= 8; data = data[1:] {
			seen[[8]byte(data)] = true
		}
	}
	id := w.open(true)
	places := []string{"198.51.100.7:1000", "203.0.113.9:2000", "192.0.2.77:3000"}
	for i, place := range places {
		for range 10 {
			w.chat(id)
		}
		w.run(2 * time.Second)
		moveTo(w, place)
		if i == 1 { // in the middle of what the server has to say
			w.server.send(id, string(make([]byte, 100_000)), false)
		}
		w.client.core.Migrate(w.now)
		w.client.after()
		w.until(func() bool { return len(w.server.got(EventMoved)) == i+1 })
		if i == 1 {
			w.until(func() bool { m, _ := w.client.recvIf(id); return len(m) > 0 })
		}
	}
	w.chat(id)
	w.run(2 * time.Second)
	require.Len(t, networks, 1+len(places))
	bytes := map[[8]byte]netip.Addr{}
	for network, seen := range networks {
		require.Greater(t, len(seen), 500, network)
		for b := range seen {
			other, linked := bytes[b]
			require.False(t, linked, "%x in the networks of %v and %v", b, network, other)
			bytes[b] = network
		}
	}
	require.Nil(t, w.client.closed)
}

// TestRoaming has clients move, knowing it and not, through loss and reordering: each goes on, and no id is seen
// at two addresses after moves that the client knew of and had a spare id for.
func TestRoaming(t *testing.T) {
	linked := 0
	for seed := range uint64(30) {
		w := connectedWorld(t, func(client, server *Config) { client.DeathTimeout, server.DeathTimeout = time.Minute, time.Minute })
		random := rand.New(rand.NewPCG(seed, 9))
		w.fate = func(*flying) (int, time.Duration) {
			switch random.IntN(8) {
			case 0:
				return 0, 0
			case 1:
				return 1, time.Duration(random.IntN(40)) * time.Millisecond
			case 2:
				return 2, time.Duration(random.IntN(20)) * time.Millisecond
			}
			return 1, 0
		}
		id := w.open(true)
		at, clean := map[packet.ID]netip.AddrPort{}, true
		w.watch = func(client netip.AddrPort, data []byte) {
			dst, _ := packet.DstID(data)
			if was, known := at[dst]; known && was != client {
				require.False(t, clean, "seed %d: an id at %v and at %v\n%s", seed, was, client, w.story())
				linked++
			}
			at[dst] = client
		}
		for i := range 20 {
			place := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}), uint16(1000+random.IntN(2)))
			moveTo(w, place.String())
			if knows := random.IntN(4) > 0; knows {
				clean = clean && w.client.core.ids.hasSpare
				w.client.core.Migrate(w.now)
				w.client.after()
			} else {
				clean = false
			}
			exchangeOn(w, id)
			if random.IntN(3) > 0 {
				w.run(time.Duration(random.IntN(1000)) * time.Millisecond)
			}
			require.NoError(t, w.client.core.CheckInvariants(), i)
			require.NoError(t, w.server.core.CheckInvariants(), i)
		}
		w.fate = nil
		exchangeOn(w, id)
		w.run(5 * time.Second)
		require.Equal(t, w.client.addr, w.server.core.path.Peer, seed)
		require.Equal(t, activeIDs, w.server.route.Len())
		require.Equal(t, activeIDs, w.client.route.Len())
		require.True(t, w.client.core.ids.hasSpare && w.server.core.ids.hasSpare)
		require.Zero(t, w.client.core.ids.retiring|w.server.core.ids.retiring)
	}
	require.Positive(t, linked, "a NAT's moves are seen")
}

// A peer that moves to an id that nobody else knows, and has given no spare of its own, is answered where it was: the
// server has no id to answer it with elsewhere, until one comes.
func TestMoveWaitsForASpareID(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	ids := &w.server.core.ids
	ids.hasSpare, ids.spare, ids.seen = false, peerID{}, 1<<1
	moveTo(w, "198.51.100.7:1000")
	w.client.core.Migrate(w.now)
	w.client.after()
	w.run(3 * time.Second)
	require.Empty(t, w.server.got(EventMoved))
	require.Zero(t, w.elsewhere[w.client.addr])
	w.client.core.ids.own[1].state = idDue
	w.client.after()
	w.until(func() bool { return len(w.server.got(EventMoved)) == 1 })
	exchangeOn(w, id)
}

// The ids cost a connection no allocation once it is up.
func TestIDsAllocateNothing(t *testing.T) {
	w := connectedWorld(t)
	ids, id := &w.client.core.ids, w.client.core.ids.initial()
	require.Zero(t, testing.AllocsPerRun(100, func() { ids.hears(id) }))
}
