package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"

	"github.com/sessgen/sessgen/runtime/internal/conn"
)

// HandshakeStats counts what became of attempts to connect to a server since it began to serve.
type HandshakeStats struct {
	// HalfOpen handshakes are in progress now; Waiting of them are waiting for a worker.
	HalfOpen, Waiting int
	// Begun handshakes had proved their source address; ByToken of them did so with an address token, without a
	// round trip.
	Begun, ByToken uint64
	// Completed handshakes became connections.
	Completed uint64

	// These were dropped silently. BadCookie and BadToken were sent from another address, forged, or expired;
	// SpentCookie and SpentToken had been used before; Full found no room in the queue for a worker; Crowded
	// were too many from one network.
	BadCookie, SpentCookie, BadToken, SpentToken, Full, Crowded uint64
	// Version counts those that were answered with the version that the server speaks.
	Version uint64

	// These were begun and failed. Evicted made room for newer ones; TimedOut took too long; BadCertificate
	// presented a certificate that was not accepted, or none; TLS failed for another reason of crypto/tls;
	// Refused were given up by the dialing end; Other were given up by this end for another reason.
	Evicted, TimedOut, BadCertificate, TLS, Refused, Other uint64
}

// refusals counts handshakes that were begun, by their outcome.
type refusals struct {
	completed, timedOut, badCertificate, tls, refused, other atomic.Uint64
}

// count counts a connection that ended before it was up. Evicted ones are counted by the endpoint.
func (r *refusals) count(cause error, evicted bool) {
	var c *conn.CloseError
	errors.As(cause, &c)
	var certificate *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	switch {
	case evicted:
	case c == nil:
		r.other.Add(1)
	case c.Cause == conn.HandshakeTimeout:
		r.timedOut.Add(1)
	case c.Remote:
		r.refused.Add(1)
	case errors.As(c.Err, &certificate), errors.As(c.Err, &invalid), errors.As(c.Err, &alert) && ofCertificate(alert):
		r.badCertificate.Add(1)
	case c.Err != nil:
		r.tls.Add(1)
	default:
		r.other.Add(1)
	}
}

// ofCertificate reports whether the alert is about the peer's certificate (RFC 8446 §6.2).
func ofCertificate(alert tls.AlertError) bool {
	const (
		badCertificate      = 42
		unknownCA           = 48
		certificateRequired = 116
	)
	return alert >= badCertificate && alert <= 46 || alert == unknownCA || alert == certificateRequired
}

// handshakes is a picture of what the group's handshakes came to.
func (g *group) handshakes() HandshakeStats {
	counts, halfOpen := g.table.counts()
	r := &g.refusals
	return HandshakeStats{
		HalfOpen: halfOpen, Waiting: g.workers.waiting(),
		Begun: counts.Accepted, ByToken: counts.Tokens, Completed: r.completed.Load(),
		BadCookie: counts.BadCookie, SpentCookie: counts.SpentCookie,
		BadToken: counts.BadToken, SpentToken: counts.SpentToken,
		Full: counts.Full, Crowded: counts.Crowded, Version: counts.Version,
		Evicted: counts.Evicted, TimedOut: r.timedOut.Load(), BadCertificate: r.badCertificate.Load(),
		TLS: r.tls.Load(), Refused: r.refused.Load(), Other: r.other.Load(),
	}
}

// add adds another listener's.
func (h *HandshakeStats) add(o HandshakeStats) {
	h.HalfOpen += o.HalfOpen
	h.Waiting += o.Waiting
	for _, n := range []struct {
		to   *uint64
		more uint64
	}{
		{&h.Begun, o.Begun},
		{&h.ByToken, o.ByToken},
		{&h.Completed, o.Completed},
		{&h.BadCookie, o.BadCookie},
		{&h.SpentCookie, o.SpentCookie},
		{&h.BadToken, o.BadToken},
		{&h.SpentToken, o.SpentToken},
		{&h.Full, o.Full},
		{&h.Crowded, o.Crowded},
		{&h.Version, o.Version},
		{&h.Evicted, o.Evicted},
		{&h.TimedOut, o.TimedOut},
		{&h.BadCertificate, o.BadCertificate},
		{&h.TLS, o.TLS},
		{&h.Refused, o.Refused},
		{&h.Other, o.Other},
	} {
		*n.to += n.more
	}
}
