package rpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// Redialed is a session.Conn that dials when it is used without a connection, or with one that has ended or is
// about to. It is safe for concurrent use. It runs goroutines only while it dials and while a connection winds
// down.
//
// A call on a connection that ends fails as it would without a Redialed, and the next call gets a new
// connection; to repeat the calls that may be repeated, use Retry. Failed attempts to dial are separated by a
// random back-off of at first up to 100 ms, then twice that and so on, up to 10 s. Meanwhile calls fail at
// once, as Unavailable and not processed; to wait instead, call WaitReady first. A call made while an attempt
// is in progress waits for it, as long as its context allows; an attempt takes up to the handshake timeout of
// what is dialed. Errors say why the last attempt failed, and wrap that error.
type Redialed struct {
	dial   func(context.Context) (session.Conn, error)
	ctx    context.Context // of dialing
	cancel context.CancelFunc
	force  context.Context // of connections that wind up
	abort  context.CancelFunc
	told   func() // after each attempt, if not nil

	mu      sync.Mutex
	conn    session.Conn  // nil if there is none
	since   time.Time     // when it came up
	dialing chan struct{} // closed when the attempt under way is over; nil if none is
	err     error         // why the last attempt failed
	wait    time.Duration // the longest back-off after the next failure
	until   time.Time     // no attempt before this
	flaps   bool          // the connection before was hardly up
	closed  bool
	windup  sync.WaitGroup // connections that are being closed
}

// The back-off between attempts to dial.
const (
	redialMin = 100 * time.Millisecond
	redialMax = 10 * time.Second
)

// Redial returns a Redialed that connects with dial:
//
//	conn := rpc.Redial(func(ctx context.Context) (session.Conn, error) {
//		return transport.Dial(ctx, "ledger.example:4000", transport.WithTLS(config))
//	})
//	defer conn.Close(ctx)
//	ledger := bank.NewLedgerClient(conn, rpc.WithInterceptors(rpc.Retry(rpc.RetryPolicy{})))
//
// dial's context ends with Close. A connection that has a method Close(context.Context) error is closed with
// it.
func Redial(dial func(context.Context) (session.Conn, error)) *Redialed {
	r := &Redialed{dial: dial, wait: redialMin}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.force, r.abort = context.WithCancel(context.Background())
	return r
}

var _ session.Conn = (*Redialed)(nil)

// OpenStream implements session.Conn; generated code calls it. It waits for an attempt to dial that is in
// progress.
func (r *Redialed) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, _, err := r.openSend(ctx, p, note, nil)
	return s, err
}

func (r *Redialed) openSend(ctx context.Context, p *session.Protocol, note, request []byte) (s session.Stream, sent bool, err error) {
	for again := false; ; again = true {
		conn, err := r.get(ctx)
		if err != nil {
			return nil, false, err
		}
		s, sent, err := openSend(ctx, conn, p, note, request)
		if err == nil || ctx.Err() != nil || !errors.Is(err, net.ErrClosed) {
			return s, sent, err
		}
		r.drop(conn, err)
		if again {
			return nil, false, err
		}
	}
}

// WaitReady waits until there is a connection, dialing as often as it takes. If ctx ends first, it returns
// ctx's error together with the reason why the last attempt failed.
func (r *Redialed) WaitReady(ctx context.Context) error {
	for {
		if _, err := r.get(ctx); err == nil || errors.Is(err, errRedialClosed) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return r.waited(err)
		}
		r.mu.Lock()
		left := time.Until(r.until)
		r.mu.Unlock()
		if err := pause(ctx, left); err != nil {
			return r.waited(err)
		}
	}
}

