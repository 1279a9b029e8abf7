// Package session is what generated protocols stand on: sessions and their
// steps, the carriers that they run over, the errors that end them, and the
// encoding of payloads.
//
// A session is one run of a protocol between its two roles. Generated code holds
// it as a Step inside each state and moves it on; users see Conn, Registrar,
// Pipe, Reason, Protocol and the errors. Step, Outbound, Inbound, Encoder, Decoder, Open, Run,
// Register and FalseOnPanic are for generated code, and stable: a generated file works with
// every runtime that has the GenVersion constant that the file names.
package session
