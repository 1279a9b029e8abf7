package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// vanish takes the server's socket away: for its clients it is as if its process had been killed.
func (s *server) vanish() { s.ln.closeSockets() }

// again starts a server on the same address.
func (s *server) again(t *testing.T, opts ...Option) *server {
	t.Helper()
	ln, err := Listen(s.addr, append([]Option{WithPlaintext()}, opts...)...)
	require.NoError(t, err)
	next := &server{Server: NewServer(), ln: ln, addr: s.addr, served: make(chan error, 1)}
	next.Handle(echoes, serveEcho)
	go func() { next.served <- next.Serve(bounded(t), ln) }()
	t.Cleanup(func() {
		_ = ln.Close()
		<-next.served
	})
	return next
}

// TestS19ServerRestarts: a server that has forgotten its connections, and has the key that it had, tells their clients.
func TestS19ServerRestarts(t *testing.T) {
	clean(t)
	key := WithResetKey([]byte("a key of sixteen bytes, and more"))
	srv := echoServer(t, key, WithDeathTimeout(100*time.Millisecond))
	c := dial(t, srv.addr, WithDeathTimeout(time.Minute))
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("before")))
	srv.vanish()
	next := srv.again(t, key)
	err := exchange(bounded(t), s, []byte("after, and longer than a reset"))
	var gone *GoneError
	require.ErrorAs(t, err, &gone)
	require.True(t, gone.Restarted)
	require.False(t, gone.Timeout())
	require.ErrorIs(t, err, net.ErrClosed)
	require.Equal(t, err, c.Close(bounded(t)))
	require.NotZero(t, next.Stats().Resets) // an acknowledgement that was late may have met the new server, too

	// The new server serves at once.
	s = open(t, dial(t, next.addr), echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("again")))
}

// TestSilent: a connection knows that its peer answers nothing well before it takes it for dead; and when it answers again.
func TestSilent(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	var cut atomic.Bool
	p := startProxy(t, srv.addr, func([]byte, bool) fate {
		if cut.Load() {
			return drop
		}
		return pass
	})
	c := dial(t, p.addr, WithDeathTimeout(time.Minute))
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("before")))
	require.False(t, c.Silent())
	cut.Store(true)
	require.Eventually(t, func() bool { // what is sent puts the probes off
		require.NoError(t, s.Send(bounded(t), []byte("void"), false))
		return c.Silent()
	}, time.Minute, time.Millisecond)
	cut.Store(false)
	require.Eventually(t, func() bool { return !c.Silent() }, time.Minute, time.Millisecond)
	_, _, err := s.Recv(bounded(t))
	require.NoError(t, err)
	c.Abort(nil)
	require.False(t, c.Silent(), "what has ended is not silent")
}

// TestS19WithoutTheKey: then the client finds out by its own timeout.
func TestS19WithoutTheKey(t *testing.T) {
	clean(t)
	srv := echoServer(t, WithDeathTimeout(100*time.Millisecond))
	c := dial(t, srv.addr, WithDeathTimeout(200*time.Millisecond))
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("before")))
	srv.vanish()
	srv.again(t)
	err := exchange(bounded(t), s, []byte("after, and longer than a reset"))
	var gone *GoneError
	require.ErrorAs(t, err, &gone)
	require.False(t, gone.Restarted)
	require.True(t, gone.Timeout())
}

// starve sends until the peer's credit is used up, and goes on: what it returns brings the error that ended it.
func starve(t *testing.T, s session.Stream) <-chan error {
	t.Helper()
	failed := make(chan error, 1)
	ctx := bounded(t)
	go func() {
		for {
			if err := s.Send(ctx, make([]byte, 10_000), false); err != nil {
				failed <- err
				return
			}
		}
	}()
	l := s.(*stream).link
	require.Eventually(t, func() bool {
		stats := (&Conn{l}).Stats()
		return stats.BytesInFlight == 0 && stats.BytesBuffered > streamFull
	}, time.Minute, time.Millisecond)
	return failed
}

// streamFull is nearly what may wait on a stream before its Send does.
const streamFull = 200_000

// TestStarvedSenderFindsOut: all that was sent has been acknowledged, the program waits in Send because the peer's does not
// read, and the peer dies. No keep-alive comes to help.
func TestStarvedSenderFindsOut(t *testing.T) {
	clean(t)
	rare := []Option{WithIdleTimeout(time.Hour), WithKeepAlive(time.Hour)}
	deaths := append(rare, WithDeathTimeout(200*time.Millisecond))
	var gone *GoneError

	srv := serve(t, map[*session.Protocol]handler{echoes: deaf}, rare...)
	failed := starve(t, open(t, dial(t, srv.addr, deaths...), echoes))
	srv.vanish()
	require.ErrorAs(t, <-failed, &gone)

	// A listening end finds out as well.
	sending := make(chan session.Stream, 1)
	srv = serve(t, map[*session.Protocol]handler{hello: func(ctx context.Context, s session.Stream) {
		sending <- s
		<-ctx.Done()
	}}, deaths...)
	var silent atomic.Bool
	p := startProxy(t, srv.addr, func([]byte, bool) fate {
		if silent.Load() {
			return drop
		}
		return pass
	})
	open(t, dial(t, p.addr, rare...), hello)
	failed = starve(t, <-sending)
	silent.Store(true)
	require.ErrorAs(t, <-failed, &gone)
}

