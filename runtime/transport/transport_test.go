package transport

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sessgen/sessgen/runtime/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clean fails the test if a goroutine is left when it ends. It is called first.
func clean(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
}

// protocol is one that these tests speak with raw messages: of its automaton the
// carrier looks only at who begins.
func protocol(name string, beginner int) *session.Protocol {
	return &session.Protocol{
		Name:        "test." + name,
		Fingerprint: session.Fingerprint(strings.Repeat(fmt.Sprintf("%02x", len(name)), 32)),
		Roles:       [2]string{"Client", "Server"},
		States:      []session.State{{Name: "Start"}, {Name: "End"}},
		Messages:    []session.Message{{Label: "M", Sender: beginner, State: 0, Next: 1}},
	}
}

var (
	echoes = protocol("Echo", 0)
	hello  = protocol("Hello", 1)
)

// bounded is a context for what should succeed. Timing decides no test: it is so
// long that only a test that hangs meets it.
func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// serveEcho answers each message with itself, until the peer has finished.
func serveEcho(ctx context.Context, s session.Stream) {
	for {
		message, _, err := s.Recv(ctx)
		if err == io.EOF {
			if s.CloseSend() == nil {
				_ = s.Close(ctx)
			}
			return
		}
		if err != nil || s.Send(ctx, message, false) != nil {
			return
		}
	}
}

// server is a Server under test that serves on loopback.
type server struct {
	*Server
	addr   string
	ln     *Listener
	cancel context.CancelFunc
	served chan error
}

// serve starts a server in plaintext with the handlers; it is stopped at the end of the test.
func serve(t testing.TB, handlers map[*session.Protocol]handler, opts ...Option) *server {
	t.Helper()
	return serveOver(t, handlers, append([]Option{WithPlaintext()}, opts...)...)
}

// serveOver is serve, with the options as they are.
func serveOver(t testing.TB, handlers map[*session.Protocol]handler, opts ...Option) *server {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", handlers, opts...)
}

// serveAt is serveOver at an address.
func serveAt(t testing.TB, addr string, handlers map[*session.Protocol]handler, opts ...Option) *server {
	t.Helper()
	ln, err := Listen(addr, opts...)
	require.NoError(t, err)
	s := &server{Server: NewServer(), ln: ln, addr: ln.Addr().String(), served: make(chan error, 1)}
	for p, h := range handlers {
		s.Handle(p, h)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.served <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		<-s.served
	})
	return s
}

// stopped waits for Serve and returns what it did.
func (s *server) stopped() error {
	err := <-s.served
	s.served <- err
	return err
}

func echoServer(t testing.TB, opts ...Option) *server {
	t.Helper()
	return serve(t, map[*session.Protocol]handler{echoes: serveEcho}, opts...)
}

// dial connects to addr; the connection is closed at the end of the test.
func dial(t testing.TB, addr string, opts ...Option) *Conn {
	t.Helper()
	c, err := Dial(bounded(t), addr, append([]Option{WithPlaintext()}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Abort(nil)
		_ = c.Close(context.Background())
	})
	return c
}

func open(t testing.TB, c *Conn, p *session.Protocol) session.Stream {
	t.Helper()
	s, err := c.OpenStream(bounded(t), p, nil)
	require.NoError(t, err)
	return s
}

// finish ends the session in good order.
func finish(ctx context.Context, s session.Stream) error {
	if err := s.CloseSend(); err != nil {
		return err
	}
	if message, _, err := s.Recv(ctx); err != io.EOF {
		return fmt.Errorf("%q instead of the end: %w", message, err)
	}
	return s.Close(ctx)
}

// exchange sends a message and wants it back.
func exchange(ctx context.Context, s session.Stream, message []byte) error {
	if err := s.Send(ctx, message, false); err != nil {
		return err
	}
	got, _, err := s.Recv(ctx)
	if err == nil && string(got) != string(message) {
		err = fmt.Errorf("%d bytes that differ from the %d sent", len(got), len(message))
	}
	return err
}
