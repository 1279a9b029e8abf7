package channel

import (
	"errors"
	"fmt"
	"net"

	"github.com/sessgen/sessgen/runtime/session"
)

// ErrSendClosed is returned by a Send after CloseSend. The channel is as it was, and the other direction goes
// on.
var ErrSendClosed = errors.New("channel: nothing can be sent after CloseSend")

// EncodeError means that the serializer refused a value. Nothing was sent, and the channel is as it was.
type EncodeError struct {
	// Encoding is the serializer's name.
	Encoding string
	// Err is the serializer's error.
	Err error
}

func (e *EncodeError) Error() string {
	return fmt.Sprintf("channel: not encodable as %s: %v", quoted(e.Encoding), e.Err)
}

// Unwrap returns Err.
func (e *EncodeError) Unwrap() error { return e.Err }

// DecodeError means that the peer sent bytes that are not a value of the serializer. The channel was aborted.
// It unwraps to net.ErrClosed.
type DecodeError struct {
	// Encoding is the serializer's name.
	Encoding string
	// Err is the serializer's error.
	Err error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("channel: the peer sent what is no %s: %v", quoted(e.Encoding), e.Err)
}

// Unwrap lets errors.Is find net.ErrClosed and Err.
func (e *DecodeError) Unwrap() []error { return []error{e.Err, net.ErrClosed} }

// MismatchError means that the two ends carry different types: what one sends is not what the other receives.
// It unwraps to net.ErrClosed.
type MismatchError struct {
	// Out and In are the encodings that this end, which dialed, sends and receives.
	Out, In string
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("channel: the listener does not receive %s and send %s", quoted(e.Out), quoted(e.In))
}

// Unwrap lets errors.Is find net.ErrClosed.
func (e *MismatchError) Unwrap() error { return net.ErrClosed }

// ErrUnread is returned by a Close that found values which had not been received: not everything that the peer
// sent was used. The channel was aborted, so that the peer knows too. It unwraps to net.ErrClosed.
var ErrUnread error = unreadError{}

type unreadError struct{}

func (unreadError) Error() string {
	return "channel: closed before everything that the peer sent had been received"
}
func (unreadError) Unwrap() error { return net.ErrClosed }

// AbortUnread is the code that the peer of a Close with ErrUnread finds in its *session.AbortError.
const AbortUnread session.AbortCode = 0x31

var unreadAbort = session.Abort{Code: AbortUnread, Reason: "closed before it had received everything"}
