// Package peerfuzz plays peers against a program: peers that keep to the protocol, and peers
// that leave it in one step. It is what the fuzz targets stand on that `sessgen gen --fuzz` writes; those who
// use them set the variable that the target names.
//
// Everything that a peer does is made of the input of one fuzz execution: the
// first byte chooses the deviation, the second one where it takes place, the others
// the peer's choices and payload values. Values are tried until the message's
// predicate holds. When the input is used up, the peer goes the shortest way to the end.
//
// A deviation is one of: a label that may not come here, a payload that is no
// encoding, other values in the payload, an early end, an abort, a message twice, a
// message far too late; of a call also: metadata that are none. It changes one message on its way; then the peer goes
// on as if it had not.
//
// Each execution is a bubble of [testing/synctest], in memory and in virtual time. The
// body of a role may succeed or return an error. These are faults:
//
//   - it panics
//   - it does not return, though the session is over, or owes a message for a day of virtual time
//   - a goroutine that it started is still blocked a minute of virtual time after it returned
//   - it returns no error, and not the end of its session
//   - it uses a state twice, or sends what its own contract forbids
//   - it does not pass on the *session.PeerError that it got
//
// What serves a service gets calls, one after the other, with metadata and deadlines, some of which are given up. These are
// its faults:
//
//   - a method panics, or does not return a day after its caller has gone, or owes one reply for a day
//   - a reply breaks its contract, has no encoding, or is larger than the caller takes
//   - a reply is sent from within the run of requests
//   - a method returns no error, though the run of requests that it read broke off
//   - a goroutine waits that was not there before, and that t.Cleanup has not ended
//
// A program that calls a service gets answers, and errors of every code. It has a fault if it panics, does not return within a
// minute after its context has ended (a day after it began), leaves goroutines behind that wait, or returns the error of a request
// that broke its contract.
package peerfuzz
