// Package transport carries sessions over UDP. Listen and NewServer serve them; Dial opens a connection, which
// carries any number of sessions at once. Messages that the network loses, duplicates, reorders or damages
// still arrive whole, once and in order, or both ends learn that the session is over.
//
// A goroutine that waits for a message reads the socket itself, on behalf of every connection of that socket,
// so a lone caller wakes no other goroutine between its request and the answer. A goroutine that has finished
// serving a session reads too, and serves what it reads. A message is written at once if nothing else is in
// progress on its connection; otherwise it is packed together with whatever else is waiting to be sent. An idle
// connection holds no goroutine, no timer and no buffer.
package transport
