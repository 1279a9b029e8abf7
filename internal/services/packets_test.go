package services_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
)

// TestPacketsOfACall counts the packets of unary calls, one after the other: one each way, and now and then an
// acknowledgement where a call was slow.
func TestPacketsOfACall(t *testing.T) {
	conn := overUDP(t, &server{reply: 1})
	c := services.NewContractsClient(conn)
	call := func() {
		_, err := c.Divide(t.Context(), 100, 1)
		require.NoError(t, err)
	}
	for range 100 {
		call()
	}
	before := conn.Stats()
	const calls = 1000
	for range calls {
		call()
	}
	after := conn.Stats()
	sent, received := after.PacketsSent-before.PacketsSent, after.PacketsReceived-before.PacketsReceived
	t.Logf("%.2f packets out and %.2f in for a call", float64(sent)/calls, float64(received)/calls)
	// With an acknowledgement of their own for the last words of both ends, it was four a call, however fast.
	require.Less(t, sent+received, uint64(4*calls))
}
