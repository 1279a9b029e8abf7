package transport

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// authority signs certificates for tests.
type authority struct {
	t    testing.TB
	key  ed25519.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	require.NoError(t, err)
	a.key = key
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pool.AddCert(a.cert)
	return a
}

// issue makes a certificate for a name, which change may spoil.
func (a *authority) issue(name string, change ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, f := range change {
		f(template)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(a.t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	require.NoError(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveTLS starts a server of echoes under TLS.
func serveTLS(t testing.TB, config *tls.Config, opts ...Option) *server {
	t.Helper()
	return serveOver(t, map[*session.Protocol]handler{echoes: serveEcho}, append(opts, WithTLS(config))...)
}

// dialTLS connects under TLS; the connection is closed at the end of the test.
func dialTLS(t testing.TB, addr string, config *tls.Config, opts ...Option) *Conn {
	t.Helper()
	c, err := Dial(bounded(t), addr, append(opts, WithTLS(config))...)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Abort(nil)
		_ = c.Close(context.Background())
	})
	return c
}

func TestTLSEcho(t *testing.T) {
	clean(t)
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	for name, curves := range map[string][]tls.CurveID{"hybrid": nil, "X25519": {tls.X25519}} {
		clientTLS := clientTLS.Clone()
		clientTLS.CurvePreferences = curves
		srv := serveTLS(t, serverTLS)
		c := dialTLS(t, srv.addr, clientTLS)
		require.True(t, c.Peer().TLS.HandshakeComplete, name)
		require.EqualValues(t, tls.VersionTLS13, c.Peer().TLS.Version)
		if curves != nil {
			require.Equal(t, tls.X25519, c.Peer().TLS.CurveID)
		} else {
			require.Equal(t, tls.X25519MLKEM768, c.Peer().TLS.CurveID)
		}
		s := open(t, c, echoes)
		for _, size := range []int{0, 1, 1000, 100_000} {
			require.NoError(t, exchange(bounded(t), s, make([]byte, size)))
		}
		require.NoError(t, finish(bounded(t), s))
		require.NoError(t, c.Close(bounded(t)))
	}
}

// What the certificate of either end lacks reaches Dial, with the types that crypto/x509 and crypto/tls give it.
func TestTLSCertificateErrors(t *testing.T) {
	clean(t)
	ours, theirs := newAuthority(t), newAuthority(t)
	good := ours.issue("server.test")
	client := &tls.Config{RootCAs: ours.pool}
	for name, row := range map[string]struct {
		server, client *tls.Config
		want           any
	}{
		"unknown authority": {&tls.Config{Certificates: []tls.Certificate{theirs.issue("server.test")}}, client, new(x509.UnknownAuthorityError)},
		"another name": {
			&tls.Config{Certificates: []tls.Certificate{good}}, &tls.Config{RootCAs: ours.pool, ServerName: "other.test"},
			new(x509.HostnameError),
		},
		"expired": {&tls.Config{Certificates: []tls.Certificate{ours.issue("server.test", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		})}}, client, new(x509.CertificateInvalidError)},
		"no client certificate": {
			&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool},
			client, new(tls.AlertError),
		},
		"another client authority": {
			&tls.Config{
				Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: ours.pool,
				VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return io.ErrUnexpectedEOF },
			},
			&tls.Config{RootCAs: ours.pool, Certificates: []tls.Certificate{theirs.issue("client")}}, new(tls.AlertError),
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serveTLS(t, row.server)
			_, err := Dial(bounded(t), srv.addr, WithTLS(row.client))
			require.ErrorAs(t, err, row.want)
			var failed *HandshakeError
			require.ErrorAs(t, err, &failed)
			require.False(t, failed.Timeout())
			_, alert := row.want.(*tls.AlertError)
			require.Equal(t, alert, failed.Remote)
		})
	}
}

// A server's body learns who the client is; a client that is known to have none gets no session.
func TestTLSClientCertificate(t *testing.T) {
	clean(t)
	a := newAuthority(t)
	names := make(chan string, 2)
	srv := serveOver(t, map[*session.Protocol]handler{echoes: func(ctx context.Context, s session.Stream) {
		peer, ok := PeerFromContext(ctx)
		if !ok {
			names <- "nobody"
			return
		}
		names <- peer.TLS.PeerCertificates[0].Subject.CommonName
		serveEcho(ctx, s)
	}}, WithTLS(&tls.Config{
		Certificates: []tls.Certificate{a.issue("server.test")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool,
	}))
	c := dialTLS(t, srv.addr, &tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{a.issue("alice")}})
	require.Equal(t, "server.test", c.Peer().TLS.PeerCertificates[0].Subject.CommonName)
	require.Equal(t, srv.addr, c.Peer().Addr.String())
	s := open(t, c, echoes)
	require.NoError(t, exchange(bounded(t), s, []byte("who am I?")))
	require.NoError(t, finish(bounded(t), s))
	require.Equal(t, "alice", <-names)
	_, ok := PeerFromContext(context.Background())
	require.False(t, ok)
}

// A second dial resumes the session of the first one, where the client keeps sessions.
func TestTLSResumption(t *testing.T) {
	clean(t)
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	clientTLS.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	srv := serveTLS(t, serverTLS)
	for i := range 2 {
		c := dialTLS(t, srv.addr, clientTLS)
		require.Equal(t, i == 1, c.Peer().TLS.DidResume)
		s := open(t, c, echoes)
		require.NoError(t, exchange(bounded(t), s, []byte("the ticket comes meanwhile")))
		require.NoError(t, finish(bounded(t), s))
		require.NoError(t, c.Close(bounded(t)))
	}
}

// Two ends that protect packets differently say so.
func TestTLSAndPlaintext(t *testing.T) {
	clean(t)
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	secure, plain := serveTLS(t, serverTLS), echoServer(t)
	var mismatch *VersionError

	_, err = Dial(bounded(t), secure.addr, WithPlaintext())
	require.ErrorAs(t, err, &mismatch)
	require.True(t, mismatch.Encrypts && !mismatch.Plain)
	require.ErrorContains(t, err, "WithTLS")

	_, err = Dial(bounded(t), plain.addr, WithTLS(clientTLS))
	require.ErrorAs(t, err, &mismatch)
	require.True(t, mismatch.Plain && !mismatch.Encrypts)
	require.ErrorContains(t, err, "WithPlaintext")
}

// What is missing is said before anything is sent.
func TestTLSOptions(t *testing.T) {
	serverTLS, clientTLS, err := DevTLS()
	require.NoError(t, err)
	for name, row := range map[string]struct {
		opts []Option
		want string
	}{
		"no mode":           {nil, "transport.WithTLS(config)"},
		"two modes":         {[]Option{WithTLS(serverTLS), WithPlaintext()}, "both"},
		"no config":         {[]Option{WithTLS(nil)}, "no tls.Config"},
		"TLS 1.2 alone":     {[]Option{WithTLS(&tls.Config{MaxVersion: tls.VersionTLS12})}, "TLS 1.3"},
		"no certificate":    {[]Option{WithTLS(clientTLS)}, "certificate"},
		"DevTLS, everybody": {[]Option{WithTLS(serverTLS)}, "loopback"},
	} {
		_, err := Listen(":0", row.opts...)
		require.ErrorContains(t, err, row.want, name)
	}
	_, err = Dial(bounded(t), "127.0.0.1:1")
	require.ErrorContains(t, err, "transport.WithTLS(config)")
}
