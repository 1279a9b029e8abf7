package conn

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// exchangeOn sends a message each way on a stream.
func exchangeOn(w *world, id StreamID) {
	w.client.send(id, "question", false)
	w.until(func() bool { m, _ := w.server.recvIf(id); return m != nil })
	w.server.send(id, "answer", false)
	w.until(func() bool { m, _ := w.client.recvIf(id); return m != nil })
}

// moveTo lets the client go on from another address.
func moveTo(w *world, addr string) {
	if w.elsewhere == nil {
		w.elsewhere = map[netip.AddrPort]int{}
	}
	w.client.addr = netip.MustParseAddrPort(addr)
}

// TestNATRebinding: the client's port changes under it. The connection goes on, with what is known of the path.
func TestNATRebinding(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	before := w.server.core.Stats()
	moveTo(w, "192.0.2.1:4711")
	exchangeOn(w, id)
	w.run(time.Second)
	require.Equal(t, w.client.addr, w.server.core.path.Peer)
	after := w.server.core.Stats()
	require.EqualValues(t, 1, after.Moves)
	require.Positive(t, after.MinRTT)
	require.LessOrEqual(t, after.MinRTT, before.MinRTT)
	require.GreaterOrEqual(t, after.CongestionWindow, before.CongestionWindow)
	e := w.server.got(EventMoved)
	require.Len(t, e, 1)
	require.Equal(t, w.client.addr, e[0].Addr)
}

// TestMigration: the client's address changes in the middle of a message to it. RFC 9000 §9.4: what was known of
// the path counts no more.
func TestMigration(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	big := string(make([]byte, 1<<20))
	w.server.send(id, big, false)
	w.run(60 * time.Millisecond)
	require.Greater(t, w.server.core.Stats().CongestionWindow, 20_000)
	moveTo(w, "198.51.100.7:1000")
	w.latency = 30 * time.Millisecond
	w.client.send(id, "I have moved", false)
	w.until(func() bool { return len(w.server.got(EventMoved)) == 1 })
	require.Zero(t, w.server.core.Stats().MinRTT)
	require.LessOrEqual(t, w.server.core.Stats().CongestionWindow, 12_000)
	require.NoError(t, w.server.core.CheckInvariants())
	w.until(func() bool { m, _ := w.client.recvIf(id); return len(m) == 1 && m[0] == big })
	require.EqualValues(t, 1, w.server.core.Stats().Moves)
	require.GreaterOrEqual(t, w.server.core.Stats().MinRTT, 59*time.Millisecond)
	w.server.recvIf(id)
	exchangeOn(w, id)
	require.NoError(t, w.server.core.CheckInvariants())
}

// TestMigrationWithoutAnswer: nobody at the new address answers, so everything goes on to the old one.
func TestMigrationWithoutAnswer(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	home := w.client.addr
	moveTo(w, strangerAddr.String())
	w.client.send(id, "from elsewhere", false)
	w.client.addr = home
	w.until(func() bool { m, _ := w.server.recvIf(id); return m != nil })
	w.run(3 * time.Second)
	require.Equal(t, home, w.server.core.path.Peer)
	require.True(t, w.server.core.Resting(), "it tries no more")
	require.Positive(t, w.elsewhere[strangerAddr])
	exchangeOn(w, id)
}

// TestAttack06MigrationAmplification: a client says that it is at a victim's address, ten thousand times. The
// victim gets at most three times what the client sent from there.
func TestAttack06MigrationAmplification(t *testing.T) {
	w := connectedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	home, victim := w.client.addr, strangerAddr
	cost, moves := 0, 10_000
	w.elsewhere = map[netip.AddrPort]int{}
	w.fate = func(d *flying) (int, time.Duration) {
		if d.addr == victim {
			cost += len(d.data)
		}
		return 1, 0
	}
	for i := range moves {
		w.client.addr = victim
		w.client.send(id, "v", false)
		w.client.addr = home
		if i%3 == 0 { // and back, so that each is a new attempt
			w.client.send(id, "h", false)
		}
		w.server.recvIf(id)
		w.run(5 * time.Millisecond)
		require.LessOrEqual(t, w.elsewhere[victim], 3*cost, i)
		require.Equal(t, home, w.server.core.path.Peer)
	}
	require.Positive(t, w.elsewhere[victim])
	t.Logf("%d moves: %d bytes from the victim's address, %d bytes to it", moves, cost, w.elsewhere[victim])
}

// TestAttack07PathQueues: floods of PATH_CHALLENGE and PATH_RESPONSE, with acknowledgements withheld, leave one answer to
// send and nothing else.
func TestAttack07PathQueues(t *testing.T) {
	w := connectedWorld(t)
	w.run(time.Second)
	core := w.server.core
	core.rouse(w.now)
	sent := core.Stats().PacketsSent
	for i := range 100_000 {
		data := [8]byte{byte(i), byte(i >> 8), byte(i >> 16)}
		var f packet.Frame
		_, err := packet.ParseFrame(&f, packet.AppendPath(nil, packet.PathChallenge, data))
		require.NoError(t, err)
		core.from, core.size = Path{Peer: w.client.addr}, 100
		require.NoError(t, core.handleFrame(w.now, handshake.Application, &f))
		f.Type = packet.PathResponse
		require.NoError(t, core.handleFrame(w.now, handshake.Application, &f))
	}
	for ok := true; ok; {
		_, _, ok = core.PollTransmit(w.now, nil)
	}
	require.LessOrEqual(t, core.Stats().PacketsSent-sent, uint64(2))
	require.Nil(t, w.server.closed)
}

// TestMovingBackAndForth has the client move at random while both ends talk, through loss and reordering.
func TestMovingBackAndForth(t *testing.T) {
	for seed := range uint64(20) {
		w := connectedWorld(t)
		id := w.open(true)
		random := rand.New(rand.NewPCG(seed, 12))
		w.fate = func(*flying) (int, time.Duration) {
			switch random.IntN(10) {
			case 0:
				return 0, 0
			case 1:
				return 1, time.Duration(random.IntN(30)) * time.Millisecond
			}
			return 1, 0
		}
		for i := range 20 {
			moveTo(w, fmt.Sprintf("192.0.2.%d:%d", 10+random.IntN(3), 1000+random.IntN(2)))
			exchangeOn(w, id)
			require.NoError(t, w.server.core.CheckInvariants(), i)
		}
		w.fate = nil
		exchangeOn(w, id)
		w.run(5 * time.Second)
		exchangeOn(w, id)
		require.Equal(t, w.client.addr, w.server.core.path.Peer, seed)
	}
}
