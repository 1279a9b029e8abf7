// Package tlsdriver is the handshake of a connection under TLS 1.3: crypto/tls's QUIC
// interface, as a handshake.Driver. Its calls sign, verify and call the user's callbacks, so
// they run on a worker outside the pure core, which sees their messages only.
package tlsdriver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
)

// ALPN is the one application protocol of every connection, at both ends. What a session speaks
// is said in its stream, encrypted.
const ALPN = "sessgen/1"

// Driver is one end's handshake. It is used by one goroutine at a time.
type Driver struct {
	quic   *tls.QUICConn
	client bool
	ticket bool // the client waits for a ticket after the handshake
	asked  bool // the peer asked for this end's certificate
	done   bool // the handshake is, and that was not said yet
	over   bool // the same of handshake.Over
	said   []handshake.Message
}

var _ handshake.Driver = (*Driver)(nil)

// Configure returns a copy of config that is fit for connections: MinVersion and NextProtos are set. RFC 9000 §7: "Endpoints
// MUST explicitly negotiate an application protocol."
func Configure(config *tls.Config) (*tls.Config, error) {
	if config == nil {
		return nil, errors.New("no tls.Config")
	}
	if config.MaxVersion != 0 && config.MaxVersion < tls.VersionTLS13 {
		return nil, fmt.Errorf("MaxVersion is %s: connections need TLS 1.3", tls.VersionName(config.MaxVersion))
	}
	config = config.Clone()
	// RFC 9001 §4.2: "Clients MUST NOT offer TLS versions older than 1.3." RFC 9001 §8.1: "endpoints MUST
	// use ALPN for this purpose"; with no protocol named at either end, crypto/tls agrees on none.
	config.MinVersion = tls.VersionTLS13
	config.NextProtos = []string{ALPN}
	if choose := config.GetConfigForClient; choose != nil {
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen == nil || err != nil {
				return nil, err
			}
			return Configure(chosen)
		}
	}
	return config, nil
}

// NewClient makes the dialing end's driver. config is from Configure, and names the server.
func NewClient(config *tls.Config) *Driver {
	d := &Driver{client: true, ticket: config.ClientSessionCache != nil && !config.SessionTicketsDisabled}
	config = config.Clone()
	choose := config.GetClientCertificate
	if choose == nil {
		choose = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return fitting(config.Certificates, request), nil
		}
	}
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		d.asked = true
		return choose(request)
	}
	d.quic = tls.QUICClient(&tls.QUICConfig{TLSConfig: config, EnableSessionEvents: true})
	return d
}

// fitting is the first certificate that the server may take, an empty one if there is none.
func fitting(certificates []tls.Certificate, request *tls.CertificateRequestInfo) *tls.Certificate {
	for i := range certificates {
		if request.SupportsCertificate(&certificates[i]) == nil {
			return &certificates[i]
		}
	}
	return new(tls.Certificate)
}

// NewServer makes the listening end's driver. config is from Configure.
func NewServer(config *tls.Config) *Driver {
	return &Driver{quic: tls.QUICServer(&tls.QUICConfig{TLSConfig: config})}
}

// Start implements handshake.Driver.
func (d *Driver) Start(params []byte) []handshake.Message {
	d.quic.SetTransportParameters(params)
	return d.hear(d.quic.Start(context.Background()))
}

// Handle implements handshake.Driver. RFC 9001 §4.1.3: "it MUST NOT contain data that extends past the end of previously
// received data in that flow" once a level is over. RFC 9001 §4.1.3: "if there is data from a previous encryption level that
// TLS has not consumed, this MUST be treated as a connection error".
func (d *Driver) Handle(level handshake.Level, data []byte) []handshake.Message {
	err := d.quic.HandleData(ofTLS[level], data)
	if level == handshake.Application && alertOf(err) == internalError {
		// RFC 9001 §6: "Endpoints MUST treat the receipt of a TLS KeyUpdate message as a connection error of type 0x010a, equivalent
		// to a fatal TLS alert of unexpected_message". crypto/tls refuses it, and whatever else may not follow a handshake, but
		// says with no alert.
		err = fmt.Errorf("%w: %w", unexpectedMessage, err)
	}
	return d.hear(err)
}

