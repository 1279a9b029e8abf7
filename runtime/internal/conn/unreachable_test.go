package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestUnreachable: three ICMP messages within a second fail a handshake that has not begun. Later ones, and
// rarer ones, are a reason to ask, while something may be unanswered.
func TestUnreachable(t *testing.T) {
	w := newWorld(t)
	w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
	w.dial()
	for _, pause := range []time.Duration{0, 800 * time.Millisecond, 800 * time.Millisecond, 800 * time.Millisecond, 100 * time.Millisecond} {
		w.run(pause)
		require.Nil(t, w.client.closed)
		w.client.core.HandleUnreachable(w.now)
		w.client.after()
	}
	require.NotNil(t, w.client.closed)
	require.ErrorContains(t, w.client.closed.Err, "nobody listens")

	w = connectedWorld(t)
	w.chat(w.open(true))
	w.run(restTime / 2)
	sent := w.client.core.Stats().PacketsSent
	for range 1000 {
		w.client.core.HandleUnreachable(w.now)
		w.client.after()
	}
	require.Equal(t, sent+1, w.client.core.Stats().PacketsSent)
	w.run(2 * restTime)
	sent = w.client.core.Stats().PacketsSent
	w.client.core.HandleUnreachable(w.now)
	w.client.after()
	require.Equal(t, sent, w.client.core.Stats().PacketsSent, "at rest nothing is unanswered")
	require.Nil(t, w.client.closed)
	exchangeOn(w, w.open(true))
}
