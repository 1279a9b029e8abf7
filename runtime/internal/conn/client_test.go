package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Attack 2: VERSIONS that somebody else answers an INIT with ends nothing as long as the
// server answers too, also where its first COOKIE is lost.
func TestForgedVersions(t *testing.T) {
	w := newWorld(t)
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from == w.server && d.number == 0 {
			return 0, 0
		}
		return 1, 0
	}
	w.dial()
	w.client.arrive(serverAddr, packet.AppendVersions(nil, w.client.id, w.client.config.Nonce[:], 0x0a0a0a0a))
	w.run(time.Second)
	require.Len(t, w.client.got(EventConnected), 1)
	require.Nil(t, w.client.closed)
}

// A server that speaks no version that the client does ends the attempt after a few INITs.
func TestNoCommonVersion(t *testing.T) {
	w := newWorld(t)
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from == w.client {
			versions := packet.AppendVersions(nil, w.client.id, w.client.config.Nonce[:], 0x0a0a0a0a)
			w.flying = append(w.flying, flying{at: w.now.Add(w.latency), to: w.client, from: w.server, addr: serverAddr, data: versions})
		}
		return 0, 0
	}
	w.dial()
	w.until(func() bool { return w.client.closed != nil })
	var closed *CloseError
	require.ErrorAs(t, w.client.closed.Err, &closed)
	require.Equal(t, Refused, closed.Cause)
	require.ErrorContains(t, closed, "no version")
	require.Less(t, w.now.Sub(w.client.core.begun), 400*time.Millisecond)
	require.Equal(t, 1+versionsPatience, w.client.sent)
}

// Someone who answers each INIT with VERSIONS, at once, ends nothing if a COOKIE arrives within 300 ms.
func TestForgedVersionsOnASlowPath(t *testing.T) {
	w := newWorld(t)
	w.latency = 140 * time.Millisecond
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from == w.client {
			versions := packet.AppendVersions(nil, w.client.id, w.client.config.Nonce[:], 0x0a0a0a0a)
			w.flying = append(w.flying, flying{at: w.now.Add(time.Millisecond), to: w.client, from: w.server, addr: serverAddr, data: versions})
		}
		return 1, 0
	}
	w.dial()
	w.until(func() bool { return len(w.client.got(EventConnected)) == 1 || w.client.closed != nil })
	require.Nil(t, w.client.closed)
}

// Where each INIT is answered by an ICMP message, a dial ends with the third, soon.
func TestNobodyListens(t *testing.T) {
	w := newWorld(t)
	w.fate = func(*flying) (int, time.Duration) { return 0, 0 }
	w.dial()
	for answered := 0; w.client.closed == nil; {
		if w.client.sent == answered {
			w.step(w.now.Add(time.Second))
			continue
		}
		answered++
		w.client.core.HandleUnreachable(w.now)
		w.client.after()
	}
	require.ErrorContains(t, w.client.closed.Err, "nobody listens")
	require.Equal(t, unreachableMax, w.client.sent)
	require.Less(t, w.now.Sub(w.client.core.begun), 200*time.Millisecond)
}

// A COOKIE that was altered on the way, and so comes beside the genuine one, does not spoil its handshake.
func TestAlteredCookie(t *testing.T) {
	w := newWorld(t)
	w.fate = func(d *flying) (int, time.Duration) {
		if d.from == w.server && d.number == 0 {
			altered := *d
			altered.data = append([]byte(nil), d.data...)
			altered.data[len(altered.data)-1] ^= 1
			altered.at = w.now.Add(w.latency + time.Millisecond)
			w.flying = append(w.flying, altered)
		}
		return 1, 0
	}
	w.dial()
	w.until(func() bool { return len(w.client.got(EventConnected)) == 1 || w.client.closed != nil })
	require.Nil(t, w.client.closed)
}
