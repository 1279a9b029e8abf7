// Package handshake makes the keys of a connection. The connection sees it as messages only: bytes of the
// handshake at an encryption level go in, and bytes to send, keys, the peer's parameters and the verdict come
// out. So a TLS stack that needs a goroutine of its own and a plaintext exchange that needs none look alike to
// the pure core.
package handshake

// Level is an encryption level (RFC 9001 §2.1), and with it a packet number
// space (RFC 9000 §12.3). A plaintext connection leaves Handshake unused.
type Level uint8

// The levels, in the order in which they come into use.
const (
	Initial Level = iota
	Handshake
	Application

	// Levels is how many there are.
	Levels = 3
)

// Sealer protects the outgoing packets of one level. It is used by one goroutine at a time.
type Sealer interface {
	// Overhead is the number of bytes that Seal adds to a payload.
	Overhead() int
	// Seal protects payload under packet number pn with header as the
	// associated data, and appends the result to dst. It does not allocate where dst has
	// room; payload may be where dst ends (in place).
	Seal(dst, header, payload []byte, pn uint64) []byte
}

// Opener undoes what the peer's Sealer did.
type Opener interface {
	Overhead() int
	// Open appends the payload to dst, or returns false for a packet that was not sealed with these keys.
	Open(dst, header, sealed []byte, pn uint64) ([]byte, bool)
}

// Message is what a handshake tells its connection: one of Send, Keys, PeerParameters, Complete, Over or
// Failed.
type Message interface{ message() }

type (
	// Send asks the connection to send Data, in order, at Level.
	Send struct {
		Level Level
		Data  []byte
	}
	// Keys gives the connection the keys of Level, either or both directions.
	Keys struct {
		Level  Level
		Sealer Sealer
		Opener Opener
	}
	// PeerParameters holds the peer's transport parameters as encoded on the
	// wire. They bind once Complete follows.
	PeerParameters struct{ Data []byte }
	// Complete says that the handshake is done and the peer is who it claims to be. It comes after the keys.
	Complete struct {
		// Judged: the peer asked for a certificate, and has yet to say whether it accepts this end's. The
		// connection is up when the peer has confirmed the handshake.
		Judged bool
	}
	// Over says that the driver expects nothing more from the peer.
	Over struct{}
	// Failed ends the connection with Err. Alert is TLS's code for the reason, which the peer is told.
	Failed struct {
		Err   error
		Alert uint8
	}
)

func (Send) message()           {}
func (Keys) message()           {}
func (PeerParameters) message() {}
func (Complete) message()       {}
func (Over) message()           {}
func (Failed) message()         {}

// Driver is one end's handshake. It knows no connection and no network. Plain
// answers at once; the TLS driver's calls run on a worker, never in the core.
type Driver interface {
	// Start begins the exchange; params are this end's transport parameters.
	Start(params []byte) []Message
	// Handle takes in the peer's handshake bytes, in order and each once per level.
	Handle(level Level, data []byte) []Message
	// Close gives up what the driver holds. Nothing is called afterwards.
	Close()
}
