package udp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each datagram comes to the socket that its first two bytes say.
func TestGroupIsSteered(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::]:0"} {
		const n = 3
		group, err := ListenGroup("udp", address, n)
		require.NoError(t, err)
		require.Len(t, group, n)
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), group[0].LocalAddr().Port())
		sender := listen(t)
		out := NewBatch(1, 100)
		send := func(datagram ...byte) { // one by one: those that travel together come together
			out.Reset()
			out.Add(Datagram{Addr: to, Data: append(out.Next(), datagram...)})
			require.NoError(t, sender.WriteBatch(out))
		}
		want := [n]int{}
		for i := range 60 {
			long, id := i%4 == 0, byte(i*37)
			first := byte(0x40)
			socket := int(id) % n
			if long {
				first, socket = 0xc0, 0
			}
			send(first, id, byte(socket))
			want[socket]++
		}
		send(0x41) // too short: the program ends early
		want[0]++
		for k, s := range group {
			require.Equal(t, group[0].LocalAddr(), s.LocalAddr())
			in := NewBatch(64, 100)
			for got := 0; got < want[k]; got += len(in.Datagrams) {
				s.ResumeFor(time.Minute)
				require.NoError(t, s.ReadBatch(in), "socket %d: %d of %d", k, got, want[k])
				for _, d := range in.Datagrams {
					if len(d.Data) == 3 {
						require.EqualValues(t, k, d.Data[2])
					}
				}
			}
		}
		_, err = Listen("udp", group[0].LocalAddr().String())
		require.Error(t, err)
		_, err = ListenGroup("udp", group[0].LocalAddr().String(), n)
		require.Error(t, err, "a second listener is an error, as with one socket")
		for _, s := range group {
			require.NoError(t, s.Close())
		}
	}
}
