// Package peerfuzz plays peers against the body of a role: peers that keep to the
// protocol, and peers that leave it in one step. It is what the fuzz targets stand on
// that `sessgen gen --fuzz` writes; those who use them set the variable that the target names.
//
// Everything that a peer does is made of the input of one fuzz execution: the
// first byte chooses the deviation, the second one where it takes place, the others
// the peer's choices and payload values. Values are tried until the message's
// predicate holds. When the input is used up, the peer goes the shortest way to the end.
//
// A deviation is one of: a label that may not come here, a payload that is no
// encoding, other values in the payload, an early end, an abort, a message twice, a
// message far too late. It changes one message on its way; then the peer goes on as if it had not.
//
// Each execution is a bubble of [testing/synctest], in memory and in virtual time. The
// body may succeed or return an error. These are faults:
//
//   - it panics
//   - it does not return, though the session is over, or owes a message for an hour of virtual time
//   - a goroutine that it started is still blocked a minute of virtual time after it returned
//   - it returns no error, and not the end of its session
//   - it uses a state twice, or sends what its own contract forbids
//   - it does not pass on the *session.PeerError that it got
package peerfuzz
