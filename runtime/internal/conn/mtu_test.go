package conn

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
)

// tunnel lets through datagrams of up to so many bytes.
func (w *world) tunnel(limit *int) {
	w.fate = func(d *flying) (copies int, late time.Duration) {
		if len(d.data) > *limit {
			return 0, 0
		}
		return 1, 0
	}
}

// stream sends so many bytes from the client, which the server reads, and returns the sizes of the client's datagrams.
func (w *world) stream(id StreamID, bytes int) (sizes []int) {
	before := w.fate
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from == w.client {
			sizes = append(sizes, len(d.data))
		}
		return before(d)
	}
	defer func() { w.fate = before }()
	for bytes > 0 {
		n := min(bytes, 40<<10)
		w.client.send(id, string(make([]byte, n)), false)
		bytes -= n
		got := 0
		w.until(func() bool {
			messages, _ := w.server.recvIf(id)
			for _, m := range messages {
				got += len(m)
			}
			return got == n
		})
	}
	return sizes
}

// RFC 9000 §14.3, RFC 8899: the connection finds out what the path carries, of the sizes that are worth a try,
// and no loss of a probe makes the window smaller.
func TestPathMTUIsFound(t *testing.T) {
	for _, c := range []struct{ path, limit, found int }{
		{1200, 0, 1200}, {1452, 0, 1452}, {1500, 0, 1452}, {9000, 0, 8952}, {9000, 1452, 1452}, {16384, 16384, 16384}, {9000, 1200, 1200},
	} {
		w := connectedWorld(t, func(client, _ *Config) { client.MaxDatagram = c.limit })
		w.tunnel(&c.path)
		w.stream(w.open(true), 200<<10)
		w.run(10 * time.Second)
		require.Equal(t, c.found, w.client.core.Stats().MaxDatagram, "a path of %d bytes", c.path)
		require.Zero(t, w.client.core.Stats().PacketsLost, "a probe is no packet that was lost")
		sizes := w.stream(w.open(true), 100<<10)
		require.Equal(t, c.found, slices.Max(sizes))
	}
}

// RFC 9000 §14: "QUIC MUST NOT be used if the network path cannot support a maximum datagram size of at least 1200 bytes", and until the path is known no datagram is larger. Short
// conversations send no probe at all.
func TestNoProbeForLittle(t *testing.T) {
	w := connectedWorld(t)
	limit := 9000
	w.tunnel(&limit)
	require.LessOrEqual(t, slices.Max(w.stream(w.open(true), 20<<10)), baseDatagram)
	require.Equal(t, baseDatagram, w.client.core.Stats().MaxDatagram)
}

// RFC 8899 §4.3: a path that carries less than it did is a black hole for large datagrams. It is found out, and the connection goes on.
func TestBlackHole(t *testing.T) {
	w := connectedWorld(t, func(c, s *Config) { c.DeathTimeout, s.DeathTimeout = time.Minute, time.Minute })
	limit := 9000
	w.tunnel(&limit)
	id := w.open(true)
	w.stream(id, 200<<10)
	require.Equal(t, 8952, w.client.core.Stats().MaxDatagram)
	limit = 1400
	w.stream(id, 100<<10)
	w.run(10 * time.Second)
	require.Equal(t, baseDatagram, w.client.core.Stats().MaxDatagram)
	limit = 9000
	w.stream(id, 100<<10)
	w.run(11 * time.Minute) // RFC 8899 §5.1.1: PMTU_RAISE_TIMER
	w.stream(id, 4<<20)     // and until the window, which the black hole made small, holds datagrams of the size again
	require.Equal(t, 8952, w.client.core.Stats().MaxDatagram)
}

// An outage looks like a black hole. What the path carried before is found again at once, though a larger size, which it never carried, is not to
// be tried again for long.
func TestOutageIsNoBlackHole(t *testing.T) {
	w := connectedWorld(t, func(c, s *Config) { c.DeathTimeout, s.DeathTimeout = time.Minute, time.Minute })
	limit := 1472
	w.tunnel(&limit)
	id := w.open(true)
	w.stream(id, 1<<20)
	w.run(10 * time.Second) // and nothing larger
	require.Equal(t, 1452, w.client.core.Stats().MaxDatagram)
	limit = 0
	w.client.send(id, "x", false)
	w.run(2 * time.Second)
	require.Equal(t, baseDatagram, w.client.core.Stats().MaxDatagram)
	limit = 1472
	w.until(func() bool { m, _ := w.server.recvIf(id); return len(m) > 0 })
	w.stream(id, 4<<20)
	require.Equal(t, 1452, w.client.core.Stats().MaxDatagram)
}

// Small messages that get through, and are acknowledged, do not hide that large ones no longer do: no probe timeout expires, but what
// is lost is always large.
func TestBlackHoleBesideSmallMessages(t *testing.T) {
	w := connectedWorld(t)
	limit := 9000
	w.tunnel(&limit)
	large, small := w.open(true), w.open(true)
	w.stream(large, 200<<10)
	require.Equal(t, 8952, w.client.core.Stats().MaxDatagram)
	lost := w.client.core.Stats().PacketsLost
	limit = 1400
	arrived := 0
	for i := range 200 {
		if i%5 == 0 {
			w.client.send(large, strings.Repeat("x", 2000), false)
		}
		w.client.send(small, "x", false)
		w.run(10 * time.Millisecond)
		m, _ := w.server.recvIf(large)
		arrived += len(m)
		w.server.recvIf(small)
	}
	require.Equal(t, baseDatagram, w.client.core.Stats().MaxDatagram)
	require.Greater(t, arrived, 30)
	require.Less(t, w.client.core.Stats().PacketsLost-lost, uint64(20))
}

// RFC 8899 §3: "An update to the PLPMTU (or MPS) MUST NOT increase the congestion window measured in bytes", so while the window is small, or
// has become small, datagrams stay as they are.
func TestLargerDatagramsFitTheWindow(t *testing.T) {
	w := connectedWorld(t, func(client, _ *Config) { client.Congestion = congestion.AlgorithmCubic })
	id := w.open(true)
	exchangeOn(w, id)
	core := w.client.core
	core.mtu.sent = mtuWorth
	core.loss.Controller.OnPersistentCongestion(w.now)
	window := core.loss.Controller.Window()
	require.Zero(t, len(core.appendMTUProbe(w.now, nil)))
	core.mtu.probing = 1452
	core.mtuProbeAcked(1452)
	require.Equal(t, window, core.loss.Controller.Window())
	require.Equal(t, baseDatagram, core.mtu.size)
	require.Zero(t, core.mtu.probing)

	limit := 9000
	w.tunnel(&limit)
	w.stream(id, 200<<10)
	require.Equal(t, 8952, core.Stats().MaxDatagram)
}
