package peers

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// quicGo is quic-go with one stream a connection. All connections that are dialed share a socket.
type quicGo struct {
	once      sync.Once
	transport *quic.Transport
	failed    error
}

func quicConfig() *quic.Config {
	return &quic.Config{
		MaxIdleTimeout:             60 * time.Second,
		InitialStreamReceiveWindow: 4 << 20, MaxStreamReceiveWindow: 16 << 20,
		InitialConnectionReceiveWindow: 4 << 20, MaxConnectionReceiveWindow: 32 << 20,
	}
}

func (p *quicGo) Listen(addr string, serve func(net.Conn)) (net.Addr, error) {
	config, err := serverTLS()
	if err != nil {
		return nil, err
	}
	l, err := quic.ListenAddr(addr, config, quicConfig())
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			go func() {
				if s, err := c.AcceptStream(context.Background()); err == nil {
					serve(quicConn{s, c})
				}
			}()
		}
	}()
	return l.Addr(), nil
}

func (p *quicGo) Dial(ctx context.Context, addr string) (net.Conn, error) {
	p.once.Do(func() {
		sock, err := net.ListenUDP("udp4", nil)
		p.transport, p.failed = &quic.Transport{Conn: sock}, err
	})
	if p.failed != nil {
		return nil, p.failed
	}
	to, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	c, err := p.transport.Dial(ctx, to, clientTLS(), quicConfig())
	if err != nil {
		return nil, err
	}
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return quicConn{s, c}, nil
}

type quicConn struct {
	*quic.Stream
	conn *quic.Conn
}

func (c quicConn) LocalAddr() net.Addr  { return c.conn.LocalAddr() }
func (c quicConn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }
func (c quicConn) Close() error         { return c.conn.CloseWithError(0, "") }
