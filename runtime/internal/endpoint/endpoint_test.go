package endpoint

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

var peer = netip.MustParseAddrPort("192.0.2.1:4242")

func listening(t testing.TB) *Endpoint[string] {
	t.Helper()
	r := rand.NewChaCha8([32]byte{1})
	return New[string](0, Config{Draw: func(b []byte) { r.Read(b) }, Version: packet.V1Plain, Listening: true})
}

func initFrom(client ID) []byte {
	return packet.AppendInit(nil, packet.V1Plain, client, [16]byte{7})
}

// connectWith is the CONNECT that answers a COOKIE.
func connectWith(t testing.TB, cookie []byte) []byte {
	t.Helper()
	h, _, err := packet.ParseHeader(cookie)
	require.NoError(t, err)
	return append(packet.AppendLong(nil, packet.Long{
		Type: packet.Connect, Version: h.Version, Dst: h.Src, Src: h.Dst, Token: h.Token, NumberLen: 1,
	}, 32), make([]byte, 32)...)
}

func TestCookieLetsIn(t *testing.T) {
	e := listening(t)
	init := initFrom(ID{1})
	r := e.Route(0, peer, init, nil)
	require.Equal(t, Reply, r.Verdict)
	require.LessOrEqual(t, len(r.Reply), len(init))
	connect := connectWith(t, r.Reply)

	r = e.Route(1, peer, connect, nil)
	require.Equal(t, Accept, r.Verdict)
	require.Equal(t, ID{1}, r.Accepted.ClientID)
	require.Equal(t, peer, r.Accepted.From)
	server := r.Accepted.ServerID
	e.Add(server, "it")

	// S5: a late duplicate meets the same connection; once that is gone, nobody.
	r = e.Route(2, peer, connect, nil)
	require.Equal(t, Route[string]{Verdict: Deliver, Conn: "it"}, r)
	e.Remove(3, []ID{server}, 0, nil)
	require.Equal(t, Drop, e.Route(4, peer, connect, nil).Verdict)
	require.EqualValues(t, 1, e.Counts().SpentCookie)
}

// S7, and attack 4: a cookie from another address, altered, or too old lets nobody in.
func TestS07WrongCookie(t *testing.T) {
	e := listening(t)
	connect := connectWith(t, e.Route(0, peer, initFrom(ID{1}), nil).Reply)
	elsewhere := netip.MustParseAddrPort("192.0.2.2:4242")
	require.Equal(t, Drop, e.Route(1, elsewhere, connect, nil).Verdict)
	require.Equal(t, Drop, e.Route(mono.Time(handshake.CookieLife), peer, connect, nil).Verdict)
	for i := 5; i < 5+8+8+1+handshake.CookieLen; i++ {
		altered := append([]byte(nil), connect...)
		altered[i] ^= 0x10
		require.NotEqual(t, Accept, e.Route(1, peer, altered, nil).Verdict, "byte %d", i)
	}
	require.Equal(t, Accept, e.Route(1, peer, connect, nil).Verdict)
}

// S24, and attack 3: what has not come back with a cookie leaves nothing behind.
func TestS24InitFlood(t *testing.T) {
	e := listening(t)
	reply := make([]byte, 0, packet.MinInit)
	init := initFrom(ID{})
	n := uint32(0)
	require.Zero(t, testing.AllocsPerRun(100_000, func() {
		n++
		binary.BigEndian.PutUint32(init[5:], n)
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 1)
		if r := e.Route(mono.Time(n), addr, init, reply); len(r.Reply) == 0 || len(r.Reply) > len(init) {
			t.Fatal("no cookie, or too large a one")
		}
	}))
	require.Zero(t, e.Len())
	require.Empty(t, e.tombs.queue)
}

func TestVersions(t *testing.T) {
	e := listening(t)
	init := packet.AppendInit(nil, 0xabcdef, ID{1}, [16]byte{7})
	r := e.Route(0, peer, init, nil)
	require.Equal(t, Reply, r.Verdict)
	h, _, err := packet.ParseHeader(r.Reply)
	require.NoError(t, err)
	require.Equal(t, packet.Versions, h.Type)
	require.Equal(t, ID{1}, h.Dst)
	require.Equal(t, binary.BigEndian.AppendUint32(nil, uint32(packet.V1Plain)), h.Offered)
	// RFC 9000 §5.2.2: "Servers MUST drop smaller packets that specify unsupported versions.", and §6.1: no answer to the answer.
	require.Equal(t, Drop, e.Route(0, peer, init[:packet.MinInit-1], nil).Verdict)
	require.Equal(t, Drop, e.Route(0, peer, r.Reply, nil).Verdict)
}

