package udp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is written with an ECN codepoint is read with it, over either version of IP and between them.
func TestECNTravels(t *testing.T) {
	v6, err := Listen("udp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6 loopback: ", err)
	}
	defer v6.Close()
	both, err := Listen("udp", ":0")
	require.NoError(t, err)
	defer both.Close()
	mapped := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), both.LocalAddr().Port())
	v4 := listen(t)
	for name, c := range map[string]struct {
		from, to *Socket
		addr     netip.AddrPort
	}{
		"IPv4":                 {listen(t), v4, v4.LocalAddr()},
		"IPv6":                 {both, v6, v6.LocalAddr()},
		"IPv4 to both":         {v4, both, mapped},
		"IPv4 of a dual stack": {both, v4, v4.LocalAddr()},
	} {
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
