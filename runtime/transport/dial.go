package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/udp"
	"github.com/sessgen/sessgen/runtime/session"
)

// Dial connects to the server at addr, "host:port". It returns once the handshake is complete. It returns ctx's
// error if ctx ends first, and a *HandshakeError if no connection could be made. Afterwards ctx has no effect
// on the connection.
//
// Dial fails unless the options say how packets are protected: see WithTLS and WithPlaintext. A *HandshakeError
// wraps the reason why one end rejected the other: errors.As finds *VersionError,
// *tls.CertificateVerificationError, the errors of crypto/x509, and the server's alert as a tls.AlertError. If
// the server asks for a certificate, Dial waits until the server has accepted it.
func Dial(ctx context.Context, addr string, opts ...Option) (*Conn, error) {
	config, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("transport: Dial %s: %w", addr, err)
	}
	to, err := resolve(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("transport: Dial %s: %w", addr, err)
	}
	var s *shard
	if v6 := to.Addr().Is6(); config.ownSocket {
		s, err = openOwn(v6, config.largest())
	} else {
		s, err = dialers.acquire(v6)
	}
	if err != nil {
		return nil, fmt.Errorf("transport: Dial %s: %w", addr, err)
	}
	if config.tls != nil && config.tls.ServerName == "" {
		config.tls = config.tls.Clone()
		config.tls.ServerName = serverName(addr)
	}
	l := s.dial(config, to)
	l.mu.Lock()
	l.settle() // with an address token the handshake begins here
	waited := l.await(ctx, &l.waiters, func(*waiter) bool { return l.up || l.over })
	failed := l.err
	l.unlock()
	switch {
	case waited != nil:
		l.abort(waited, session.Abort{Code: session.AbortCanceled})
		_ = l.awaitRemoved(context.Background())
		l.awaitLeft(ctx)
		return nil, waited
	case failed != nil:
		_ = l.awaitRemoved(context.Background())
		l.awaitLeft(ctx)
		return nil, failed
	}
	return &Conn{link: l}, nil
}

// dial adds the dialing end of a new connection.
func (s *shard) dial(config config, to netip.AddrPort) *link {
	c := config.conn
	draw(c.ClientID[:])
	draw(c.Nonce[:])
	s.suit(&c)
	if t, ok := tokens.take(now(), tokenKey{to, c.Version}); ok {
		c.Token, c.TokenPatience = t.bytes, t.patience()
	}
	l := newLink(s, c.ClientID, to, conn.NewClient(now(), c, to))
	l.tls, l.secure = config.tls, config.tls != nil
	l.dials, l.own = true, config.ownSocket
	if config.logger != nil {
		l.dialJournal = &journal{out: config.logger, lent: &s.lent}
	}
	s.table.add(l)
	l.startTrace(&config, c.ClientID, true)
	return l
}

// serverName is the name, or the IP address, that the server at addr must prove.
func serverName(addr string) string {
	host, _, _ := net.SplitHostPort(addr) // resolved before
	if host == "" {
		return localhost
	}
	host, _, _ = strings.Cut(host, "%") // a zone
	return host
}

// localhost is where Dial connects to if no host is given.
const localhost = "127.0.0.1"

// resolve looks up addr. Of several addresses it takes the first IPv4 address, as net.Dial does for UDP.
func resolve(ctx context.Context, addr string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err == nil && port == 0 {
		err = errors.New("port 0 is for Listen, whose Addr has the one to dial")
	}
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host == "" {
		host = localhost
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	best := ips[0].Unmap()
	for _, ip := range ips {
		if !best.Is4() && ip.Unmap().Is4() {
			best = ip.Unmap()
		}
	}
	return netip.AddrPortFrom(best, uint16(port)), nil
}

// dialers has the sockets that connections are dialed on: one for each version of IP, from the first connection
// until the last one is gone.
var dialers sharedSockets

type sharedSockets struct {
	mu    sync.Mutex
	of    [2]*shard // IPv4, IPv6
	count [2]int    // connections
}

// acquire returns the shard for connections over one version of IP. Each call must be followed by a release.
func (d *sharedSockets) acquire(v6 bool) (*shard, error) {
	i, network := 0, "udp4"
	if v6 {
		i, network = 1, "udp6"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of[i] == nil {
		sock, err := udp.Open(network)
		if err != nil {
			return nil, err
		}
		d.of[i] = startShard(sock, datagramMax)
	}
	d.count[i]++
	return d.of[i], nil
}

// openOwn returns a shard for one connection, which stops it when it is removed, with datagrams of up to
// largest bytes.
func openOwn(v6 bool, largest int) (*shard, error) {
	network := "udp4"
	if v6 {
		network = "udp6"
	}
	sock, err := udp.Open(network)
	if err != nil {
		return nil, err
	}
	return startShard(sock, largest), nil
}

// release gives up one connection's share of s, and stops s if that was the last.
func (d *sharedSockets) release(s *shard) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.of {
		if d.of[i] != s {
			continue
		}
		if d.count[i]--; d.count[i] == 0 {
			d.of[i] = nil
			s.stop()
		}
	}
}