func TestResetKey(t *testing.T) {
	require.ErrorContains(t, WithResetKey(make([]byte, 15))(new(config)), "16")
	require.Zero(t, (&config{plaintext: true}).endpointKey())
	a, _, err := DevTLS()
	require.NoError(t, err)
	b, _, err := DevTLS()
	require.NoError(t, err)
	require.NotZero(t, (&config{tls: a}).endpointKey())
	require.Equal(t, (&config{tls: a}).endpointKey(), (&config{tls: a.Clone()}).endpointKey())
	require.NotEqual(t, (&config{tls: a}).endpointKey(), (&config{tls: b}).endpointKey())
	require.NotEqual(t, (&config{tls: a}).endpointKey(), (&config{tls: a, resetKey: make([]byte, 16)}).endpointKey())
	require.Zero(t, (&config{tls: &tls.Config{Certificates: []tls.Certificate{{PrivateKey: "in hardware"}}}}).endpointKey())
}

// TestNobodyListens: where the system says so, Dial need not wait for its timeout.
func TestNobodyListens(t *testing.T) {
	clean(t)
	for _, host := range []string{"127.0.0.1:0", "[::1]:0"} {
		ln, err := net.ListenPacket("udp", host)
		if err != nil {
			t.Logf("%s: %v", host, err)
			continue
		}
		addr := ln.LocalAddr().String()
		ln.Close()
		_, err = Dial(bounded(t), addr, WithPlaintext(), WithHandshakeTimeout(10*time.Second))
		var failed *HandshakeError
		require.ErrorAs(t, err, &failed)
		if !failed.Timeout() { // the system may not say it, or not to us
			require.Equal(t, "nobody listens at the address", failed.Reason)
		}
	}
}

// TestSystemRefuses: where the system does not send to the address at all, Dial says why, and does not wait for its timeout.
func TestSystemRefuses(t *testing.T) {
	clean(t)
	_, err := Dial(bounded(t), "127.0.0.1:0", WithPlaintext())
	require.ErrorContains(t, err, "port 0 is for Listen")

	// It refuses this port on every machine, as it does others where no route leads.
	config, err := newConfig([]Option{WithPlaintext()})
	require.NoError(t, err)
	s, err := dialers.acquire(false)
	require.NoError(t, err)
	l := s.dial(config, netip.MustParseAddrPort("127.0.0.1:0"))
	require.NoError(t, l.awaitRemoved(bounded(t)))
	s.awaitStopped(bounded(t))
	var failed *HandshakeError
	require.ErrorAs(t, l.err, &failed)
	require.False(t, failed.Timeout())
	require.Error(t, failed.Err)
	require.ErrorContains(t, failed, "handshake failed: ")
}

// TestOneWhoIsNotThere does not harm those who share the socket with a Dial that nobody answers.
func TestOneWhoIsNotThere(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	c := dial(t, srv.addr)
	s := open(t, c, echoes)
	done := make(chan error)
	go func() {
		_, err := Dial(bounded(t), "127.0.0.1:1", WithPlaintext(), WithHandshakeTimeout(300*time.Millisecond))
		done <- err
	}()
	for ended := false; !ended; {
		require.NoError(t, exchange(bounded(t), s, make([]byte, 5000)))
		select {
		case err := <-done:
			require.Error(t, err)
			ended = true
		default:
		}
	}
	require.NoError(t, exchange(bounded(t), s, nil))
	require.Zero(t, c.Stats().PTOCount)
}

func TestOwnSocket(t *testing.T) {
	clean(t)
	srv := echoServer(t)
	var ports []string
	for _, opts := range [][]Option{nil, nil, {WithOwnSocket()}, {WithOwnSocket(), WithKeepAlive(time.Millisecond)}} {
		c := dial(t, srv.addr, opts...)
		s := open(t, c, echoes)
		require.NoError(t, exchange(bounded(t), s, nil))
		ports = append(ports, c.LocalAddr().String())
	}
	require.Equal(t, ports[0], ports[1])
	require.NotEqual(t, ports[0], ports[2])
	require.NotEqual(t, ports[2], ports[3])
	_, err := Dial(bounded(t), blackHole(t), WithPlaintext(), WithOwnSocket(), WithHandshakeTimeout(20*time.Millisecond))
	require.Error(t, err)
}

// TestKeepAlive: it is what a connection is not idle by.
func TestKeepAlive(t *testing.T) {
	clean(t)
	srv := serve(t, map[*session.Protocol]handler{hello: deaf})
	c := dial(t, srv.addr, WithKeepAlive(5*time.Millisecond), WithIdleTimeout(time.Second))
	sent := c.Stats().PacketsSent
	require.Eventually(t, func() bool { return c.Stats().PacketsSent > sent+5 }, time.Minute, time.Millisecond)
}
