package udp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func listen(t testing.TB) *Socket {
	t.Helper()
	s, err := Listen("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// fill puts datagrams for to into b.
func fill(b *Batch, to netip.AddrPort, texts ...string) {
	b.Reset()
	for _, text := range texts {
		b.Add(Datagram{Addr: to, Data: append(b.Next(), text...)})
	}
}

func TestBatchesArrive(t *testing.T) {
	from, to := listen(t), listen(t)
	out, in := NewBatch(4, 100), NewBatch(4, 100)
	fill(out, to.LocalAddr(), "one", "", "three")
	require.NoError(t, from.WriteBatch(out))
	var got []string
	for len(got) < 3 {
		require.NoError(t, to.ReadBatch(in))
		require.NotEmpty(t, in.Datagrams)
		for _, d := range in.Datagrams {
			require.Equal(t, from.LocalAddr(), d.Addr)
			got = append(got, string(d.Data))
		}
	}
	require.Equal(t, []string{"one", "", "three"}, got)
}

func TestAddressesOfBothVersionsArePlain(t *testing.T) {
	both, err := Listen("udp", ":0")
	require.NoError(t, err)
	defer both.Close()
	peer := listen(t)
	b := NewBatch(1, 100)
	fill(b, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), both.LocalAddr().Port()), "x")
	require.NoError(t, peer.WriteBatch(b))
	require.NoError(t, both.ReadBatch(b))
	require.Equal(t, peer.LocalAddr(), b.Datagrams[0].Addr)

	fill(b, peer.LocalAddr(), "y")
	require.NoError(t, both.WriteBatch(b))
	require.NoError(t, peer.ReadBatch(b))
	require.Equal(t, "y", string(b.Datagrams[0].Data))
}

func TestBatchLaysDatagramsSideBySide(t *testing.T) {
	b := NewBatch(3, 10)
	fill(b, netip.AddrPort{}, "0123456789", "abc")
	require.False(t, b.Full())
	require.Equal(t, 10, cap(b.Next()))
	b.Add(Datagram{Addr: netip.AddrPort{}, Data: append(b.Next(), "de"...)})
	require.True(t, b.Full())
	require.Equal(t, "0123456789abcde", string(b.slab[:15]))
	b.Reset()
	require.Empty(t, b.Datagrams)
}

func TestTooLongDatagramIsCut(t *testing.T) {
	from, to := listen(t), listen(t)
	out, in := NewBatch(1, 200), NewBatch(2, 100)
	fill(out, to.LocalAddr(), string(make([]byte, 150)))
	require.NoError(t, from.WriteBatch(out))
	if err := to.ReadBatch(in); err != nil {
		require.Equal(t, FaultTooBig, FaultOf(err)) // Windows
	} else {
		require.Len(t, in.Datagrams[0].Data, 100)
	}
}

// TestInterrupt shows that an interrupt ends a read that waits, holds until it is
// taken back, and loses nothing.
func TestInterrupt(t *testing.T) {
	from, to := listen(t), listen(t)
	in := NewBatch(1, 100)
	read := make(chan error)
	go func() { read <- to.ReadBatch(in) }()
	to.Interrupt()
	require.Equal(t, FaultInterrupted, FaultOf(<-read))

	out := NewBatch(1, 100)
	fill(out, to.LocalAddr(), "kept")
	require.NoError(t, from.WriteBatch(out))
	require.Equal(t, FaultInterrupted, FaultOf(to.ReadBatch(in)))
	to.Resume()
	require.NoError(t, to.ReadBatch(in))
	require.Equal(t, "kept", string(in.Datagrams[0].Data))

	to.ResumeFor(time.Millisecond)
	require.Equal(t, FaultInterrupted, FaultOf(to.ReadBatch(in)))
}

// TestAwait shows that one who waits in the system is told of a datagram, and of its time, and not of what is there no more.
func TestAwait(t *testing.T) {
	from, to := listen(t), listen(t)
	in, out := NewBatch(1, 100), NewBatch(1, 100)
	require.Equal(t, ErrNothing, to.AwaitBatch(in, time.Microsecond))
	for range 2 { // the poller, which is not asked meanwhile, hears of the next one all the same
		out.Reset()
		out.Add(Datagram{Addr: to.LocalAddr(), Data: append(out.Next(), "x"...)})
		require.NoError(t, from.WriteBatch(out))
		if to.Polls() {
			require.NoError(t, to.AwaitBatch(in, time.Minute))
			require.NoError(t, from.WriteBatch(out))
		}
		require.NoError(t, to.ReadBatch(in))
		require.Equal(t, "x", string(in.Datagrams[0].Data))
		require.Equal(t, ErrNothing, to.AwaitBatch(in, 0))
	}
	if to.Polls() { // it ends at once, whether it had begun or not
		for range 3 {
			done := make(chan error)
			go func() { done <- to.AwaitBatch(in, time.Hour) }()
			to.Interrupt()
			if err := <-done; err != ErrNothing {
				require.Equal(t, FaultInterrupted, FaultOf(err))
			}
			require.Equal(t, FaultInterrupted, FaultOf(to.AwaitBatch(in, time.Hour)))
			to.Resume()
		}
	}
	done := make(chan error)
	go func() { done <- to.AwaitBatch(in, time.Hour) }()
	require.NoError(t, to.Close())
	<-done
	require.Error(t, to.AwaitBatch(in, time.Hour))
}

