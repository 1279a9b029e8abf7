package rpc

import "strconv"

// Code says how a call failed. The codes are the sixteen of gRPC and Connect, with their numbers.
type Code uint32

// The codes.
const (
	// OK is not a failure: no Error has it.
	OK Code = 0
	// Canceled: the caller gave up.
	Canceled Code = 1
	// Unknown: the handler failed and did not say how.
	Unknown Code = 2
	// InvalidArgument: the request is wrong whatever the state of the system, for example because its
	// `requires` is false.
	InvalidArgument Code = 3
	// DeadlineExceeded: the call's time ran out; it may nevertheless have been done.
	DeadlineExceeded Code = 4
	// NotFound: what was asked for does not exist.
	NotFound Code = 5
	// AlreadyExists: what was to be created exists already.
	AlreadyExists Code = 6
	// PermissionDenied: the caller is known but not allowed to do this.
	PermissionDenied Code = 7
	// ResourceExhausted: something is used up: a quota, the space for a message, a concurrency limit.
	ResourceExhausted Code = 8
	// FailedPrecondition: the system is not in the state that the call requires.
	FailedPrecondition Code = 9
	// Aborted: there was a conflict, such as between transactions; a higher level may try again.
	Aborted Code = 10
	// OutOfRange: the request goes past the valid range, such as the end of a file.
	OutOfRange Code = 11
	// Unimplemented: the server does not serve the method, or not in this version.
	Unimplemented Code = 12
	// Internal: something that must hold does not: a false `ensures`, a malformed message, a panic.
	Internal Code = 13
	// Unavailable: there is no connection to a server that takes the call. See Error.Processed.
	Unavailable Code = 14
	// DataLoss: data is lost for good.
	DataLoss Code = 15
	// Unauthenticated: the caller is not known.
	Unauthenticated Code = 16
)

var codeNames = [...]string{
	"ok", "canceled", "unknown", "invalid argument", "deadline exceeded", "not found", "already exists", "permission denied",
	"resource exhausted", "failed precondition", "aborted", "out of range", "unimplemented", "internal", "unavailable",
	"data loss", "unauthenticated",
}

// String returns the code in words.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "code " + strconv.FormatUint(uint64(c), 10)
}

// known converts what a peer sent to a code: OK, and anything that is not a code, become Unknown.
func known(number int64) Code {
	if 0 < number && number < int64(len(codeNames)) {
		return Code(number)
	}
	return Unknown
}
