// Package rpc implements calls: a request, or a stream of them, answered by a reply, or a stream of replies.
// For each service of a schema, sessgen generates a server interface, its registration and a client; this
// package holds what they have in common.
//
// For users of generated stubs: Error and Code say how a call failed, Metadata accompanies a call, and an
// Interceptor wraps calls at either end; a few interceptors are ready-made.
//
// For generated code: Method, Client.Begin with ClientCall, and Handle with ServerCall. Programs do not call
// these directly.
//
// A call is a session of its own, of the protocol that the schema reference defines for an rpc, on any
// session.Conn: calls on one connection never wait for each other, and session.Pipe carries them as the
// transport does. What a call says before its first message, its time limit and metadata, is the note that the
// session is opened with.
package rpc
