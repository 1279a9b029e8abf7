package udp

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// Fault says what an error of a socket asks for. Only one of them ends anything.
type Fault uint8

// The faults.
const (
	// FaultNone: there was no error.
	FaultNone Fault = iota
	// FaultClosed: the socket was closed; no later call succeeds.
	FaultClosed
	// FaultInterrupted: Interrupt was called, or ResumeFor's time is over.
	FaultInterrupted
	// FaultNothing: nothing has arrived, and the read was not to wait.
	FaultNothing
	// FaultFull: the system had no room for a datagram. It is lost; congestion control will notice.
	FaultFull
	// FaultRefused: an ICMP message said that nobody listens at some peer's port, or that no way leads there. Anyone can
	// forge one, so it is no more than a hint. Or a socket that dials was refused something; Unreachable tells what there is to tell.
	FaultRefused
	// FaultTooBig: a datagram was larger than the path takes, or than the room for it.
	FaultTooBig
	// FaultTransient: anything else. The next call may succeed.
	FaultTransient
)

// ErrNothing is what PollBatch and AwaitBatch return where they find nothing.
var ErrNothing = errors.New("udp: nothing has arrived")

// errQueued is what a read of a socket that dials returns once after the system has refused to send.
var errQueued = errors.New("udp: the system has refused to send")

// FaultOf classifies an error of ReadBatch or WriteBatch.
func FaultOf(err error) Fault {
	switch {
	case err == nil:
		return FaultNone
	case err == ErrNothing:
		return FaultNothing
	case err == errQueued:
		return FaultRefused
	case errors.Is(err, net.ErrClosed):
		return FaultClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return FaultInterrupted
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		return FaultFull
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return FaultRefused
	case errors.Is(err, syscall.EMSGSIZE):
		return FaultTooBig
	}
	return FaultTransient
}
