// Package flow bounds what a peer can make this end hold, and never lets one stream starve another.
//
// A stream always owns a floor of credit that no other stream's unread bytes can use. Anything above the floor
// is a long message; its length is its first field, and its bytes are allowed in only once the whole of it is
// reserved from the connection's Pool. So whatever is reserved can complete, and there is no cycle in which two
// messages wait for each other's memory. All the bytes that a connection may have to hold are therefore at most
//
//	streams allowed × floor + pool
//
// and since each stream's own limit adds up to that, no limit for the connection as a whole needs to be sent.
//
// Window is the credit of one receiving stream, Streams that of opening streams, Assembler the memory in which
// a stream's bytes are put in order.
package flow
