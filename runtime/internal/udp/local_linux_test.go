package udp

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// addresses are pairs of addresses of one machine, of each version of IP. Those of IPv6 are of a namespace of its own, in which the
// goroutine stays to its end: a machine's own may be such as no datagram reaches.
func addresses(t *testing.T) (pairs map[string][2]netip.Addr) {
	pairs = map[string][2]netip.Addr{"udp4": {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}}
	runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Logf("only IPv4 is tried: no namespace is to be had: %v", err)
		return pairs
	}
	require.NoError(t, loopbackUp())
	second := netip.MustParseAddr("2001:db8::2")
	if err := loopbackHas(second); err != nil {
		t.Logf("only IPv4 is tried: %v", err)
		return pairs
	}
	// The kernel makes it ready in its own time: until then nothing can be bound to it, and nothing leaves from it. Another goroutine, as
	// require.Eventually has it, would ask another namespace.
	for end := time.Now().Add(time.Minute); !binds(second); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "%v is never ready", second)
	}
	pairs["udp6"] = [2]netip.Addr{netip.IPv6Loopback(), second}
	return pairs
}

// binds reports whether a socket can be bound to the address, of IPv6, in the thread's namespace.
func binds(a netip.Addr) bool {
	c, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err == nil {
		c.Close()
	}
	return err == nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// loopbackHas gives the loopback one more address, of IPv6.
func loopbackHas(also netip.Addr) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request := struct { // the kernel's in6_ifreq
		address [16]byte
		prefix  uint32
		index   int32
	}{also.As16(), 128, 1}
	if _, _, err := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&request))); err != 0 {
		return err
	}
	return nil
}

// RFC 8085 §5: what is sent to one of several addresses is answered from it, alone and in a run, marked or not, over either version of IP, and
// whatever socket of a group reads it.
func TestAnswersLeaveFromWhereTheyWereAsked(t *testing.T) {
	for version, pair := range addresses(t) {
		for _, network := range []string{version, "udp"} {
			group, err := ListenGroup(network, ":0", 2)
			require.NoError(t, err)
			for i, s := range group {
				s.ResumeFor(time.Minute)
				for _, at := range pair {
					to := netip.AddrPortFrom(at, s.LocalAddr().Port())
					// The system gives it nothing from elsewhere, and the routes would answer it from the first.
					peer, err := net.DialUDP(version, net.UDPAddrFromAddrPort(netip.AddrPortFrom(pair[0], 0)), net.UDPAddrFromAddrPort(to))
					require.NoError(t, err)
					require.NoError(t, peer.SetDeadline(time.Now().Add(time.Minute)))
					in, out := NewBatch(64, 8952), NewBatch(64, 1200)
					_, err = peer.Write([]byte{0x40, byte(i)})
					require.NoError(t, err)
					require.NoError(t, s.ReadBatch(in), "%s %s: at %s, from %s", version, network, at, peer.LocalAddr())
					require.Len(t, in.Datagrams, 1)
					require.Equal(t, at, in.Datagrams[0].Local)

					answers := 0
					for ecn := range uint8(4) {
						for _, size := range []int{1000, 1000, 1000, 10, 20} { // a run, and one alone
							out.Add(Datagram{Addr: in.Datagrams[0].Addr, Local: at, ECN: ecn, Data: out.Next()[:size]})
							answers++
						}
					}
					require.NoError(t, s.WriteBatch(out))
					for range answers {
						_, err = peer.Read(make([]byte, 1200))
						require.NoError(t, err, "%s %s: from %s", version, network, at)
					}
					require.NoError(t, peer.Close())
				}
			}
			for _, s := range group {
				require.NoError(t, s.Close())
			}
		}
	}
}

// A socket that is bound to one address, or that dials, is not told: there is nothing to choose, or the routes do.
func TestOnlyListenersAtAllAddressesAreTold(t *testing.T) {
	dials, err := Open("udp4")
	require.NoError(t, err)
	defer dials.Close()
	one := listen(t)
	in, out := NewBatch(1, 100), NewBatch(1, 100)
	for _, s := range []*Socket{dials, one} {
		out.Reset()
		out.Add(Datagram{Addr: netip.AddrPortFrom(one.LocalAddr().Addr(), s.LocalAddr().Port()), Data: append(out.Next(), "x"...)})
		require.NoError(t, one.WriteBatch(out))
		require.NoError(t, s.ReadBatch(in))
		require.False(t, in.Datagrams[0].Local.IsValid())
	}
}

