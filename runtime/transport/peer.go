package transport

import (
	"context"
	"crypto/tls"
	"net/netip"
)

// Peer is who is at the other end of a connection.
type Peer struct {
	// Addr is the address that the peer's datagrams come from.
	Addr netip.AddrPort
	// TLS is the result of the handshake, with the peer's certificates; nil in plaintext. It must not be
	// modified. At a listening end, PeerCertificates is empty unless ClientAuth asked for them.
	TLS *tls.ConnectionState
}

// PeerFromContext returns who opened the session that a server's body runs in. ctx is the context that the body
// was given, or one derived from it; ok is false for any other context. What a peer may do is for the body to
// decide:
//
//	peer, _ := transport.PeerFromContext(ctx)
//	if peer.TLS == nil || len(peer.TLS.PeerCertificates) == 0 {
//		return end, session.Reason("a client certificate is needed")
//	}
func PeerFromContext(ctx context.Context) (p Peer, ok bool) {
	l, ok := ctx.Value(peerKey{}).(*link)
	if !ok {
		return Peer{}, false
	}
	return l.who(), true
}

// Peer returns who is at the other end.
func (c *Conn) Peer() Peer { return c.link.who() }

func (l *link) who() Peer {
	l.mu.Lock()
	defer l.unlock()
	return Peer{Addr: l.peer, TLS: l.state}
}

type peerKey struct{}

// peerContext has the values of a server's context, and knows whose sessions' parent it is.
type peerContext struct {
	context.Context
	link *link
}

func (c peerContext) Value(key any) any {
	if key == (peerKey{}) {
		return c.link
	}
	return c.Context.Value(key)
}