// TestReadAfterPoll shows that a reader that found its datagrams itself for a while, and then waits, is woken.
func TestReadAfterPoll(t *testing.T) {
	from, to := listen(t), listen(t)
	in, out := NewBatch(1, 100), NewBatch(1, 100)
	for i := range 20 {
		out.Reset()
		out.Add(Datagram{Addr: to.LocalAddr(), Data: append(out.Next(), byte(i))})
		if i%3 == 0 {
			require.NoError(t, from.WriteBatch(out))
			for to.Polls() && to.PollBatch(in) != nil {
			}
			if to.Polls() {
				require.Equal(t, byte(i), in.Datagrams[0].Data[0])
			} else {
				require.NoError(t, to.ReadBatch(in))
			}
			continue
		}
		read := make(chan error)
		go func() { read <- to.ReadBatch(in) }()
		if i%3 == 1 {
			time.Sleep(time.Millisecond) // so that it waits, most likely
		}
		require.NoError(t, from.WriteBatch(out))
		require.NoError(t, <-read)
		require.Equal(t, byte(i), in.Datagrams[0].Data[0])
	}
}

func TestSourceFor(t *testing.T) {
	require.Equal(t, netip.MustParseAddr("127.0.0.1"), SourceFor(netip.MustParseAddrPort("127.0.0.1:9")))
	require.Equal(t, netip.MustParseAddr("127.0.0.1"), SourceFor(netip.MustParseAddrPort("[::ffff:127.0.0.1]:9")))
}

func TestClosed(t *testing.T) {
	s := listen(t)
	b := NewBatch(1, 100)
	read := make(chan error)
	go func() { read <- s.ReadBatch(b) }()
	require.NoError(t, s.Close())
	require.Equal(t, FaultClosed, FaultOf(<-read))
	out := NewBatch(2, 100)
	fill(out, s.LocalAddr(), "x", "y")
	require.Equal(t, FaultClosed, FaultOf(s.WriteBatch(out)))
}

func TestListenRefused(t *testing.T) {
	s := listen(t)
	_, err := Listen("udp4", s.LocalAddr().String())
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = Listen("udp4", "no port")
	require.Error(t, err)
}

func TestFaults(t *testing.T) {
	for _, row := range []struct {
		err  error
		want Fault
	}{
		{nil, FaultNone},
		{net.ErrClosed, FaultClosed},
		{os.ErrDeadlineExceeded, FaultInterrupted},
		{syscall.ENOBUFS, FaultFull},
		{syscall.ENOMEM, FaultFull},
		{syscall.ECONNREFUSED, FaultRefused},
		{syscall.ECONNRESET, FaultRefused},
		{syscall.EMSGSIZE, FaultTooBig},
		{syscall.EPERM, FaultTransient},
		{syscall.ENETUNREACH, FaultRefused},
		{syscall.EHOSTUNREACH, FaultRefused},
		{io.ErrUnexpectedEOF, FaultTransient},
	} {
		require.Equal(t, row.want, FaultOf(row.err), "%v", row.err)
		if row.err != nil {
			wrapped := &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendmsg", row.err)}
			require.Equal(t, row.want, FaultOf(wrapped), "%v", wrapped)
			require.Equal(t, row.want, FaultOf(fmt.Errorf("shell: %w", row.err)))
		}
	}
}

// faulty is a socket of a system with a bad day.
type faulty struct {
	packetConn
	errs []error
	sent int
}

func (f *faulty) WriteMsgUDPAddrPort(b, _ []byte, _ netip.AddrPort) (int, int, error) {
	err := f.errs[0]
	f.errs = f.errs[1:]
	if err == nil {
		f.sent++
	}
	return len(b), 0, err
}

// TestOneBadDatagramStopsNoOther shows that a refused datagram is lost alone.
func TestOneBadDatagramStopsNoOther(t *testing.T) {
	f := &faulty{errs: []error{nil, syscall.EMSGSIZE, nil, syscall.ENOBUFS, nil}}
	s := &Socket{conn: f}
	b := NewBatch(5, 10)
	fill(b, netip.AddrPort{}, "1", "2", "3", "4", "5")
	require.ErrorIs(t, s.WriteBatch(b), syscall.EMSGSIZE)
	require.Equal(t, 3, f.sent)

	f = &faulty{errs: []error{nil, errors.Join(net.ErrClosed), nil}}
	s = &Socket{conn: f}
	fill(b, netip.AddrPort{}, "1", "2", "3")
	require.ErrorIs(t, s.WriteBatch(b), net.ErrClosed)
	require.Equal(t, 1, f.sent)
}

func TestNoAllocation(t *testing.T) {
	for _, network := range []string{"udp4", "udp6"} {
		host := map[string]string{"udp4": "127.0.0.1:0", "udp6": "[::1]:0"}[network]
		from, err := Listen(network, host)
		if err != nil {
			t.Logf("%s: %v", network, err)
			continue
		}
		defer from.Close()
		to, err := Listen(network, host)
		require.NoError(t, err)
		defer to.Close()
		out, in := NewBatch(1, 100), NewBatch(1, 100)
		payload := make([]byte, 64)
		var failed error
		require.Zero(t, testing.AllocsPerRun(100, func() {
			out.Reset()
			out.Add(Datagram{Addr: to.LocalAddr(), Data: append(out.Next(), payload...)})
			failed = errors.Join(failed, from.WriteBatch(out))
			if to.Polls() {
				failed = errors.Join(failed, to.AwaitBatch(in, time.Second), from.WriteBatch(out))
			}
			failed = errors.Join(failed, to.ReadBatch(in))
		}), network)
		require.NoError(t, failed)
	}
}
