package peers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tcp is the kernel's TCP, with TLS 1.3 over it if secure. control names a congestion control of the kernel; empty means its default.
type tcp struct {
	secure  bool
	control string
}

func (p tcp) Listen(addr string, serve func(net.Conn)) (net.Addr, error) {
	l, err := (&net.ListenConfig{Control: p.choose}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	if p.secure {
		config, err := serverTLS()
		if err != nil {
			return nil, err
		}
		l = tls.NewListener(l, config)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr(), nil
}

func (p tcp) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{Control: p.choose}).DialContext(ctx, "tcp", addr)
	if err != nil || !p.secure {
		return c, err
	}
	t := tls.Client(c, clientTLS())
	return t, t.HandshakeContext(ctx)
}

// choose sets the socket's congestion control.
func (p tcp) choose(_, _ string, raw syscall.RawConn) error {
	if p.control == "" {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, p.control)
	})
	if err != nil {
		return err
	}
	return failed
}

// alpn is spoken between the peers that need a name for it.
const alpn = "bench"

func serverTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: alpn}, DNSNames: []string{alpn},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}},
		NextProtos:   []string{alpn}, MinVersion: tls.VersionTLS13,
	}, nil
}

// clientTLS trusts whoever answers: both ends are ours. The handshake costs what it costs all the same.
func clientTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: alpn, NextProtos: []string{alpn}, MinVersion: tls.VersionTLS13}
}
