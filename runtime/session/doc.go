// Package session is what generated protocols stand on: sessions and their
// steps, the carriers that they run over, the errors that end them, and the
// encoding of payloads.
//
// A session is one run of a protocol between its two roles. Each state that a
// generated package hands out stands for one place in one session and is good for
// one step, which returns the next state.
//
// # For those who use generated protocols
//
// Conn is what sessions are opened on and Registrar what they are served by:
// package transport has both for a network, Pipe for memory.
//
// A step that fails has either left everything as it was, and can be tried again, or
// the session is over: there is no third case. These leave it as it was:
//
//   - *ContractError: the message's predicate is false for the values given
//   - *EncodeError, *TooLargeError: the values cannot be sent
//   - ErrStateUsed, ErrNoSession, ErrPending, ErrTooManyPending: the state cannot do this, or not now
//   - the error of the context that the step was given
//
// All others end it, at both ends, and match net.ErrClosed with errors.Is:
//
//   - *PeerError: a role broke the protocol; both ends learn which rule
//   - *AbortError: the program of one end gave up
//   - *MismatchError: the peer does not serve this protocol
//   - ErrUnfinished: a body returned too early
//   - those of the carrier: the connection is gone
//
// Once a session is over, every further step on a state that was not used returns
// the one error that ended it. Abort gives up a session; what the peer may read about it is made with Reason.
//
// # For generated code
//
// Step, Outbound, Inbound, Encoder, Decoder, the functions that pack and unpack
// lists, Open, Run, Register and FalseOnPanic are for generated code, and stable:
// a generated file works with every runtime that has the GenVersion constant that the file names.
//
// # For carriers
//
// A carrier implements Conn, Registrar and Stream. A message on a stream is the
// number of its label as an unsigned varint in as few bytes as hold it, then one
// protobuf message with the parameters numbered from 1. The AbortCodes and Rules
// are part of the wire.
package session