// Close implements handshake.Driver. It ends the goroutine that crypto/tls has for a handshake.
func (d *Driver) Close() { _ = d.quic.Close() }

// State is what the handshake came to, after handshake.Complete.
func (d *Driver) State() tls.ConnectionState { return d.quic.ConnectionState() }

// The levels, as crypto/tls names them and as we do. There is no early data.
var (
	ofTLS = [handshake.Levels]tls.QUICEncryptionLevel{
		tls.QUICEncryptionLevelInitial, tls.QUICEncryptionLevelHandshake, tls.QUICEncryptionLevelApplication,
	}
	fromTLS = map[tls.QUICEncryptionLevel]handshake.Level{
		tls.QUICEncryptionLevelInitial: handshake.Initial, tls.QUICEncryptionLevelHandshake: handshake.Handshake,
		tls.QUICEncryptionLevelApplication: handshake.Application,
	}
)

// hear turns what crypto/tls has to say after a call into messages.
func (d *Driver) hear(err error) []handshake.Message {
	d.said = nil
	for err == nil {
		e := d.quic.NextEvent()
		if e.Kind == tls.QUICNoEvent {
			break
		}
		err = d.event(e)
	}
	if err != nil {
		return append(d.said, failed(err))
	}
	if d.done {
		d.done = false
		d.said = append(d.said, handshake.Complete{Judged: d.asked})
	}
	if d.over {
		d.over = false
		d.said = append(d.said, handshake.Over{})
	}
	return d.said
}

func (d *Driver) event(e tls.QUICEvent) error {
	switch e.Kind {
	case tls.QUICWriteData:
		d.said = append(d.said, handshake.Send{Level: fromTLS[e.Level], Data: slices.Clone(e.Data)})
	case tls.QUICSetReadSecret, tls.QUICSetWriteSecret:
		return d.keys(e)
	case tls.QUICTransportParameters:
		d.said = append(d.said, handshake.PeerParameters{Data: slices.Clone(e.Data)})
	case tls.QUICStoreSession:
		d.over = true
		return d.quic.StoreSession(e.SessionState)
	case tls.QUICErrorEvent:
		return e.Err
	case tls.QUICHandshakeDone:
		d.done, d.over = true, !d.ticket
		if !d.client {
			return d.quic.SendSessionTicket(tls.QUICSessionTicketOptions{})
		}
	}
	return nil
}

// keys hands out the keys that a secret stands for.
func (d *Driver) keys(e tls.QUICEvent) error {
	p, ok := handshake.NewProtection(e.Suite, e.Data)
	if !ok {
		return fmt.Errorf("no packet protection for %s", tls.CipherSuiteName(e.Suite))
	}
	keys := handshake.Keys{Level: fromTLS[e.Level]}
	if e.Kind == tls.QUICSetReadSecret {
		keys.Opener = p
	} else {
		keys.Sealer = p
	}
	d.said = append(d.said, keys)
	return nil
}

// failed says that the handshake failed, and with which alert. RFC 9001 §4.8: "A TLS alert is converted into a
// QUIC connection error": the connection adds it to the first of the codes that stand for alerts.
func failed(err error) handshake.Failed {
	return handshake.Failed{Err: err, Alert: uint8(alertOf(err))}
}

// Alerts of RFC 8446 §6.
const (
	unexpectedMessage tls.AlertError = 10
	internalError     tls.AlertError = 80
)

// alertOf is the alert that an error of crypto/tls stands for, zero for no error.
func alertOf(err error) tls.AlertError {
	if err == nil {
		return 0
	}
	alert := internalError
	errors.As(err, &alert)
	return alert
}
