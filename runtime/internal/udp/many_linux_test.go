package udp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// runs fills b with datagrams of the sizes, each of bytes of its own, and returns what is in them.
func runs(b *Batch, to netip.AddrPort, ecn uint8, sizes ...int) (texts []string) {
	b.Reset()
	for i, size := range sizes {
		text := bytes.Repeat([]byte{byte('a' + i%26)}, size)
		b.Add(Datagram{Addr: to, ECN: ecn, Data: append(b.Next(), text...)})
		texts = append(texts, string(text))
	}
	return texts
}

// receive reads until so many datagrams have come, and returns how many reads that took.
func receive(t *testing.T, s *Socket, in *Batch, texts []string, ecn uint8) (reads int) {
	t.Helper()
	var got []string
	for ; len(got) < len(texts); reads++ {
		require.NoError(t, s.ReadBatch(in))
		for _, d := range in.Datagrams {
			require.Equal(t, ecn, d.ECN)
			got = append(got, string(d.Data))
		}
	}
	require.Equal(t, texts, got)
	return reads
}

// TestRuns shows that datagrams of one size, the last one perhaps shorter, travel together, and that they arrive as they
// were written: each apart, in order, with its mark.
func TestRuns(t *testing.T) {
	for _, network := range []string{"udp4", "udp"} {
		from, err := Listen(network, ":0")
		require.NoError(t, err)
		defer from.Close()
		to := listen(t)
		out, in := NewBatch(64, 1452), NewBatch(64, 8952)
		for name, c := range map[string]struct {
			sizes []int
			reads int // where the kernel does its part
		}{
			"one":            {[]int{100}, 1},
			"equal":          {[]int{1200, 1200, 1200}, 1},
			"a shorter end":  {[]int{1200, 1200, 1200, 7}, 1},
			"a longer end":   {[]int{100, 100, 101}, 2},
			"empty ones":     {[]int{0, 0, 5, 5, 0}, 4},
			"another begins": {[]int{50, 50, 20, 20, 20, 1}, 2},
		} {
			for ecn := range uint8(4) {
				texts := runs(out, to.LocalAddr(), ecn, c.sizes...)
				require.NoError(t, from.WriteBatch(out), name)
				reads := receive(t, to, in, texts, ecn)
				if from.many.gso.Load() {
					require.Equal(t, c.reads, reads, name)
				}
			}
		}
	}
}

// TestRunsAreOfOneKind shows what ends a run: an address at either end, a mark, a place in memory, the kernel's limits.
func TestRunsAreOfOneKind(t *testing.T) {
	m := new(many)
	m.gso.Store(true)
	here, there := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	b := NewBatch(200, 8952)
	sizes := make([]int, 100)
	for i := range sizes {
		sizes[i] = 10
	}
	runs(b, here, 0, sizes...)
	require.Equal(t, segmentsMax, m.run(b.Datagrams))
	b.Datagrams[5].Addr = there
	require.Equal(t, 5, m.run(b.Datagrams))
	b.Datagrams[4].ECN = 1
	require.Equal(t, 4, m.run(b.Datagrams))
	b.Datagrams[3].Data = bytes.Clone(b.Datagrams[3].Data)
	require.Equal(t, 3, m.run(b.Datagrams))
	b.Datagrams[2].Local = here.Addr()
	require.Equal(t, 2, m.run(b.Datagrams))
	runs(b, here, 0, 8000, 8000, 8000, 8000, 8000, 8000, 8000)
	require.Equal(t, 7, m.run(b.Datagrams))
	b = NewBatch(3, 30_000)
	b.slab = make([]byte, 90_000)
	runs(b, here, 0, 30_000, 30_000, 30_000)
	require.Equal(t, 2, m.run(b.Datagrams), "more would be cut up in software")
	zone := netip.MustParseAddrPort("[fe80::1%eth0]:1")
	runs(b, zone, 0, 10, 10)
	require.Equal(t, 1, m.run(b.Datagrams))
	m.gso.Store(false)
	runs(b, here, 0, 10, 10)
	require.Equal(t, 1, m.run(b.Datagrams))
}

// refusing refuses what is written through it first.
type refusing struct {
	syscall.RawConn
	writes *int
}

func (r refusing) Control(f func(uintptr)) error {
	if *r.writes++; *r.writes == 1 {
		return fmt.Errorf("write: %w", unix.EIO)
	}
	return r.RawConn.Control(f)
}

// TestRefusedRunsGoSingly shows that nothing is lost where the system takes no runs, and that it is not asked again.
func TestRefusedRunsGoSingly(t *testing.T) {
	from, to := listen(t), listen(t)
	out, in := NewBatch(64, 1452), NewBatch(64, 8952)
	writes := 0
	from.many.raw = refusing{from.many.raw, &writes}
	from.many.gso.Store(true)
	for range 2 {
		texts := runs(out, to.LocalAddr(), 2, 1000, 1000, 1000, 10)
		require.NoError(t, from.WriteBatch(out))
		require.Equal(t, 4, receive(t, to, in, texts, 2))
	}
	require.Equal(t, 1+4+4, writes)

	// A refusal of what was taken before is about the path, which may change.
	m := new(many)
	m.gso.Store(true)
	m.learn(nil, false)
	m.learn(unix.EINVAL, false)
	m.learn(unix.EMSGSIZE, false)
	require.True(t, m.gso.Load())
	m.learn(errors.Join(unix.EIO), false)
	require.False(t, m.gso.Load())
	m = new(many)
	m.gso.Store(true)
	m.learn(unix.EINVAL, true) // which may be about the address
	require.True(t, m.gso.Load())
	m.learn(unix.EINVAL, false)
	require.False(t, m.gso.Load())
}

// TestPoll shows that a poll waits for nothing, and finds what is there.
func TestPoll(t *testing.T) {
	from, to := listen(t), listen(t)
	out, in := NewBatch(1, 100), NewBatch(1, 100)
	require.True(t, to.Polls())
	require.Equal(t, FaultNothing, FaultOf(to.PollBatch(in)))
	require.Empty(t, in.Datagrams)
	texts := runs(out, to.LocalAddr(), 0, 3)
	require.NoError(t, from.WriteBatch(out))
	require.NoError(t, to.PollBatch(in))
	require.Equal(t, texts[0], string(in.Datagrams[0].Data))
	to.Interrupt()
	require.Equal(t, FaultInterrupted, FaultOf(to.PollBatch(in)))
	require.NoError(t, to.Close())
	require.Equal(t, FaultClosed, FaultOf(to.PollBatch(in)))
}

func TestRunsDoNotAllocate(t *testing.T) {
	from, to := listen(t), listen(t)
	out, in := NewBatch(64, 1452), NewBatch(64, 8952)
	payload := make([]byte, 1000)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		out.Reset()
		for range 8 {
			out.Add(Datagram{Addr: to.LocalAddr(), ECN: 2, Data: append(out.Next(), payload...)})
		}
		if err := from.WriteBatch(out); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 8; n += len(in.Datagrams) {
			if err := to.ReadBatch(in); err != nil {
				t.Fatal(err)
			}
		}
	}))
}
