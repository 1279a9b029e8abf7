package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// Listener is a port on which a Server serves. It is passive: datagrams that arrive before Serve wait in the
// operating system's buffer. It is safe for concurrent use.
//
// On Linux it has one socket for every two processors, and each connection belongs to one of them.
type Listener struct {
	socks  []*udp.Socket // at least one
	config config

	mu     sync.Mutex
	served bool
	closed chan struct{}
}

// Listen binds a socket to addr, "host:port"; with port 0 the system chooses one.
//
// A listener that is bound to all addresses answers, on Linux, from the one that was asked.
//
// Listen fails unless the options say how packets are protected: see WithTLS and WithPlaintext.
func Listen(addr string, opts ...Option) (*Listener, error) {
	config, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("transport: Listen %s: %w", addr, err)
	}
	if err := config.checkServer(); err != nil {
		return nil, fmt.Errorf("transport: Listen %s: %w", addr, err)
	}
	socks, err := udp.ListenGroup("udp", addr, config.shardsWanted())
	if err != nil {
		return nil, fmt.Errorf("transport: Listen %s: %w", addr, err)
	}
	ln := &Listener{socks: socks, config: config, closed: make(chan struct{})}
	if isDev(config.tls) && !ln.addr().Addr().IsLoopback() {
		ln.closeSockets()
		return nil, fmt.Errorf("transport: Listen %v: %w", ln.addr(), errDevBeyond)
	}
	return ln, nil
}

// Addr returns the address that the listener is bound to, a *net.UDPAddr.
func (ln *Listener) Addr() net.Addr { return net.UDPAddrFromAddrPort(ln.addr()) }

func (ln *Listener) addr() netip.AddrPort { return ln.socks[0].LocalAddr() }

func (ln *Listener) closeSockets() (err error) {
	for _, s := range ln.socks {
		err = errors.Join(err, s.Close())
	}
	return err
}

// Close ends the listener. A Serve on it aborts its connections and returns an error that unwraps to
// net.ErrClosed. Close is idempotent and does not block.
func (ln *Listener) Close() error {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	select {
	case <-ln.closed:
		return nil
	default:
	}
	close(ln.closed)
	if ln.served {
		return nil // Serve closes the sockets when the connections are gone
	}
	return ln.closeSockets()
}

// serve makes the sockets its caller's, once.
func (ln *Listener) serve() error {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	select {
	case <-ln.closed:
		return fmt.Errorf("transport: listener %v: %w", ln.Addr(), net.ErrClosed)
	default:
	}
	if ln.served {
		return fmt.Errorf("transport: listener %v is being served already", ln.Addr())
	}
	ln.served = true
	return nil
}
