package udp

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// fits says of a datagram what the kernel should find.
func (h *Shape) fits(datagram []byte) bool {
	switch {
	case len(datagram) < h.Least || datagram[0]&h.Mask != h.Value:
		return false
	case len(h.Words) == 0:
		return true
	}
	for _, word := range h.Words {
		if binary.BigEndian.Uint32(datagram[1:]) == word {
			return true
		}
	}
	return false
}

// What has one of the shapes arrives, what has none does not.
func TestAdmit(t *testing.T) {
	shapes := []Shape{
		{Least: 10, Mask: 0xc0, Value: 0x40},
		{Least: 30, Mask: 0xff, Value: 0x80},
		{Least: 20, Mask: 0x80, Value: 0x80, Words: []uint32{1, 0xabcdef, 0}},
	}
	for name, listen := range map[string][2]string{"IPv4": {"udp4", "127.0.0.1:0"}, "IPv6": {"udp6", "[::1]:0"}, "both": {"udp", ":0"}} {
		t.Run(name, func(t *testing.T) {
			in, err := Listen(listen[0], listen[1])
			if err != nil {
				t.Skip(err) // no IPv6 here
			}
			defer in.Close()
			in.Admit(shapes...)
			network, to := "udp4", "127.0.0.1:0"
			if name == "IPv6" {
				network, to = listen[0], listen[1]
			}
			out, err := Listen(network, to)
			require.NoError(t, err)
			defer out.Close()
			r := rand.New(rand.NewPCG(1, 2))
			b, got := NewBatch(1, 100), NewBatch(1, 100)
			address := netip.AddrPortFrom(out.LocalAddr().Addr(), in.LocalAddr().Port())
			send := func(data []byte) {
				b.Reset()
				b.Add(Datagram{Addr: address, Data: append(b.Next(), data...)})
				require.NoError(t, out.WriteBatch(b))
			}
			fitted := 0
			for range 2000 {
				data := make([]byte, r.IntN(50))
				for i := range data {
					data[i] = byte(r.Uint32())
				}
				if len(data) > 5 && r.IntN(2) == 0 {
					data[0] = 0x80 | byte(r.IntN(2))
					binary.BigEndian.PutUint32(data[1:], []uint32{0, 1, 0xabcdef, 2}[r.IntN(4)])
				}
				fits := false
				for i := range shapes {
					fits = fits || shapes[i].fits(data)
				}
				send(data)
				if fits {
					fitted++
				} else {
					data = []byte("@ that fits, behind it")
					send(data)
				}
				require.NoError(t, in.ReadBatch(got))
				require.Equal(t, data, got.Datagrams[0].Data)
			}
			require.Greater(t, fitted, 200)
			require.Less(t, fitted, 1800)
		})
	}
}