// Close closes the connection once its calls have finished, and ends dialing; no new connection is made. It
// returns what the connection's Close returns, or ctx's error if that ends while dial, whose context has ended,
// has not returned: what it may still return is closed.
func (r *Redialed) Close(ctx context.Context) error {
	r.cancel()
	defer context.AfterFunc(ctx, r.abort)()
	r.mu.Lock()
	conn, dialing := r.conn, r.dialing
	r.conn, r.closed = nil, true
	r.mu.Unlock()
	err := closeConn(ctx, conn)
	if dialing != nil {
		select {
		case <-dialing:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	r.windup.Wait()
	r.abort()
	return err
}

func closeConn(ctx context.Context, conn session.Conn) error {
	if c, ok := conn.(interface{ Close(context.Context) error }); ok {
		return c.Close(ctx)
	}
	return nil
}

var errRedialClosed = &Error{Code: Unavailable, Message: "the client was closed", cause: errClientClosed, processed: ProcessedNo}

// errClientClosed is for good: there is no use in repeating the call.
var errClientClosed error = clientClosed{}

type clientClosed struct{}

func (clientClosed) Error() string { return net.ErrClosed.Error() }
func (clientClosed) Unwrap() error { return net.ErrClosed }

// get returns the connection, or that of the attempt that is in progress or can be made now.
func (r *Redialed) get(ctx context.Context) (session.Conn, error) {
	conn, dialing, err := r.look()
	if dialing == nil {
		return conn, err
	}
	select {
	case <-dialing:
	case <-ctx.Done():
		return nil, r.waited(ctx.Err())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		return nil, r.down()
	}
	return r.conn, nil
}

// look returns the connection, or the attempt in progress; it begins one if it may. Otherwise it returns why
// there is neither.
func (r *Redialed) look() (conn session.Conn, dialing <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, nil, errRedialClosed
	case r.conn != nil:
		return r.conn, nil, nil
	case r.dialing == nil && time.Now().Before(r.until):
		return nil, nil, r.down()
	case r.dialing == nil:
		r.dialing = make(chan struct{})
		go r.attempt(r.dialing)
	}
	return nil, r.dialing, nil
}

// waited is the error of a wait for a connection that a context has ended with err.
func (r *Redialed) waited(err error) error { return &waitError{err, r.failed()} }

// failed is why the last attempt failed, or the connection was lost; nil if there is nothing to report.
func (r *Redialed) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// waitError is the end of a context that waited for a connection.
type waitError struct {
	context error
	last    error // why there was none: nil if nothing has failed so far
}

func (e *waitError) Error() string {
	text := "waiting for a connection: " + e.context.Error()
	if e.last != nil {
		text += " (the last one failed: " + e.last.Error() + ")"
	}
	return text
}

func (e *waitError) Unwrap() []error {
	if e.last == nil {
		return []error{e.context}
	}
	return []error{e.context, e.last}
}

// down is why there is no connection. r.mu is held.
func (r *Redialed) down() error {
	if r.closed {
		return errRedialClosed
	}
	return &Error{Code: Unavailable, cause: r.err, processed: ProcessedNo}
}

// errNoConn is a fault of the program's: dial has no result.
var errNoConn = errors.New("rpc: dial returned neither a connection nor an error")

func (r *Redialed) attempt(done chan struct{}) {
	conn, err := r.dial(r.ctx)
	if conn == nil && err == nil {
		err = errNoConn
	}
	r.mu.Lock()
	r.dialing = nil
	late := r.closed && err == nil
	switch {
	case err != nil:
		r.err = err
		r.backOff()
	case !r.closed:
		r.conn, r.since, r.err = conn, time.Now(), nil
	}
	r.mu.Unlock()
	if late {
		_ = closeConn(r.ctx, conn)
	}
	close(done)
	if r.told != nil {
		r.told()
	}
}

// backOff delays the next attempt. r.mu is held.
func (r *Redialed) backOff() {
	r.until = time.Now().Add(r.wait/2 + rand.N(r.wait/2))
	r.wait = min(2*r.wait, redialMax)
}

// drop forgets a connection that accepts no more calls, because of err. Calls in progress may finish.
func (r *Redialed) drop(conn session.Conn, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != conn {
		return
	}
	r.conn, r.err = nil, err
	switch short := time.Since(r.since) < r.wait; {
	case !short:
		r.wait, r.flaps = redialMin, false
	case r.flaps: // that makes two
		r.backOff()
	default:
		r.flaps = true
	}
	r.windup.Go(func() { _ = closeConn(r.force, conn) })
}

// pause waits for d, or until ctx ends, which is an error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
