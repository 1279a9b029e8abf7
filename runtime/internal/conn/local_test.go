package conn

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Two addresses of the listening end.
var (
	firstLocal  = netip.MustParseAddr("192.0.2.2")
	secondLocal = netip.MustParseAddr("192.0.2.22")
)

// askedWorld is a connected world whose listening end has several addresses, of which the first is asked.
func askedWorld(t *testing.T) *world {
	w := newWorld(t)
	w.asked = firstLocal
	w.dial()
	w.run(time.Second)
	require.NotNil(t, w.server.core)
	require.True(t, w.server.core.confirmed)
	return w
}

// RFC 8085 §5: "the application SHOULD send any UDP responses with an IP source address that matches the IP destination address of the UDP
// datagram that carried the request".
func TestAnswersLeaveFromWhereTheyWereAsked(t *testing.T) {
	w := askedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	require.Equal(t, Path{clientAddr, firstLocal}, w.server.core.path)
	w.run(10 * time.Second)
	require.True(t, w.server.core.Resting())
	exchangeOn(w, id)
	require.Zero(t, w.unasked)
	require.Zero(t, w.server.core.Stats().Moves)
}

// The peer goes on at another of this end's addresses, as a translator before them may have it do, and then from another of its own. That is
// another path, which is validated, and nothing is known of it.
func TestAskedElsewhere(t *testing.T) {
	w := askedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	w.asked = secondLocal
	exchangeOn(w, id)
	w.run(time.Second)
	require.Equal(t, Path{clientAddr, secondLocal}, w.server.core.path)
	require.EqualValues(t, 1, w.server.core.Stats().Moves)
	require.Positive(t, w.unasked)

	w.asked = firstLocal
	moveTo(w, "198.51.100.7:1000")
	exchangeOn(w, id)
	w.run(time.Second)
	require.Equal(t, Path{w.client.addr, firstLocal}, w.server.core.path)
	require.EqualValues(t, 2, w.server.core.Stats().Moves)
	require.NoError(t, w.server.core.CheckInvariants())
}

// Somebody sends what the peer sends to another of this end's addresses too, and is quicker. Nothing but challenges leaves from there.
func TestCopyToAnotherAddressMovesNothing(t *testing.T) {
	w := askedWorld(t)
	id := w.open(true)
	exchangeOn(w, id)
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from == w.client {
			w.server.core.HandleMarked(w.now, Path{clientAddr, secondLocal}, d.data, NotECT)
		}
		return 1, 0
	}
	for range 20 {
		exchangeOn(w, id)
		w.run(time.Second)
	}
	require.Equal(t, Path{clientAddr, firstLocal}, w.server.core.path)
	require.Zero(t, w.server.core.Stats().Moves)
	require.Positive(t, w.unasked)
	require.LessOrEqual(t, w.unasked, 20*pathTries)
}
