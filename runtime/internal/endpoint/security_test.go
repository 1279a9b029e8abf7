package endpoint

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// The attacks on an endpoint, by their row in docs/verification.md. The condition stands above each test. ATTACKS_LONG=1, or make attacks, runs
// them at full size.

// long is how often an attack is made: as often as the row says, or a slice of that.
func long(full, slice int) int {
	if os.Getenv("ATTACKS_LONG") != "" {
		return full
	}
	return slice
}

// Row 3: 10^6 INITs from random addresses leave under 1 MB behind, and none is allocated for.
func TestAttack03SpoofedFirstPackets(t *testing.T) {
	e := listening(t)
	random := rand.New(rand.NewPCG(3, 3))
	reply, init := make([]byte, 0, packet.MinInit), initFrom(ID{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	now := mono.Time(0)
	for range long(1_000_000, 50_000) {
		now += mono.Time(random.Int64N(int64(time.Millisecond)))
		binary.BigEndian.PutUint64(init[5:], random.Uint64())
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, random.Uint32()))), uint16(random.Uint32()))
		r := e.Route(now, addr, init, reply)
		require.Equal(t, Reply, r.Verdict)
		require.LessOrEqual(t, len(r.Reply), len(init))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
	require.Zero(t, e.Len())
	require.Zero(t, e.HalfOpen())
	require.Equal(t, Accept, knock(t, e, now, peer, 1, "honest").Verdict)
}

// Row 4: a cookie is refused from another address or port, for another client, after 10 s, under a key that is gone, and
// the second time.
func TestAttack04CookieTheft(t *testing.T) {
	const second = mono.Time(time.Second)
	for name, theft := range map[string]func(e *Endpoint[string], connect []byte) Route[string]{
		"another address": func(e *Endpoint[string], connect []byte) Route[string] {
			return e.Route(1, netip.MustParseAddrPort("192.0.2.2:4242"), connect, nil)
		},
		"another port": func(e *Endpoint[string], connect []byte) Route[string] {
			return e.Route(1, netip.MustParseAddrPort("192.0.2.1:4243"), connect, nil)
		},
		"another client": func(e *Endpoint[string], connect []byte) Route[string] {
			connect = bytes.Clone(connect)
			connect[5+packet.IDLen] ^= 1
			return e.Route(1, peer, connect, nil)
		},
		"after it has expired": func(e *Endpoint[string], connect []byte) Route[string] {
			return e.Route(10*second, peer, connect, nil)
		},
		"after two rotations": func(e *Endpoint[string], connect []byte) Route[string] {
			for at := mono.Time(0); at < 30*second; at += second {
				e.Route(at, peer, initFrom(ID{9}), nil)
			}
			return e.Route(5*second, peer, connect, nil) // a clock that went back does not help
		},
		"twice": func(e *Endpoint[string], connect []byte) Route[string] {
			r := e.Route(1, peer, connect, nil)
			e.Remove(2, []ID{r.Accepted.ServerID}, 0, nil)
			return e.Route(3, peer, connect, nil)
		},
		"twice, in the next epoch": func(e *Endpoint[string], _ []byte) Route[string] {
			connect := connectFrom(t, e, 9*second, peer, 1)
			r := e.Route(9*second, peer, connect, nil)
			e.Remove(9*second, []ID{r.Accepted.ServerID}, 0, nil)
			return e.Route(18*second, peer, connect, nil)
		},
	} {
		e := listening(t)
		require.Equal(t, Drop, theft(e, connectFrom(t, e, 0, peer, 1)).Verdict, name)
	}
}

// Row 25: 2^20 guesses of a token find none; a reset is shorter than what brought it about, so two ends that have
// forgotten each other exchange at most 3 packets.
func TestAttack25Resets(t *testing.T) {
	dialing := New[string](0, Config{Draw: func([]byte) {}, Version: packet.V1})
	var token [packet.TokenLen]byte
	random := rand.NewChaCha8([32]byte{25})
	random.Read(token[:])
	dialing.AddReset(token, "it")
	filler, reply := make([]byte, packet.MaxReset), make([]byte, 0, packet.MaxReset)
	for range long(1<<20, 1<<14) {
		var guess [packet.TokenLen]byte
		random.Read(guess[:])
		b := packet.AppendReset(reply, ID{1}, guess, filler, packet.MaxReset)
		require.Equal(t, Drop, dialing.Route(0, peer, b, nil).Verdict)
	}

	for size := packet.MinReset + 1; size < 1200; size++ {
		a, b := listening(t), listening(t)
		datagram := append(packet.AppendShort(nil, ID{9}, false, 1, 4), make([]byte, 1200)...)[:size]
		exchanged := 1
		for ends := []*Endpoint[string]{a, b}; ; exchanged++ {
			r := ends[exchanged%2].Route(mono.Time(time.Minute), peer, datagram, nil)
			if r.Verdict != Reply {
				break
			}
			require.Less(t, len(r.Reply), len(datagram))
			datagram = r.Reply
		}
		require.LessOrEqual(t, exchanged, 3, "a datagram of %d bytes", size)
	}
}

