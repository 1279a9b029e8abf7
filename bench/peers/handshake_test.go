package peers

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/transport"
)

// BenchmarkHandshake dials, has one byte echoed and closes: both ends in one process, the same certificate and the same
// groups on both sides. It tells allocations, and CPU time, of both ends together.
func BenchmarkHandshake(b *testing.B) {
	for _, groups := range []struct {
		name   string
		curves []tls.CurveID
	}{{"hybrid", nil}, {"X25519", []tls.CurveID{tls.X25519}}} {
		server, client, err := transport.DevTLS()
		require.NoError(b, err)
		client.CurvePreferences = groups.curves
		b.Run("sessgen/"+groups.name, func(b *testing.B) { dialAll(b, sessgenDialer(b, server, client)) })
		b.Run("quic-go/"+groups.name, func(b *testing.B) { dialAll(b, quicDialer(b, server, client)) })
	}
}

// dialAll measures how often dial can be called.
func dialAll(b *testing.B, dial func(ctx context.Context) error) {
	ctx := context.Background()
	require.NoError(b, dial(ctx))
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		if err := dial(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// cpu is the time that the process has taken on all processors.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func sessgenDialer(b *testing.B, server, client *tls.Config) func(ctx context.Context) error {
	ln, err := transport.Listen("127.0.0.1:0", transport.WithTLS(server))
	require.NoError(b, err)
	srv := transport.NewServer()
	srv.Handle(carrier, func(ctx context.Context, s session.Stream) {
		message, _, err := s.Recv(ctx)
		if err == nil && s.Send(ctx, message, true) == nil {
			_ = s.Close(ctx)
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, ln) }()
	b.Cleanup(func() {
		stop()
		<-served
	})
	mode, addr := transport.WithTLS(client), ln.Addr().String()
	stays, err := transport.Dial(ctx, addr, mode) // the socket that dials share lasts as long as one of them
	require.NoError(b, err)
	b.Cleanup(func() { _ = stays.Close(context.Background()) })
	return func(ctx context.Context) error {
		c, err := transport.Dial(ctx, addr, mode)
		if err != nil {
			return err
		}
		s, err := c.OpenStream(ctx, carrier, nil)
		if err != nil {
			return err
		}
		if err := s.Send(ctx, []byte{1}, true); err != nil {
			return err
		}
		if _, _, err := s.Recv(ctx); err != nil {
			return err
		}
		if err := s.Close(ctx); err != nil {
			return err
		}
		return c.Close(ctx)
	}
}

func quicDialer(b *testing.B, server, client *tls.Config) func(ctx context.Context) error {
	server, client = server.Clone(), client.Clone()
	server.NextProtos, client.NextProtos = []string{"bench"}, []string{"bench"}
	client.ServerName = "localhost"
	l, err := quic.ListenAddr("127.0.0.1:0", server, quicConfig())
	require.NoError(b, err)
	go func() {
		for {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			go func() {
				s, err := c.AcceptStream(context.Background())
				if err != nil {
					return
				}
				var buf [1]byte
				if _, err := io.ReadFull(s, buf[:]); err == nil {
					_, _ = s.Write(buf[:])
					_ = s.Close()
				}
			}()
		}
	}()
	sock, err := net.ListenUDP("udp4", nil)
	require.NoError(b, err)
	dialer := &quic.Transport{Conn: sock}
	b.Cleanup(func() {
		dialer.Close()
		sock.Close()
		l.Close()
	})
	return func(ctx context.Context) error {
		c, err := dialer.Dial(ctx, l.Addr(), client, quicConfig())
		if err != nil {
			return err
		}
		s, err := c.OpenStreamSync(ctx)
		if err != nil {
			return err
		}
		if _, err := s.Write([]byte{1}); err != nil {
			return err
		}
		var buf [1]byte
		if _, err := io.ReadFull(s, buf[:]); err != nil {
			return err
		}
		return c.CloseWithError(0, "")
	}
}
