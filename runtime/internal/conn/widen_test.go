package conn

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/flow"
)

// A stream whose reader waits for what was lost gets a larger window, so that its peer goes on meanwhile; one whose reader sleeps does not.
func TestWindowGrowsBehindALoss(t *testing.T) {
	for name, c := range map[string]struct {
		lost bool
		want uint64
	}{
		"a loss":               {true, 2 * flow.Floor},
		"a reader that sleeps": {false, flow.Floor},
	} {
		t.Run(name, func(t *testing.T) {
			w := connectedWorld(t)
			id := w.open(true)
			for range 5 { // the congestion window grows, and a reader that takes its time lets the other one stay
				w.client.send(id, strings.Repeat("x", 2000), false)
			}
			w.run(time.Second)
			_, err := w.server.recv(id)
			require.ErrorIs(t, err, ErrBlocked)
			w.run(time.Second)
			lost := 0
			if c.lost {
				lost = w.client.sent
				w.fate = func(d *flying) (int, time.Duration) {
					if d.from == w.client && d.number == lost {
						return 0, 0
					}
					return 1, 0
				}
			}
			w.client.send(id, "first", false)
			for range 15 {
				w.client.send(id, strings.Repeat("x", 1000), false)
			}
			w.run(29 * time.Millisecond) // what was lost has not been sent again
			require.Equal(t, c.want, w.server.core.find(id).recv.window.Size())
			require.NoError(t, w.server.core.CheckInvariants())
		})
	}
}
