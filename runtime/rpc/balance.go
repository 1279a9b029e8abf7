package rpc

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// Balanced is a session.Conn over several servers: each call goes to the next connected server in turn. A
// server that cannot be dialed, or whose connection ends, is skipped until dialing it succeeds again, as with a
// Redialed. So is one that answers nothing of what is sent to it, while another server does: its connection may
// yet be found dead. The resolver is asked again when calls are made, at most every 30 seconds, and when no server is
// left. A Balanced is safe for concurrent use.
type Balanced struct {
	resolver Resolver
	dial     func(ctx context.Context, addr string) (session.Conn, error)
	ctx      context.Context
	cancel   context.CancelFunc
	force    context.Context // of servers that are left
	abort    context.CancelFunc

	mu        sync.Mutex
	servers   []*target
	next      int           // whose turn it is
	changed   chan struct{} // closed and replaced when an attempt to dial, or to resolve, is over
	resolving bool
	resolved  time.Time
	err       error // why the last resolving failed
	closed    bool
	windup    sync.WaitGroup
}

type target struct {
	addr string
	*Redialed
}

const (
	// resolveEvery is how long an answer of the resolver is used.
	resolveEvery = 30 * time.Second
	// resolvePause is how long it is left alone when no server is left.
	resolvePause = time.Second
)

// Balance returns a Balanced over the servers that resolver returns; dial connects to one of them. DNS returns
// IP addresses, while certificates mostly hold names: with TLS, set ServerName in the configuration to the name
// that the servers must prove.
//
//	config := &tls.Config{ServerName: "ledger.example"}
//	conn := rpc.Balance(rpc.DNS("ledger.example:4000"), func(ctx context.Context, addr string) (session.Conn, error) {
//		return transport.Dial(ctx, addr, transport.WithTLS(config))
//	})
func Balance(resolver Resolver, dial func(ctx context.Context, addr string) (session.Conn, error)) *Balanced {
	b := &Balanced{resolver: resolver, dial: dial, changed: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.force, b.abort = context.WithCancel(context.Background())
	return b
}

var _ session.Conn = (*Balanced)(nil)

// OpenStream implements session.Conn; generated code calls it. It waits while no server is connected and one is
// being dialed.
func (b *Balanced) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, _, err := b.openSend(ctx, p, note, nil)
	return s, err
}

func (b *Balanced) openSend(ctx context.Context, p *session.Protocol, note, request []byte) (s session.Stream, sent bool, err error) {
	for {
		server, conn, err := b.get(ctx)
		if err != nil {
			return nil, false, err
		}
		s, sent, err := openSend(ctx, conn, p, note, request)
		if err == nil || ctx.Err() != nil || !errors.Is(err, net.ErrClosed) {
			return s, sent, err
		}
		server.drop(conn, err) // there are others, or it is dialed again
	}
}

// WaitReady waits until one of the servers is connected. If ctx ends first, it returns ctx's error together
// with the reason why the last attempt failed.
func (b *Balanced) WaitReady(ctx context.Context) error {
	for {
		if _, _, err := b.get(ctx); err == nil || errors.Is(err, errRedialClosed) {
			return err
		}
		if err := pause(ctx, redialMin); err != nil {
			return b.waited(err)
		}
	}
}

// Close closes every connection once its calls have finished; no new calls are accepted. It returns the errors
// of closing them.
func (b *Balanced) Close(ctx context.Context) error {
	b.cancel()
	defer context.AfterFunc(ctx, b.abort)()
	b.mu.Lock()
	b.closed = true
	servers := b.servers
	b.servers = nil
	b.tell()
	b.mu.Unlock()
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, t := range servers {
		all.Go(func() { errs[i] = t.Close(ctx) })
	}
	all.Wait()
	b.windup.Wait()
	b.abort()
	return errors.Join(errs...)
}

// get returns the next server that has a connection. It waits for one while there is hope of getting one.
func (b *Balanced) get(ctx context.Context) (*target, session.Conn, error) {
	for {
		server, conn, changed, err := b.look()
		if changed == nil {
			return server, conn, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, b.waited(ctx.Err())
		}
	}
}

// waited returns the error of a wait for a connection that a context has ended with err.
func (b *Balanced) waited(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.err
	for _, t := range b.servers {
		if failed := t.failed(); failed != nil {
			last = failed
		}
	}
	return &waitError{err, last}
}

// look is get without waiting: changed is closed when it is worth looking again.
func (b *Balanced) look() (server *target, conn session.Conn, changed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, nil, nil, errRedialClosed
	}
	if time.Since(b.resolved) > resolveEvery {
		b.resolve()
	}
	hope := b.resolving
	err = b.err
	next := b.next // the turn after the one that is picked
	for i := range b.servers {
		at := (b.next + i) % len(b.servers)
		t := b.servers[at]
		c, dialing, down := t.look()
		answers := c != nil && !isSilent(c)
		if answers || c != nil && server == nil {
			server, conn, next = t, c, (at+1)%len(b.servers)
		}
		if answers {
			break
		}
		hope = hope || dialing != nil
		if down != nil {
			err = down
		}
	}
	if b.next = next; server != nil {
		return server, conn, nil, nil
	}
	if hope {
		return nil, nil, b.changed, nil
	}
	if time.Since(b.resolved) > resolvePause { // they may have moved
		b.resolve()
	}
	if err == nil {
		err = errors.New("the resolver knows no address")
	}
	var e *Error
	if !errors.As(err, &e) {
		err = &Error{Code: Unavailable, cause: err, processed: ProcessedNo}
	}
	return nil, nil, nil, err
}

// isSilent reports whether conn knows that its peer leaves unanswered what is sent to it.
func isSilent(conn session.Conn) bool {
	c, ok := conn.(interface{ Silent() bool })
	return ok && c.Silent()
}

// tell lets all waiting callers look again. b.mu is held.
func (b *Balanced) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// resolve asks the resolver, unless it is being asked. b.mu is held.
func (b *Balanced) resolve() {
	if b.resolving {
		return
	}
	b.resolving = true
	b.windup.Go(func() {
		addrs, err := b.resolver.Resolve(b.ctx)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.resolving, b.resolved, b.err = false, time.Now(), err
		if err == nil && !b.closed {
			b.adopt(addrs)
		}
		b.tell()
	})
}

// adopt makes the servers those at addrs. b.mu is held.
func (b *Balanced) adopt(addrs []string) {
	known := make(map[string]*target)
	for _, t := range b.servers {
		known[t.addr] = t
	}
	b.servers = nil
	seen := make(map[string]bool)
	for _, addr := range addrs {
		if seen[addr] {
			continue
		}
		seen[addr] = true
		t := known[addr]
		delete(known, addr)
		if t == nil {
			t = &target{addr, Redial(func(ctx context.Context) (session.Conn, error) { return b.dial(ctx, addr) })}
			t.told = func() {
				b.mu.Lock()
				b.tell()
				b.mu.Unlock()
			}
		}
		b.servers = append(b.servers, t)
	}
	b.next = 0
	for _, gone := range known {
		b.windup.Go(func() { _ = gone.Close(b.force) })
	}
}
