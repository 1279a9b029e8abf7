package udp

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// narrow moves the goroutine, to its end, to a network of its own, whose loopback carries what an Ethernet does.
func narrow(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no namespace is to be had: %v", err)
	}
	require.NoError(t, loopbackUp())
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	require.NoError(t, err)
	lo.SetUint32(1500)
	require.NoError(t, unix.IoctlIfreq(fd, unix.SIOCSIFMTU, lo))
}

// What the system queues of datagrams that are larger than the path takes, as those are that look for that, neither ends the waits of the
// reader, nor takes the room of what arrives.
func TestRefusedProbesLeaveRoom(t *testing.T) {
	narrow(t)
	s, err := Open("udp4")
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<10)
	}))
	require.NoError(t, err)
	peer := listen(t)
	in, out := NewBatch(64, 8952), NewBatch(1, 8952)
	for range 1000 {
		fill(out, peer.LocalAddr(), string(make([]byte, 8952)))
		require.Equal(t, FaultTooBig, FaultOf(s.WriteBatch(out)))
		require.Equal(t, FaultRefused, FaultOf(s.PollBatch(in)))
		s.Unreachable(func(to netip.AddrPort) { t.Error(to, "is there") })
	}
	for _, read := range []func() error{
		func() error { return s.AwaitBatch(in, time.Minute) },
		func() error { return s.ReadBatch(in) },
	} {
		done := make(chan error, 1)
		go func() { done <- read() }()
		fill(out, netip.AddrPortFrom(peer.LocalAddr().Addr(), s.LocalAddr().Port()), "x")
		require.NoError(t, peer.WriteBatch(out))
		require.NoError(t, <-done)
	}
}

// One look at what is queued takes all of it, and tells a bounded number of addresses.
func TestUnreachableTakesAll(t *testing.T) {
	s, err := Open("udp4")
	require.NoError(t, err)
	defer s.Close()
	gone := listen(t)
	to := gone.LocalAddr()
	require.NoError(t, gone.Close())
	out, in := NewBatch(1, 100), NewBatch(1, 100)
	for range 10 * foundMax {
		fill(out, to, "x")
		_ = s.WriteBatch(out) // on the loopback the answer is there before it returns
	}
	require.Equal(t, FaultRefused, FaultOf(s.PollBatch(in)))
	told := 0
	s.Unreachable(func(at netip.AddrPort) {
		require.Equal(t, to, at)
		told++
	})
	require.Equal(t, foundMax, told)
	for s.PollBatch(in) != ErrNothing {
	}
	s.Unreachable(func(netip.AddrPort) { t.Error("not all were taken") })
}
