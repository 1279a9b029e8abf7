package conn

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever is lost, reordered and duplicated: an exchange comes to its end, and so does the connection.
func TestEchoThroughLoss(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, func(c, s *Config) {
				c.HandshakeTimeout, c.DeathTimeout = time.Minute, time.Minute
				s.HandshakeTimeout, s.DeathTimeout = time.Minute, time.Minute
			})
			random := rand.New(rand.NewPCG(seed, 7))
			w.fate = func(*flying) (copies int, late time.Duration) {
				if random.IntN(10) < 6 {
					late = time.Duration(random.IntN(100)) * time.Millisecond
				}
				switch r := random.IntN(10); {
				case r < 3:
					return 0, 0
				case r < 4:
					return 2, late
				}
				return 1, late
			}
			w.dial()
			w.until(func() bool { return len(w.client.got(EventConnected)) == 1 })
			id := w.open(true)
			for i := range 10 {
				text := fmt.Sprint("message ", i)
				w.client.send(id, text, i == 9)
				var got []string
				w.until(func() bool { got, _ = w.server.recvIf(id); return len(got) > 0 })
				require.Equal(t, []string{text}, got)
				w.server.send(id, text, i == 9)
				w.until(func() bool { got, _ = w.client.recvIf(id); return len(got) > 0 })
				require.Equal(t, []string{text}, got)
			}
			w.client.core.Close(w.now)
			w.client.after()
			w.until(func() bool { return w.client.closed != nil && w.server.closed != nil })
			if w.server.closed.Err != nil {
				t.Log(w.story())
			}
			require.NoError(t, w.client.closed.Err)
			require.NoError(t, w.server.closed.Err)
		})
	}
}
