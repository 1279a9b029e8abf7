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

// Option configures Listen or Dial.
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

// WithPlaintext leaves packets unencrypted, for networks that are private or encrypt already. Both ends must
// use it. Each packet carries a short tag, under a key that is sent in the clear: the tag catches corruption,
// and forgery by those who cannot see the packets. Anyone who can see the packets can read and forge them.
func WithPlaintext() Option {
	return func(c *config) error {
		c.plaintext = true
		return nil
	}
}

// WithIdleTimeout ends a connection on which nothing has arrived for d; the default is 60 s. The shorter
// timeout of the two ends applies, but never less than three probe timeouts. A dialing end sends something
// every 20 s (see WithKeepAlive), so only a peer that is gone is idle. This is how a listening end that has no
// keep-alive, and whose program only waits, finds out that its client is gone.
func WithIdleTimeout(d time.Duration) Option {
	return duration("WithIdleTimeout", d, func(c *config) *time.Duration { return &c.conn.IdleTimeout })
}

// WithDeathTimeout ends a connection whose peer has answered nothing of what was sent to it for d. The default
// is 5 s, or six probe timeouts if that is longer; it is never longer than the idle timeout. Calls on the
// connection's sessions return a *GoneError. Answers come from the peer's transport: a peer whose program is
// slow still answers and is not given up.
//
// Only what was sent can go unanswered. While a program is blocked sending because its peer does not read, the
// peer is probed four times in d. A program that only waits for its peer finds out once its keep-alive has
// probed: see WithKeepAlive.
func WithDeathTimeout(d time.Duration) Option {
	return duration("WithDeathTimeout", d, func(c *config) *time.Duration { return &c.conn.DeathTimeout })
}

// WithHandshakeTimeout ends a connection that is not established within d; the default is 10 s at a dialing end
// and 5 s at a listening one. The context of Dial may end sooner.
func WithHandshakeTimeout(d time.Duration) Option {
	return duration("WithHandshakeTimeout", d, func(c *config) *time.Duration { return &c.conn.HandshakeTimeout })
}

// WithKeepAlive sends something whenever nothing was sent or received for d, or up to an eighth less, so that the
// connection does not become idle and NATs on the path do not forget it. The default is 20 s at a dialing end and
// never at a listening one; less than 15 s is for networks of your own (RFC 8085 §3.5). With it, an end that only waits finds out that its peer is gone after d and the death timeout;
// each connection costs one datagram each way every d.
func WithKeepAlive(d time.Duration) Option {
	return duration("WithKeepAlive", d, func(c *config) *time.Duration { return &c.conn.KeepAlive })
}

// WithOwnSocket, for Dial, gives the connection a socket of its own, and with it a local port and two
// goroutines. Otherwise all connections that a process dials share one socket for each version of IP.
func WithOwnSocket() Option {
	return func(c *config) error {
		c.ownSocket = true
		return nil
	}
}

// WithMaxDatagramSize sets the size of the largest datagram that this end accepts, and of the largest that it
// sends if the path carries it, excluding UDP and IP headers. The default is 8,952 bytes, which is what links
// with jumbo frames carry. Larger values are for links that carry more, such as loopback; both ends must set
// them. The size that the path carries is always probed for, starting at 1,200 bytes, if the system can be asked
// to fragment nothing. For Dial, more than 8,952 bytes implies WithOwnSocket.
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

// WithResetKey, for Listen, sets a secret of at least 16 bytes that outlives the process. A server that has
// lost its connections by a restart tells their clients so at once if it has the same key as before; otherwise
// the clients find out by their death timeout. By default the key is derived from the TLS certificate's private
// key, if its bytes can be had; otherwise, and in plaintext, the key is random, and clients are told nothing
// across restarts.
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

// WithMaxMessage lets peers send messages of up to this many bytes; the default is 4 MiB. What counts as a
// message depends on the sender: for generated code it is the label's number and the encoded parameters.
func WithMaxMessage(bytes int) Option {
	return func(c *config) error {
		if bytes <= 0 || bytes > messageMax {
			return fmt.Errorf("WithMaxMessage(%d): not from 1 to %d bytes", bytes, messageMax)
		}
		c.conn.MaxMessage = bytes
		c.conn.Pool = max(poolBytes, 2*(int64(bytes)+conn.MessagePrefix)+windowBytes)
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
