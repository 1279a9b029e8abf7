// Package sim runs the transport without its sockets: endpoints, connection machines
// and handshakes, with programs above them and a bad network below, in virtual
// time, in one goroutine. A run is determined by its Options, and they by a seed.
//
// A run has two phases. In the first one the network loses, delays, duplicates, corrupts
// and cuts datagrams; partitions, stopped and restarted processes, clocks that
// leap, an MTU that falls and an attacker who sees and writes packets do the rest. In
// the second one the network is good, and everything has to come to its end.
//
// After every event the invariants are checked that docs/verification.md lists: what a program received is
// a prefix of what the other one sent, what is under way is the rest of it, and the buffers of the
// machines hold just that; every packet ever sent carries what was sent at its place.
// At the end all sessions are finished with R = T, or both ends say that they are not; no connection, timer
// or record is left.
//
// What runs here are scripts, not generated sessions: runtime/simnet puts real programs on
// such a network, and pays for their goroutines.
package sim
