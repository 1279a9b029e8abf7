package udp

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// RFC 9000 §14: "the Don't Fragment (DF) bit MUST be set if possible", and nothing is broken up here either.
func TestNothingIsFragmented(t *testing.T) {
	for network, options := range map[string][][2]int{
		"udp4": {{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER}},
		"udp6": {{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER}},
		"udp":  {{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER}, {unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER}},
	} {
		c, err := net.ListenUDP(network, nil)
		if err != nil {
			t.Log("none over ", network, ": ", err)
			continue
		}
		s := newSocket(c)
		defer s.Close()
		require.True(t, s.Whole(), network)
		require.NoError(t, s.raw.Control(func(fd uintptr) {
			for _, option := range options {
				value, err := unix.GetsockoptInt(int(fd), option[0], option[1])
				require.NoError(t, err, network)
				require.Equal(t, unix.IP_PMTUDISC_PROBE, value, network)
			}
		}))
	}
}
