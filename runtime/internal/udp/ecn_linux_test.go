package udp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is written with an ECN codepoint is read with it, over either version of IP and between them.
func TestECNTravels(t *testing.T) {
	type way struct {
		from, to *Socket
		addr     netip.AddrPort
	}
	both, err := Listen("udp", ":0")
	require.NoError(t, err)
	defer both.Close()
	mapped := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), both.LocalAddr().Port())
	v4 := listen(t)
	ways := map[string]way{
		"IPv4":                 {listen(t), v4, v4.LocalAddr()},
		"IPv4 to both":         {v4, both, mapped},
		"IPv4 of a dual stack": {both, v4, v4.LocalAddr()},
	}
	if v6, err := Listen("udp6", "[::1]:0"); err != nil {
		t.Log("none over IPv6: ", err)
	} else {
		defer v6.Close()
		ways["IPv6"] = way{both, v6, v6.LocalAddr()}
	}
	for name, c := range ways {
		require.True(t, c.from.ECN() && c.to.ECN(), name)
		b := NewBatch(4, 100)
		for ecn := range uint8(4) {
			b.Add(Datagram{Addr: c.addr, ECN: ecn, Data: append(b.Next(), "x"...)})
		}
		require.NoError(t, c.from.WriteBatch(b), name)
		for ecn := range uint8(4) {
			require.NoError(t, c.to.ReadBatch(b), name)
			require.Equal(t, ecn, b.Datagrams[0].ECN, name)
		}
	}
}

// Marks cost no allocation.
func TestMarkedWriteDoesNotAllocate(t *testing.T) {
	from, to := listen(t), listen(t)
	out, in := NewBatch(1, 100), NewBatch(1, 100)
	out.Add(Datagram{Addr: to.LocalAddr(), ECN: 2, Data: append(out.Next(), "x"...)})
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if from.WriteBatch(out) != nil || to.ReadBatch(in) != nil || in.Datagrams[0].ECN != 2 {
			t.Fatal("it did not arrive")
		}
	}))
}

// A datagram that the system would not send unmarked either, as to the port 0 that anyone can write from, is no reason to mark no more.
func TestForeignPortIsNoReason(t *testing.T) {
	from, to := listen(t), listen(t)
	out, in := NewBatch(2, 100), NewBatch(1, 100)
	out.Add(Datagram{Addr: netip.AddrPortFrom(to.LocalAddr().Addr(), 0), ECN: 2, Data: append(out.Next(), "x"...)})
	out.Add(Datagram{Addr: to.LocalAddr(), ECN: 2, Data: append(out.Next(), "x"...)})
	require.Error(t, from.WriteBatch(out))
	require.NoError(t, to.ReadBatch(in))
	require.EqualValues(t, 2, in.Datagrams[0].ECN)
}
