// Package peers puts transports behind net.Conn, so that one program measures them all: kernel TCP
// and TLS, quic-go, kcp-go, and sessions of this project.
package peers

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// A Peer is one transport. Its connections carry bytes, on one stream each.
type Peer interface {
	// Listen serves each connection with serve, in a goroutine of its own, until the process ends.
	Listen(addr string, serve func(net.Conn)) (net.Addr, error)
	// Dial may be called from several goroutines.
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// Names are what New knows. A congestion control may follow sessgen and tcp: sessgen-cubic, tcp-bbr.
var Names = []string{"sessgen", "tcp", "tls", "quic", "kcp"}

// New returns the peer of that name.
func New(name string) (Peer, error) {
	base, control, _ := strings.Cut(name, "-")
	switch base {
	case "sessgen":
		return newSessgen(control)
	case "tcp":
		return tcp{control: control}, nil
	case "tls":
		return tcp{secure: true, control: control}, nil
	case "quic":
		return new(quicGo), nil
	case "kcp":
		return kcpGo{}, nil
	}
	return nil, fmt.Errorf("no transport %q; there are %v", name, Names)
}
