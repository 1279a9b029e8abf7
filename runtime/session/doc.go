// Package session is what generated protocols are built on: sessions and their steps, the carriers that
// sessions run over, the errors that end them, and the encoding of payloads.
//
// A session is one run of a protocol between its two roles. Each state that a generated package returns stands
// for one place in one session. It is good for one step, which returns the next state.
//
// # For users of generated protocols
//
// Sessions are opened on a Conn and served by a Registrar. Package transport has both for a network; Pipe makes
// both in memory.
//
// A step that fails either has left everything as it was, and can be tried again, or has found the session
// over: there is no third case. These errors leave it as it was:
//
//   - *ContractError: the message's predicate is false for the values given
//   - *EncodeError, *TooLargeError: the values cannot be sent
//   - ErrStateUsed, ErrNoSession, ErrPending, ErrTooManyPending: the state cannot do this, or not now
//   - the error of the context that the step was given
//
// All others mean that the session is over at both ends, and match net.ErrClosed with errors.Is:
//
//   - *PeerError: a role broke the protocol; both ends learn which rule
//   - *AbortError: the program at one end gave up
//   - *MismatchError: the peer does not serve this protocol
//   - ErrUnfinished: a body returned too early
//   - those of the carrier: the connection is gone
//
// Once a session is over, every further step on an unused state returns the one error that ended it. Abort
// gives up a session; use Reason to say something about it that the peer may read.
//
// # For generated code
//
// Step, Outbound, Inbound, Encoder, Decoder, the functions that pack and unpack lists, Open, Run, Register and
// FalseOnPanic are for generated code, and stable: a generated file works with every runtime that has the
// GenVersion constant that the file names.
//
// # For carriers
//
// A carrier implements Conn, Registrar and Stream. A message on a stream is the number of its label, as an
// unsigned varint of minimal length, followed by one protobuf message with the parameters numbered from 1. The
// AbortCodes and Rules are part of the wire format.
package session
