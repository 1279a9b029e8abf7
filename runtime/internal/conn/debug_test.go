//go:build sessgen_debug

package conn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A debug build stops as soon as an invariant is broken.
func TestBrokenInvariantPanics(t *testing.T) {
	w := connectedWorld(t)
	w.open(true)
	w.client.core.buffered++
	require.PanicsWithValue(t, "conn: a broken invariant: 7 bytes are kept to be sent, and 8 are counted", func() { w.client.core.HandleTimeout(w.now) })
}
