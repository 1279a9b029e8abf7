package peers

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

// sessgen carries bytes as messages of one session.
type sessgen struct {
	plaintext bool
	opts      []transport.Option
}

// newSessgen returns the peer with a congestion control, bbr where it is empty, over TLS. "plaintext" is BBR without.
func newSessgen(control string) (Peer, error) {
	var opts []transport.Option
	switch control {
	case "plaintext":
		return sessgen{plaintext: true}, nil
	case "":
	case "bbr":
		opts = append(opts, transport.WithCongestion(transport.BBR))
	case "cubic":
		opts = append(opts, transport.WithCongestion(transport.CUBIC))
	case "newreno":
		opts = append(opts, transport.WithCongestion(transport.NewReno))
	default:
		return nil, fmt.Errorf("no congestion control %q", control)
	}
	return sessgen{opts: opts}, nil
}

// options are those of an end: its own TLS configuration, or none.
func (p sessgen) options(config func() (*tls.Config, error)) ([]transport.Option, error) {
	if p.plaintext {
		return append(slices.Clone(p.opts), transport.WithPlaintext()), nil
	}
	c, err := config()
	if err != nil {
		return nil, err
	}
	c.NextProtos = nil // the transport's own
	return append(slices.Clone(p.opts), transport.WithTLS(c)), nil
}

// carrier is a protocol of which only the name and the fingerprint matter here: this
// package moves messages itself.
var carrier = &session.Protocol{
	Name:        "bench.Carrier",
	Fingerprint: session.Fingerprint(strings.Repeat("be", 32)),
	Roles:       [2]string{"Client", "Server"},
	States:      []session.State{{Name: "Start"}, {Name: "End"}},
	Messages:    []session.Message{{Label: "M", Sender: 0, State: 0, Next: 1}},
}

func (p sessgen) Listen(addr string, serve func(net.Conn)) (net.Addr, error) {
	opts, err := p.options(serverTLS)
	if err != nil {
		return nil, err
	}
	ln, err := transport.Listen(addr, opts...)
	if err != nil {
		return nil, err
	}
	srv := transport.NewServer()
	srv.Handle(carrier, func(ctx context.Context, s session.Stream) {
		serve(&sessionConn{stream: s, ctx: ctx, local: ln.Addr()})
	})
	go func() { _ = srv.Serve(context.Background(), ln) }()
	return ln.Addr(), nil
}

func (p sessgen) Dial(ctx context.Context, addr string) (net.Conn, error) {
	opts, err := p.options(func() (*tls.Config, error) { return clientTLS(), nil })
	if err != nil {
		return nil, err
	}
	c, err := transport.Dial(ctx, addr, opts...)
	if err != nil {
		return nil, err
	}
	s, err := c.OpenStream(ctx, carrier, nil)
	if err != nil {
		return nil, err
	}
	return &sessionConn{stream: s, ctx: context.Background(), conn: c, local: c.LocalAddr(), remote: c.RemoteAddr()}, nil
}

// messageMax is what a Write puts into one message at most.
const messageMax = 64 << 10

// sessionConn is a session as a net.Conn. It has no deadlines.
type sessionConn struct {
	stream        session.Stream
	ctx           context.Context
	conn          *transport.Conn // the dialing end's
	local, remote net.Addr
	rest          []byte // of the message that was received last
}

func (c *sessionConn) Write(p []byte) (n int, err error) {
	for n < len(p) {
		message := p[n:min(len(p), n+messageMax)]
		if err := c.stream.Send(c.ctx, message, false); err != nil {
			return n, err
		}
		n += len(message)
	}
	return n, nil
}

func (c *sessionConn) Read(p []byte) (n int, err error) {
	for len(c.rest) == 0 {
		if c.rest, _, err = c.stream.Recv(c.ctx); err != nil {
			return 0, err
		}
	}
	n = copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Close ends the session without ceremony: what is measured is over.
func (c *sessionConn) Close() error {
	c.stream.Abort(session.Abort{Code: session.AbortCanceled})
	if c.conn != nil {
		c.conn.Abort(net.ErrClosed)
	}
	return nil
}

func (c *sessionConn) LocalAddr() net.Addr              { return c.local }
func (c *sessionConn) RemoteAddr() net.Addr             { return c.remote }
func (c *sessionConn) SetDeadline(time.Time) error      { return errNoDeadlines }
func (c *sessionConn) SetReadDeadline(time.Time) error  { return errNoDeadlines }
func (c *sessionConn) SetWriteDeadline(time.Time) error { return errNoDeadlines }

var errNoDeadlines = fmt.Errorf("a session has contexts and no deadlines")
