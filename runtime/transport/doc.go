// Package transport carries sessions over UDP: Listen and NewServer serve them,
// Dial opens connections that carry any number at once. What the network loses,
// duplicates, reorders or damages still arrives, whole, once and in order, or both ends learn that it is over.
//
// A goroutine that waits for a message reads the socket itself, for all connections
// of that socket, so that a lone caller wakes no other goroutine between its request and the
// answer; who has served a session reads, and serves what it reads. A message is written at once if nothing else is under way on its
// connection, else packed with what else there is to send. An idle connection has no goroutine, no timer and no buffer.
package transport
