package udp

import (
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// descriptors is how many files are open.
func descriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(files)
}

// TestHandle shows that a socket that package net is asked for as well, as it is for an address with a zone, works both ways
// and is gone with all its descriptors after Close.
func TestHandle(t *testing.T) {
	before := descriptors(t)
	s := listen(t)
	to := listen(t)
	require.True(t, s.Polls())
	for _, text := range []string{"a", "b"} {
		_, _, err := s.conn.WriteMsgUDPAddrPort([]byte(text), nil, to.LocalAddr())
		require.NoError(t, err)
		in := NewBatch(1, 100)
		require.NoError(t, to.ReadBatch(in))
		require.Equal(t, text, string(in.Datagrams[0].Data))
		out := NewBatch(1, 100)
		out.Add(Datagram{Addr: s.LocalAddr(), Data: append(out.Next(), "back"...)})
		require.NoError(t, to.WriteBatch(out))
		if text == "a" {
			require.NoError(t, s.ReadBatch(in))
			require.Equal(t, "back", string(in.Datagrams[0].Data))
			continue
		}
		b := make([]byte, 10)
		n, _, _, _, err := s.conn.ReadMsgUDPAddrPort(b, nil)
		require.NoError(t, err)
		require.Equal(t, "back", string(b[:n]))
	}
	require.NoError(t, s.Close())
	require.NoError(t, to.Close())
	require.ErrorIs(t, s.Close(), net.ErrClosed)
	_, _, err := s.conn.WriteMsgUDPAddrPort([]byte("x"), nil, to.LocalAddr())
	require.ErrorIs(t, err, net.ErrClosed)
	_, _, err = to.conn.WriteMsgUDPAddrPort([]byte("x"), nil, to.LocalAddr()) // asked for the first time
	require.ErrorIs(t, err, net.ErrClosed)
	_, _, _, _, err = to.conn.ReadMsgUDPAddrPort(nil, nil)
	require.ErrorIs(t, err, net.ErrClosed)
	require.Equal(t, before, descriptors(t))
}

// TestFullBuffer shows that a datagram waits for room, and that it is lost where none comes; then the next one does not wait.
func TestFullBuffer(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	require.NoError(t, err)
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	y := newSystem()
	y.header.Name = nil
	datagram := make([]byte, 1000)
	y.vector.Base = &datagram[0]
	y.vector.SetLen(len(datagram))
	for y.err == 0 {
		y.send(uintptr(pair[0]))
	}
	require.Equal(t, unix.ENOBUFS, y.err)
	y.send(uintptr(pair[0]))
	require.Equal(t, unix.ENOBUFS, y.err)
	require.Equal(t, unix.NsecToTimespec(int64(fullWait)), y.timeout, "nothing of it was waited")
	_, err = unix.Read(pair[1], datagram)
	require.NoError(t, err)
	y.send(uintptr(pair[0]))
	require.Zero(t, y.err)
	require.False(t, y.full)
	go func() {
		for {
			if n, _ := unix.Read(pair[1], datagram); n <= 0 {
				return
			}
		}
	}()
	for y.err != 0 { // at once, unless the other goroutine is late
		y.send(uintptr(pair[0]))
	}
	unix.Shutdown(pair[0], unix.SHUT_RDWR)
}