// What is to leave from an address that the system has no more, or never had, leaves from another, together, and datagrams go on being marked.
func TestForeignAddressIsNoReason(t *testing.T) {
	s, err := Listen("udp4", ":0")
	require.NoError(t, err)
	defer s.Close()
	peer := listen(t)
	joins := s.many.gso.Load()
	in, out := NewBatch(64, 8952), NewBatch(64, 1200)
	for _, foreign := range []string{"192.0.2.199", "255.255.255.255", "224.0.0.1", "::1"} {
		out.Reset()
		for range 3 {
			out.Add(Datagram{Addr: peer.LocalAddr(), Local: netip.MustParseAddr(foreign), ECN: 2, Data: out.Next()[:100]})
		}
		require.NoError(t, s.WriteBatch(out), foreign)
		for n := 0; n < 3; n += len(in.Datagrams) {
			require.NoError(t, peer.ReadBatch(in))
			require.EqualValues(t, 2, in.Datagrams[0].ECN)
			if joins {
				require.Len(t, in.Datagrams, 3)
			}
		}
	}
}

// Addresses come with a datagram and go with its answer at no allocation.
func TestAddressedAnswersDoNotAllocate(t *testing.T) {
	s, err := Listen("udp", ":0")
	require.NoError(t, err)
	defer s.Close()
	peer := listen(t)
	in, out := NewBatch(64, 8952), NewBatch(64, 1200)
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), s.LocalAddr().Port())
	require.Zero(t, testing.AllocsPerRun(100, func() {
		out.Reset()
		out.Add(Datagram{Addr: to, Data: out.Next()[:100]})
		if peer.WriteBatch(out) != nil || s.ReadBatch(in) != nil {
			t.Fatal("it did not arrive")
		}
		d := in.Datagrams[0]
		d.ECN = 2
		out.Reset()
		out.Add(d)
		if s.WriteBatch(out) != nil || peer.ReadBatch(in) != nil || in.Datagrams[0].Addr != to {
			t.Fatal("no answer from there")
		}
	}))
}

// So it is where the kernel lets no handle be made of the socket.
func TestAddressesOfASocketOfPackageNet(t *testing.T) {
	c, err := net.ListenUDP("udp", nil)
	require.NoError(t, err)
	require.True(t, tellLocal(c))
	s, peer := &Socket{conn: c, hears: true}, listen(t)
	defer s.Close()
	in, out := NewBatch(1, 100), NewBatch(1, 100)
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), uint16(c.LocalAddr().(*net.UDPAddr).Port))
	out.Add(Datagram{Addr: to, Data: append(out.Next(), "x"...)})
	require.NoError(t, peer.WriteBatch(out))
	require.NoError(t, s.ReadBatch(in))
	require.Equal(t, to.Addr(), in.Datagrams[0].Local)
	require.NoError(t, s.WriteBatch(in))
	require.NoError(t, peer.ReadBatch(in))
	require.Equal(t, to, in.Datagrams[0].Addr)
}

// Control messages say what they were made to say, and those of a datagram that was sent to a group, or before the socket told, name no address.
func TestControl(t *testing.T) {
	for _, row := range []struct {
		with told
		to   string
	}{
		{told{}, "192.0.2.1:1"},
		{told{ecn: 3}, "192.0.2.1:1"},
		{told{ecn: 1, local: netip.MustParseAddr("2001:db8::1")}, "[2001:db8::2]:1"},
	} {
		with := controlOf(row.with.append(make([]byte, 0, controlMax), netip.MustParseAddrPort(row.to)))
		require.Equal(t, row.with, with)
	}
	most := told{ecn: 3, segment: 1200, local: netip.MustParseAddr("2001:db8::1")}
	require.LessOrEqual(t, len(most.append(make([]byte, 0, controlMax), netip.MustParseAddrPort("[2001:db8::2]:1"))), controlMax)
	require.LessOrEqual(t, unix.CmsgSpace(1)+unix.CmsgSpace(4)+unix.CmsgSpace(unix.SizeofInet4Pktinfo)+unix.CmsgSpace(unix.SizeofInet6Pktinfo), controlMax)
	for _, local := range []string{"::", "ff02::1", "::ffff:192.0.2.1"} {
		b, data := appendMessage(make([]byte, 0, controlMax), unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		a := netip.MustParseAddr(local).As16()
		copy(data, a[:])
		require.False(t, controlOf(b).local.IsValid(), local)
	}
	b, _ := appendMessage(make([]byte, 0, controlMax), unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
	require.False(t, controlOf(b).local.IsValid())
	require.Zero(t, controlOf(b[:len(b)/2]))
}
