package packet

import "fmt"

// Code is why a connection was aborted, on the wire. Those of RFC 9000 §20.1 keep
// their numbers; what an application aborts with begins at CodeApplication.
type Code uint64

// IsApplication reports whether the code is the application's own. Only packets of the Application level carry it: RFC 9000 §12.5,
// "CONNECTION_CLOSE frames signaling application errors (type 0x1d) MUST only appear in the application data packet number space."
func (c Code) IsApplication() bool { return c >= CodeApplication && c < CryptoError }

// The codes.
const (
	NoError                 Code = 0x00
	InternalError           Code = 0x01
	ConnectionRefused       Code = 0x02
	FlowControlError        Code = 0x03
	StreamLimitError        Code = 0x04
	StreamStateError        Code = 0x05
	FinalSizeError          Code = 0x06
	FrameEncodingError      Code = 0x07
	TransportParameterError Code = 0x08
	ConnectionIDLimitError  Code = 0x09
	ProtocolViolation       Code = 0x0a
	ApplicationError        Code = 0x0c
	CryptoBufferExceeded    Code = 0x0d
	KeyUpdateError          Code = 0x0e
	AEADLimitReached        Code = 0x0f
	CodeApplication         Code = 0x100
	// CryptoError is the first of 256 codes, one for each TLS alert (RFC 9001 §4.8).
	CryptoError Code = 0x0200
)

var codeNames = map[Code]string{
	NoError: "no error", InternalError: "internal error", ConnectionRefused: "connection refused",
	FlowControlError: "flow control error", StreamLimitError: "stream limit error",
	StreamStateError: "stream state error", FinalSizeError: "final size error",
	FrameEncodingError: "frame encoding error", TransportParameterError: "transport parameter error",
	ConnectionIDLimitError: "connection id limit error", ProtocolViolation: "protocol violation",
	ApplicationError: "application error", CryptoBufferExceeded: "crypto buffer exceeded", KeyUpdateError: "key update error",
	AEADLimitReached: "AEAD limit reached", CodeApplication: "aborted by the application",
}

func (c Code) String() string {
	if name, known := codeNames[c]; known {
		return name
	}
	if c >= CryptoError && c < CryptoError+256 {
		return fmt.Sprintf("handshake failed (alert %d)", uint64(c-CryptoError))
	}
	return fmt.Sprintf("code %#x", uint64(c))
}
