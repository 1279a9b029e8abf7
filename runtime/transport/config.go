package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// Option says how Listen or Dial is to do it.
type Option func(*config) error

// config is what the options say.
type config struct {
	plaintext bool
	tls       *tls.Config // nil in plaintext; Listen and Dial copy it before they change it
	conn      conn.Config
	qlog      func(id string, dials bool) io.WriteCloser // nil for none
	logger    *slog.Logger                               // nil for none
	ownSocket bool
	resetKey  []byte // nil for the default
	shards    int    // zero for the default; for tests
}

var (
	errNoMode = errors.New("it is not said how packets are protected: pass transport.WithTLS(config) to Listen and to Dial " +
		"(transport.DevTLS() makes both configurations for a program that runs on one machine), or on a network that is private or encrypts already, " +
		"transport.WithPlaintext() to both")
	errTwoModes = errors.New("both WithTLS and WithPlaintext are given: packets are protected in one way")
)

func newConfig(opts []Option) (config, error) {
	var c config
	for _, set := range opts {
		if err := set(&c); err != nil {
			return c, err
		}
	}
	switch {
	case !c.plaintext && c.tls == nil:
		return c, errNoMode
	case c.plaintext && c.tls != nil:
		return c, errTwoModes
	}
	c.conn.Version = packet.V1
	if c.plaintext {
		c.conn.Version = packet.V1Plain
	}
	return c, nil
}

// WithPlaintext leaves packets unencrypted, for networks that encrypt already or
// are private. Both ends must say so. Each packet has a short tag, under a key that
// is sent in the clear: it catches corruption, and forgery by those who cannot
// see the packets. Who sees them can read and forge them.
func WithPlaintext() Option {
	return func(c *config) error {
		c.plaintext = true
		return nil
	}
}

// WithIdleTimeout ends a connection on which nothing has come for d: 60 s where it
// is not given. The shorter one of both ends counts, but at least three probe
// timeouts. A dialing end sends something every 20 s (see WithKeepAlive), so that only a peer that is gone is idle. It is
// how a listening end without a keep-alive, whose program only waits, finds out that its client is gone.
func WithIdleTimeout(d time.Duration) Option {
	return duration("WithIdleTimeout", d, func(c *config) *time.Duration { return &c.conn.IdleTimeout })
}

// WithDeathTimeout ends a connection whose peer has answered nothing of what was
// sent for d: 5 s, or six probe timeouts if that is longer, where it is not given; never
// longer than the idle timeout. The calls of its sessions return a *GoneError. It is a matter of the two transports: a peer whose
// program is slow answers all the same, and is not given up.
//
// Only what was sent can stay without an answer. A program that sends, and has to wait because its peer does not read,
// has the peer asked four times in d; one that only waits for its peer is told when its keep-alive has asked: see WithKeepAlive.
func WithDeathTimeout(d time.Duration) Option {
	return duration("WithDeathTimeout", d, func(c *config) *time.Duration { return &c.conn.DeathTimeout })
}

// WithHandshakeTimeout ends a connection that is not established within d: 10 s
// where it is not given. The context of Dial may be shorter.
func WithHandshakeTimeout(d time.Duration) Option {
	return duration("WithHandshakeTimeout", d, func(c *config) *time.Duration { return &c.conn.HandshakeTimeout })
}

// WithKeepAlive sends something when nothing was sent for d, so that the connection does not become idle and
// NATs on the way do not forget it: after 20 s at a dialing end, never at a listening one, where it is not given. With it an end
// that only waits finds out that its peer is gone, after d and the death timeout; each connection costs a datagram each way every d.
func WithKeepAlive(d time.Duration) Option {
	return duration("WithKeepAlive", d, func(c *config) *time.Duration { return &c.conn.KeepAlive })
}

// WithOwnSocket, for Dial, gives the connection a socket, and with it a local port and two goroutines, of its own. Else all that a
// process dials share one for each version of IP.
func WithOwnSocket() Option {
	return func(c *config) error {
		c.ownSocket = true
		return nil
	}
}

// WithMaxDatagramSize is the size of the largest datagram that this end sends if the path carries it, without the headers of UDP and IP, and
// of the largest that it takes: 8,952 bytes where it is not given, which is what links with jumbo frames carry. More is
// for links with more, such as loopback; both ends have to be given it. Which size the path carries is found out in any case, beginning with 1,200 bytes. For Dial,
// more than 8,952 bytes imply WithOwnSocket.
func WithMaxDatagramSize(bytes int) Option {
	return func(c *config) error {
		if bytes < datagramMin || bytes > datagramLimit {
			return fmt.Errorf("WithMaxDatagramSize(%d): not from %d to %d bytes", bytes, datagramMin, datagramLimit)
		}
		c.conn.MaxDatagram = bytes
		c.ownSocket = c.ownSocket || bytes > datagramMax
		return nil
	}
}

const (
	datagramMin = 1200
	// datagramLimit is what the largest packet of IPv6 carries.
	datagramLimit = 65535 - 40 - 8
)

// largest is the size of the largest datagram that is read or written.
func (c *config) largest() int { return max(datagramMax, c.conn.MaxDatagram) }

// WithResetKey, for Listen, is a secret of at least 16 bytes that outlives the process. A server that has forgotten its connections, because
// it was started anew, tells their clients so at once if it has the key that it had before; else they find out by their death timeout. Where it
// is not given, the key is made from the TLS certificate's private key, if that gives its bytes away; otherwise it is drawn at random, and
// nothing is told across restarts, as in plaintext.
func WithResetKey(key []byte) Option {
	return func(c *config) error {
		if len(key) < resetKeyMin {
			return fmt.Errorf("WithResetKey: %d bytes, of at least %d", len(key), resetKeyMin)
		}
		c.resetKey = bytes.Clone(key)
		return nil
	}
}

const resetKeyMin = 16

func duration(name string, d time.Duration, field func(*config) *time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("%s(%v): not a positive time", name, d)
		}
		*field(c) = d
		return nil
	}
}

// WithMaxMessage lets peers send messages of up to this many bytes: 4 MiB where it
// is not given. What a message is depends on who sends it: for generated code, a
// label's number and its parameters as they are encoded.
func WithMaxMessage(bytes int) Option {
	return func(c *config) error {
		if bytes <= 0 || bytes > messageMax {
			return fmt.Errorf("WithMaxMessage(%d): not from 1 to %d bytes", bytes, messageMax)
		}
		c.conn.MaxMessage = bytes
		c.conn.Pool = max(poolBytes, 2*(bytes+conn.MessagePrefix)+windowBytes)
		return nil
	}
}

const (
	messageMax = 1 << 30
	// poolBytes is what may wait to be read beyond the streams' floors. It has
	// room for two messages at least, so that one that is read slowly does not stop the others.
	poolBytes = 16 << 20
	// windowBytes of it are for sessions that are read as fast as they come.
	windowBytes = 8 << 20
)
