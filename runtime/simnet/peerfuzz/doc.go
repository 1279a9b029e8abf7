// Package peerfuzz plays peers against a program: peers that keep to the protocol, and peers that deviate from
// it in one step. The fuzz targets that `sessgen gen --fuzz` writes are built on it; to use them, set the
// variable that the target names.
//
// Everything a peer does is derived from the input of one fuzz execution: the first byte chooses the deviation,
// the second where it takes place, and the others the peer's choices and payload values. Values are redrawn
// until the message's predicate holds. When the input is used up, the peer takes the shortest way to the end.
//
// A deviation is one of: a label that may not come here, a payload that is not an encoding, other values in the
// payload, an early end, an abort, a message sent twice, a message far too late; for a call also: invalid
// metadata. It changes one message on its way; then the peer goes on as if nothing had happened.
//
// Each execution is a bubble of [testing/synctest], in memory and in virtual time. The body of a role may succeed
// or return an error. These are faults:
//
//   - it panics
//   - it does not return although the session is over, or owes a message for a day of virtual time
//   - a goroutine that it started is still blocked a minute of virtual time after it returned
//   - it returns no error, and not the end of its session
//   - it uses a state twice, or sends what its own contract forbids
//   - it does not pass on the *session.PeerError that it got
//
// An implementation of a service gets calls, one after the other, with metadata and deadlines; some of them are
// canceled. These are its faults:
//
//   - a method panics, or does not return within a day of its caller leaving, or owes one reply for a day
//   - a reply breaks its contract, has no encoding, or is larger than the caller accepts
//   - a reply is sent from within the request stream
//   - a method returns no error although the request stream that it read broke off
//   - a goroutine is waiting that was not there before, and that t.Cleanup has not ended
//
// A program that calls a service gets answers, and errors of every code. It is at fault if it panics, does not
// return within a minute after its context has ended (a day after it began), leaves waiting goroutines behind,
// or returns the error of a request that broke its contract.
package peerfuzz