// Row 29: whether a cookie is nearly right, or not at all, takes the same time: |t| < 4.5 over 10^6 of each.
func TestAttack29Timing(t *testing.T) {
	if os.Getenv("ATTACKS_LONG") == "" {
		t.Skip("it measures time, and needs a quiet machine: make attacks")
	}
	e := listening(t)
	near := connectFrom(t, e, 0, peer, 1)
	h, _, err := packet.ParseHeader(near)
	require.NoError(t, err)
	far := bytes.Clone(near)
	at := bytes.Index(near, h.Token) + len(h.Token) - 16 // the MAC
	near[at+15] ^= 1
	far[at] ^= 1
	var sums, squares [2]float64
	const n, burst = 1_000_000, 50
	random := rand.New(rand.NewPCG(29, 29))
	count := [2]float64{}
	for range 2 * n / burst {
		class := random.IntN(2)
		b := [][]byte{near, far}[class]
		began := time.Now()
		for range burst {
			e.Route(1, peer, b, nil)
		}
		took := float64(time.Since(began)) / burst
		if took > 5000 { // it was interrupted
			continue
		}
		sums[class] += took
		squares[class] += took * took
		count[class]++
	}
	var mean, variance [2]float64
	for i := range mean {
		mean[i] = sums[i] / count[i]
		variance[i] = squares[i]/count[i] - mean[i]*mean[i]
	}
	welch := (mean[0] - mean[1]) / math.Sqrt(variance[0]/count[0]+variance[1]/count[1])
	t.Logf("near %.1f ns, far %.1f ns, t = %.2f", mean[0], mean[1], welch)
	require.Less(t, math.Abs(welch), 4.5)
}

// Row 30: of what goes back to an address that an attacker names, it chooses 40 bytes at most, no run longer than 24,
// and none of the first five.
func TestAttack30RequestForgery(t *testing.T) {
	chosen := bytes.Repeat([]byte("A"), packet.MinInit)
	init := func(version packet.Version) []byte {
		b := packet.AppendInit(nil, version, ID(chosen), [16]byte(chosen))
		copy(b[5+packet.IDLen+packet.NonceLen:], chosen)
		return b
	}
	for name, datagram := range map[string][]byte{
		"COOKIE":   init(packet.V1Plain),
		"VERSIONS": init(0x41414141),
		"reset":    append(packet.AppendShort(nil, ID(chosen), false, 0x41414141, 4), chosen...),
	} {
		r := listening(t).Route(0, peer, datagram, nil)
		require.Equal(t, Reply, r.Verdict, name)
		const drawn = 4 // as many of the bytes that the server draws may be an A too
		require.LessOrEqual(t, bytes.Count(r.Reply, []byte("A")), 40+drawn, name)
		require.NotContains(t, string(r.Reply), string(chosen[:25]), name)
		if packet.IsLong(r.Reply) {
			require.NotContains(t, string(r.Reply[:5]), "A", name)
		}
	}
}

// Row 34: an attacker adds nothing to any table that is searched: the ids in them are the endpoint's own draws. 10^6
// ids that it chooses leave the tables as they are, and a search allocates nothing.
func TestAttack34HashFlooding(t *testing.T) {
	e := listening(t)
	r := knock(t, e, 1, peer, 1, "honest")
	tables := []int{e.Len(), e.HalfOpen(), len(e.byToken), len(e.tombs.byID), len(e.half.byPrefix)}
	cookie := make([]byte, handshake.CookieLen)
	for i := range long(1_000_000, 20_000) {
		id := ID(binary.BigEndian.AppendUint64(nil, uint64(i)<<20))
		for _, kind := range []packet.Type{packet.Connect, packet.Handshake, packet.Accept} {
			l := packet.Long{Type: kind, Version: packet.V1Plain, Dst: id, Src: id, Token: cookie, NumberLen: 1}
			e.Route(2, peer, append(packet.AppendLong(nil, l, 20), cookie[:20]...), nil)
		}
		e.Route(2, peer, connectWithID(id), nil)
	}
	require.Equal(t, tables, []int{e.Len(), e.HalfOpen(), len(e.byToken), len(e.tombs.byID), len(e.half.byPrefix)})
	stray, known := connectWithID(ID{1, 2}), connectWithID(r.Accepted.ServerID)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		e.Route(3, peer, stray, nil)
		e.Route(3, peer, known, nil)
	}))
}
