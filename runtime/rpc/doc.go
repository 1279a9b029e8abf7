// Package rpc is calls: a request, or a run of them, and a reply, or a run of those. sessgen makes
// a server interface, its registration and a client of each service of a schema; what they have in common is here.
//
// For those who use generated stubs: Error and Code say how a call failed,
// Metadata goes along with one, an Interceptor stands around calls at either end, and a few of those are ready.
//
// For generated code: Method, Client.Begin with ClientCall, and Handle with ServerCall. People do not call these.
//
// A call is a session of its own, of the protocol that the schema's reference gives for an rpc, on any
// session.Conn: calls on one connection never wait for each other, and session.Pipe carries them as the transport does. What
// a call has to say before its first message, its time limit and metadata, is the note that the session is opened with.
package rpc
