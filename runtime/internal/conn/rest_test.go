package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// After a second without a packet a connection rests, once; what comes then finds it as it was.
func TestRest(t *testing.T) {
	bothModes(t, func(t *testing.T, w *world, id StreamID) {
		w.run(2 * restTime)
		for _, s := range []*side{w.client, w.server} {
			require.True(t, s.core.resting, s.name)
			require.Empty(t, s.core.chunks.free)
			require.Nil(t, s.core.opened)
			require.Greater(t, s.core.NextTimeout(), w.now.Add(restTime), "no timer while it rests")
			require.NoError(t, s.core.CheckInvariants())
		}
		forged := w.client.forge(w.client.core.loss.NextNumber(handshake.Application), packet.AppendPing(nil))
		forged[len(forged)-1] ^= 1
		w.server.arrive(clientAddr, forged)
		require.True(t, w.server.core.resting, "who cannot prove anything wakes nobody")
		w.chat(id)
		require.False(t, w.server.core.resting)
		w.run(2 * restTime)
		require.True(t, w.server.core.resting)
		require.True(t, w.client.core.UpdateKeys() == !w.version().Plain())
		w.chat(id)
		w.run(10 * time.Second)
		require.Nil(t, w.client.closed)
	})
}
