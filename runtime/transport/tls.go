package transport

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/tlsdriver"
)

// WithTLS encrypts with TLS 1.3 as configured by secured, which is copied. MinVersion and NextProtos are
// overridden. Everything else is up to the caller: certificates and callbacks; ClientAuth and ClientCAs, to ask
// who the client is; ClientSessionCache, for shorter handshakes with a known server; CurvePreferences (with
// tls.X25519 alone, the first message of either end takes one datagram instead of two, and is not safe from
// future quantum computers).
//
// A listening end needs a certificate. A dialing end checks the server's certificate against RootCAs and
// ServerName, which defaults to the host in the address.
func WithTLS(secured *tls.Config) Option {
	configured, err := tlsdriver.Configure(secured)
	return func(c *config) error {
		if err != nil {
			return fmt.Errorf("WithTLS: %w", err)
		}
		c.tls = configured
		return nil
	}
}

var errNoCertificate = errors.New("WithTLS: a listening end needs a certificate: set Certificates, GetCertificate or GetConfigForClient of the tls.Config")

// checkServer reports what a listening end's configuration lacks.
func (c *config) checkServer() error {
	if t := c.tls; t != nil && len(t.Certificates) == 0 && t.GetCertificate == nil && t.GetConfigForClient == nil {
		return errNoCertificate
	}
	return nil
}

// devName is the subject of the certificates that DevTLS makes.
const devName = "sessgen DevTLS: for one machine only"

var errDevBeyond = errors.New("WithTLS: a certificate of DevTLS is for loopback addresses; make one for this server")

// DevTLS returns TLS configurations for the two ends of a program that runs on one machine. The server's has a
// new self-signed certificate for localhost, valid for a year; the client's trusts exactly that certificate.
// Verification stays on. A server with this configuration listens on loopback addresses only.
func DevTLS() (server, client *tls.Config, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("transport: DevTLS: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("transport: DevTLS: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: devName},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, nil, fmt.Errorf("transport: DevTLS: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("transport: DevTLS: %w", err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(leaf)
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}
	return &tls.Config{Certificates: []tls.Certificate{certificate}}, &tls.Config{RootCAs: trusted}, nil
}

// isDev reports whether a listening end's certificate is one of DevTLS.
func isDev(config *tls.Config) bool {
	if config == nil {
		return false
	}
	for i := range config.Certificates {
		leaf := config.Certificates[i].Leaf
		if leaf == nil && len(config.Certificates[i].Certificate) > 0 {
			leaf, _ = x509.ParseCertificate(config.Certificates[i].Certificate[0])
		}
		if leaf != nil && leaf.Subject.CommonName == devName {
			return true
		}
	}
	return false
}