// S6: a datagram for a connection that nobody knows gets a reset at most, shorter
// than itself, and 100 a second.
func TestS06UnknownConnection(t *testing.T) {
	e := listening(t)
	stray := append(packet.AppendShort(nil, ID{9}, false, 1, 4), make([]byte, 60)...)
	resets := 0
	for i := range 1000 {
		if r := e.Route(mono.Time(i), peer, stray, nil); r.Verdict == Reply {
			require.Less(t, len(r.Reply), len(stray))
			require.LessOrEqual(t, len(r.Reply), packet.MaxReset)
			resets++
		}
	}
	require.Equal(t, resetsPerSecond, resets)

	// Two that have forgotten each other fall silent.
	now := mono.Time(10 * time.Second)
	datagram, exchanged := stray, 0
	for {
		r := e.Route(now, peer, datagram, nil)
		if r.Verdict != Reply {
			break
		}
		datagram = r.Reply
		exchanged++
		require.LessOrEqual(t, exchanged, 2)
	}

	// The dialing end knows the token that its peer gave it.
	r := e.Route(now, peer, stray, nil)
	token, ok := packet.ResetToken(r.Reply)
	require.True(t, ok)
	require.Equal(t, e.resetToken(ID{9}), token)
	dialing := New[string](0, Config{Draw: func([]byte) {}, Version: packet.V1Plain})
	dialing.AddReset(token, "it")
	require.Equal(t, Route[string]{Verdict: Deliver, Conn: "it"}, dialing.Route(now, peer, r.Reply, nil))
	dialing.RemoveReset(token)
	require.Equal(t, Drop, dialing.Route(now, peer, r.Reply, nil).Verdict)
}

// Attack 26: a connection that is over answers less and less, and then no more.
func TestTombstone(t *testing.T) {
	e := listening(t)
	e.Add(ID{9}, "it")
	e.Remove(0, []ID{{9}}, mono.Time(time.Second), []byte("closed"))
	stray := append(packet.AppendShort(nil, ID{9}, false, 1, 1), make([]byte, 20)...)
	answers := 0
	for i := range 1000 {
		switch r := e.Route(mono.Time(i), peer, stray, nil); {
		case r.Verdict == Reply && string(r.Reply) == "closed":
			answers++
		default:
			require.Equal(t, Drop, r.Verdict, "not a reset beside it")
		}
	}
	require.Equal(t, 10, answers)
	e.Route(mono.Time(time.Second), peer, stray, nil)
	require.Empty(t, e.tombs.byID)

	for i := range maxTombs + 10 {
		e.Remove(0, []ID{ID(binary.BigEndian.AppendUint64(nil, uint64(i)))}, mono.Never, []byte("closed"))
	}
	require.Len(t, e.tombs.byID, maxTombs)
}

func FuzzRoute(f *testing.F) {
	e := listening(f)
	cookie := e.Route(0, peer, initFrom(ID{1}), nil).Reply
	f.Add(initFrom(ID{1}))
	f.Add(connectWith(f, cookie))
	f.Add(cookie)
	f.Add(append(packet.AppendShort(nil, ID{9}, false, 1, 4), make([]byte, 60)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := e.Route(1, peer, b, nil); len(r.Reply) > len(b) {
			t.Fatal("amplified")
		}
	})
}

// Connections take turns among the shards, and what further ids they get are of theirs, with all other bits at random.
func TestShardsTakeTurns(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 16} {
		r := rand.NewChaCha8([32]byte{byte(n)})
		e := New[int](0, Config{Draw: func(b []byte) { r.Read(b) }, Version: packet.V1Plain, Listening: true, Shards: n})
		count, first := make([]int, max(1, n)), map[byte]bool{}
		for i := range 1000 {
			var id ID
			if i%2 == 0 {
				h, _, err := packet.ParseHeader(e.Route(0, peer, initFrom(ID{1}), nil).Reply)
				require.NoError(t, err)
				id = h.Src
			} else {
				id = ID(e.Token(0, peer))
			}
			count[e.Shard(id)]++
			first[id[0]] = true
			more, _ := e.Issue(i, id)
			require.Equal(t, e.Shard(id), e.Shard(more))
			require.NotEqual(t, id, more)
		}
		for _, c := range count {
			require.InDelta(t, 1000/len(count), c, 1)
		}
		require.Greater(t, len(first), 200)
	}
}
