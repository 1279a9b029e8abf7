package endpoint

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Cookies that are used at any rate are used once each, and next to none is refused whose round trip is shorter than it
// takes to fill a generation.
func TestSpentUnderFlood(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, perSecond := range []int{10, 1000, 50_000, 200_000} {
		const roundTrip = 100 * time.Millisecond
		now := mono.Time(time.Hour)
		s := newSpent(now, handshake.CookieLife)
		type used struct {
			made mono.Time
			id   ID
		}
		var past []used
		refused, n := 0, min(30*perSecond, 500_000)
		for range n {
			now = now.Add(time.Second / time.Duration(perSecond))
			u := used{now.Add(-roundTrip), ID{}}
			for i := range u.id {
				u.id[i] = byte(r.Uint32())
			}
			if fresh, _ := s.spend(now, u.made, u.id); fresh {
				past = append(past, u)
			} else if u.made > mono.Time(time.Hour) {
				refused++
			}
			if len(past) == 0 {
				continue
			}
			// One that was used, of those that a jar still takes.
			if again := past[len(past)-1-r.IntN(min(len(past), 10*perSecond))]; now.Sub(again.made) < handshake.CookieLife {
				fresh, _ := s.spend(now, again.made, again.id)
				require.False(t, fresh, "%d a second: used %v ago", perSecond, now.Sub(again.made))
			}
		}
		require.LessOrEqual(t, refused, n/200, "%d a second", perSecond)
	}
}

// A cookie that comes back when too many have been used since it was made to know that it was none of them is answered with
// another one, which lets in.
func TestStaleCookieIsReplaced(t *testing.T) {
	e := listening(t)
	connect := connectWith(t, e.Route(0, peer, initFrom(ID{1}), nil).Reply)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 2*spentMax + 2000 {
		var id ID
		for i := range id {
			id[i] = byte(r.Uint32())
		}
		e.spent.spend(mono.Time(n+1), mono.Time(n+1), id)
	}
	now := mono.Time(time.Second)
	reply := e.Route(now, peer, connect, make([]byte, 0, 2000))
	require.Equal(t, Reply, reply.Verdict)
	require.LessOrEqual(t, len(reply.Reply), len(connect))
	h, _, err := packet.ParseHeader(reply.Reply)
	require.NoError(t, err)
	require.Equal(t, ID{1}, h.Dst)
	require.Equal(t, [16]byte{7}, [16]byte(h.Nonce))
	require.Equal(t, Accept, e.Route(now.Add(time.Millisecond), peer, connectWith(t, reply.Reply), nil).Verdict)
	require.EqualValues(t, 1, e.Counts().SpentCookie)
	require.EqualValues(t, 2, e.Counts().Cookies)

	// The answer is never longer than what came.
	now = now.Add(time.Second)
	e.spent.began = [2]mono.Time{now, now}
	long := packet.Long{Type: packet.Connect, Version: packet.V1Plain, Dst: h.Src, Src: h.Dst, Token: h.Token, NumberLen: 1}
	for size := range 40 {
		connect := append(packet.AppendLong(nil, long, size), make([]byte, size)...)
		r := e.Route(now, peer, connect, nil)
		require.LessOrEqual(t, len(r.Reply), len(connect))
		require.Equal(t, len(connect) >= len(reply.Reply), r.Verdict == Reply)
	}
}
