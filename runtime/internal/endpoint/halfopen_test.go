package endpoint

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// connectFrom is a CONNECT with a fresh cookie from the address.
func connectFrom(t testing.TB, e *Endpoint[string], now mono.Time, from netip.AddrPort, n uint64) []byte {
	return connectWith(t, e.Route(now, from, initFrom(ID(binary.BigEndian.AppendUint64(nil, n))), nil).Reply)
}

// knock lets the address begin a handshake.
func knock(t testing.TB, e *Endpoint[string], now mono.Time, from netip.AddrPort, n uint64, name string) Route[string] {
	r := e.Route(now, from, connectFrom(t, e, now, from, n), nil)
	if r.Verdict == Accept {
		e.Add(r.Accepted.ServerID, name)
	}
	return r
}

// address is the i-th of distinct /24s.
func address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(1 + i>>16), byte(i >> 8), byte(i), 1}), 1)
}

// Attack 19: of too many handshakes the oldest makes room; those that are done do not count.
func TestHalfOpenEvictsTheOldest(t *testing.T) {
	e := listening(t)
	first := knock(t, e, 1, peer, 0, "established")
	e.Established(first.Accepted.ServerID)
	knock(t, e, 1, peer, 1, "oldest")
	knock(t, e, 1, peer, 2, "second")
	for i := range maxHalfOpen - 2 {
		require.False(t, knock(t, e, 2, address(i), uint64(i), "many").Evict)
	}
	require.Equal(t, maxHalfOpen, e.HalfOpen())
	r := knock(t, e, 3, address(1<<15), 3, "new")
	require.True(t, r.Evict)
	require.Equal(t, "oldest", r.Conn)
	require.Equal(t, maxHalfOpen, e.HalfOpen())
	require.EqualValues(t, 1, e.Counts().Evicted)
	require.Equal(t, Deliver, e.Route(4, peer, connectWithID(first.Accepted.ServerID), nil).Verdict)

	e.Remove(5, []ID{r.Accepted.ServerID}, 0, nil)
	require.False(t, knock(t, e, 6, address(1<<15+1), 4, "fits").Evict)
}

func connectWithID(server ID) []byte {
	return append(packet.AppendShort(nil, server, false, 0, 1), make([]byte, 20)...)
}

// In a crowd no network takes more than its part; loopback, and who comes while there is room, does.
func TestHalfOpenCountsPrefixes(t *testing.T) {
	e := listening(t)
	within := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 1)
	}
	within6 := func(i int) netip.AddrPort {
		a := netip.MustParseAddr("2001:db8:1:200::").As16()
		a[7], a[15] = byte(i), byte(i)
		return netip.AddrPortFrom(netip.AddrFrom16(a), 1)
	}
	for i := range 100 {
		require.Equal(t, Accept, knock(t, e, 1, within(i), uint64(i), "early").Verdict)
	}
	for i := range crowd - 100 {
		require.Equal(t, Accept, knock(t, e, 1, address(i), uint64(i), "others").Verdict)
	}
	require.Equal(t, Drop, knock(t, e, 1, within(200), 1, "late").Verdict)
	require.EqualValues(t, 1, e.Counts().Crowded)
	v6, lo := 0, 0
	for i := range 200 {
		if knock(t, e, 1, within6(i), uint64(i), "v6").Verdict == Accept {
			v6++
		}
		if knock(t, e, 1, netip.MustParseAddrPort("127.0.0.1:7"), uint64(i), "loopback").Verdict == Accept {
			lo++
		}
	}
	require.Equal(t, maxPerPrefix, v6)
	require.Equal(t, 200, lo)
	require.Equal(t, Accept, knock(t, e, 1, netip.MustParseAddrPort("[2001:db8:1:300::]:1"), 1, "another /56").Verdict)
}

// A full queue of handshakes drops a CONNECT and leaves its cookie good.
func TestFullQueueKeepsTheCookie(t *testing.T) {
	e := listening(t)
	full := true
	e.config.Full = func() bool { return full }
	connect := connectFrom(t, e, 1, peer, 1)
	require.Equal(t, Drop, e.Route(2, peer, connect, nil).Verdict)
	full = false
	require.Equal(t, Accept, e.Route(3, peer, connect, nil).Verdict)
	require.EqualValues(t, 1, e.Counts().Full)
}

// Address tokens let in without a cookie: once, from the address, padded, for a day.
func TestAddressToken(t *testing.T) {
	e := listening(t)
	day := mono.Time(handshake.TokenLife)
	connect := func(token []byte, size int) []byte {
		l := packet.Long{Type: packet.Connect, Version: packet.V1Plain, Dst: ID(token), Src: ID{1}, Token: token[packet.IDLen:], NumberLen: 1}
		sealed := size - packet.LongLen(l, size)
		return append(packet.AppendLong(nil, l, sealed), make([]byte, sealed)...)
	}
	token := e.Token(1, peer)
	other := netip.MustParseAddrPort("192.0.2.1:1")
	require.Equal(t, Drop, e.Route(2, peer, connect(token, packet.MinInit-1), nil).Verdict, "not padded")
	require.Equal(t, Drop, e.Route(2, netip.MustParseAddrPort("192.0.2.9:1"), connect(token, packet.MinInit), nil).Verdict, "elsewhere")
	require.Equal(t, Accept, e.Route(2, other, connect(token, packet.MinInit), nil).Verdict, "another port is the same address")
	require.Equal(t, Drop, e.Route(2, other, connect(token, packet.MinInit), nil).Verdict, "twice")
	require.Equal(t, Drop, e.Route(day-1, other, connect(token, packet.MinInit), nil).Verdict, "twice, much later")

	token = e.Token(1, peer)
	require.Equal(t, Accept, e.Route(day, peer, connect(token, packet.MinInit), nil).Verdict, "under the next key")
	require.Equal(t, Drop, e.Route(day+1, peer, connect(e.Token(1, peer), packet.MinInit), nil).Verdict, "too old")
	c := e.Counts()
	require.EqualValues(t, []uint64{2, 2, 3}, []uint64{c.Tokens, c.SpentToken, c.BadToken})
	require.Nil(t, New[string](0, Config{Draw: func([]byte) {}, Version: packet.V1Plain}).Token(1, peer))
}
