// Package recovery determines what arrived and what was lost (RFC 9002), for one connection and its three
// packet number spaces.
//
// Loss is the sending side: a record of every packet that is owed an acknowledgement, the RTT estimate, loss
// detection by packet and time threshold, probe timeouts. Received is the receiving side of one space: which
// packet numbers arrived, and when to acknowledge them.
//
// Packets are not kept. A record holds references to the frames that the packet carried, and Fates is told what
// became of each; what must be sent again is made anew from the state that the frame came from.
package recovery
