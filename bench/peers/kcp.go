package peers

import (
	"context"
	"net"

	kcp "github.com/xtaci/kcp-go/v5"
)

// kcpGo is kcp-go as its users set it for speed: no cipher, no FEC, no congestion window.
type kcpGo struct{}

const (
	kcpWindow  = 2048 // packets
	kcpBuffers = 4 << 20
)

func (kcpGo) Listen(addr string, serve func(net.Conn)) (net.Addr, error) {
	l, err := kcp.ListenWithOptions(addr, nil, 0, 0)
	if err != nil {
		return nil, err
	}
	_ = l.SetReadBuffer(kcpBuffers) // as large as the system lets it be
	_ = l.SetWriteBuffer(kcpBuffers)
	go func() {
		for {
			c, err := l.AcceptKCP()
			if err != nil {
				return
			}
			tuneKCP(c)
			go serve(c)
		}
	}()
	return l.Addr(), nil
}

func (kcpGo) Dial(_ context.Context, addr string) (net.Conn, error) {
	c, err := kcp.DialWithOptions(addr, nil, 0, 0)
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(kcpBuffers)
	_ = c.SetWriteBuffer(kcpBuffers)
	tuneKCP(c)
	return c, nil
}

func tuneKCP(c *kcp.UDPSession) {
	c.SetStreamMode(true)
	c.SetWriteDelay(false)
	c.SetNoDelay(1, 10, 2, 1)
	c.SetWindowSize(kcpWindow, kcpWindow)
	c.SetMtu(1400)
	c.SetACKNoDelay(true)
}
