package transport

import (
	"fmt"
	"net"
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// Listener is a socket on which a Server serves. It is passive: what arrives
// before Serve waits in the system's buffer. It may be used from any number of goroutines.
type Listener struct {
	sock   *udp.Socket
	config config

	mu     sync.Mutex
	served bool
	closed chan struct{}
}

// Listen binds a socket to addr, "host:port"; port 0 lets the system choose one.
//
// It refuses unless the options say how packets are protected: see WithTLS and WithPlaintext.
func Listen(addr string, opts ...Option) (*Listener, error) {
	config, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("transport: Listen %s: %w", addr, err)
	}
	if err := config.checkServer(); err != nil {
		return nil, fmt.Errorf("transport: Listen %s: %w", addr, err)
	}
	sock, err := udp.Listen("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("transport: Listen %s: %w", addr, err)
	}
	if isDev(config.tls) && !sock.LocalAddr().Addr().IsLoopback() {
		addr := sock.LocalAddr()
		sock.Close()
		return nil, fmt.Errorf("transport: Listen %v: %w", addr, errDevBeyond)
	}
	return &Listener{sock: sock, config: config, closed: make(chan struct{})}, nil
}

// Addr is the address that the socket is bound to, a *net.UDPAddr.
func (ln *Listener) Addr() net.Addr { return net.UDPAddrFromAddrPort(ln.sock.LocalAddr()) }

// Close ends the listener. A Serve on it aborts its connections and returns an
// error that unwraps to net.ErrClosed. It is idempotent, and waits for nobody.
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
		return nil // Serve closes the socket when the connections are gone
	}
	return ln.sock.Close()
}

// serve makes the socket its caller's, once.
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
