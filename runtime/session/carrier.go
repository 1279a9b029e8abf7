package session

import (
	"context"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/registry"
)

// NoteMax is the size of the longest note that a session can be opened with, in bytes.
const NoteMax = registry.NoteMax

// Conn is what sessions are opened on: a *transport.Conn, one end of Pipe, or a
// client of a simulated network. It may be used from any number of goroutines.
type Conn interface {
	// OpenStream opens a carrier for one session of p. It does not wait for the
	// peer, except where the peer's limit on streams is reached. A carrier sends p's
	// name and fingerprint at once if the other role sends first, else with the first message.
	//
	// note, of at most NoteMax bytes, is for whoever serves the session, who has it before the first
	// message: Stream.Note. The slice may be reused when OpenStream returns.
	OpenStream(ctx context.Context, p *Protocol, note []byte) (Stream, error)
}

// Registrar is what protocols are registered with so that peers can open sessions
// of them: a *transport.Server, the other end of Pipe, a simulated server.
type Registrar interface {
	// Handle makes serve run, in a goroutine of its own, for each session of p that a
	// peer opens. p stays the caller's and does not change. Handle panics if name and
	// fingerprint are registered already: a fault of the program, at its start.
	Handle(p *Protocol, serve func(ctx context.Context, s Stream))
}

// Stream carries the messages of one session: whole, in order, each once, both
// ways. Send and Recv may be called at the same time, each by one goroutine at a
// time; Abort by any. After the session is over every call returns the one error
// that ended it: an *AbortError if an end aborted it, with what the peer gave if
// that was the peer.
type Stream interface {
	// Send accepts message whole, or not at all, waiting for room until ctx ends;
	// the slice may be reused when it returns. last says that no other follows. An
	// error that leaves the session alive is ctx's or a *TooLargeError.
	Send(ctx context.Context, message []byte, last bool) error
	// SendOrReadable is Send, but where it would wait for room it waits for something
	// to receive just as well: sent is false then, err nil, the message not accepted,
	// and TryRecv has a message or an error. Nobody may call Send or Recv meanwhile,
	// and what they returned last is not valid any more.
	SendOrReadable(ctx context.Context, message []byte, last bool) (sent bool, err error)
	// Recv waits for the next message, until ctx ends. The slice is valid until the
	// next Recv, TryRecv or SendOrReadable. arrived is when the message's last byte came, as time.Now
	// tells time where the session runs. io.EOF: the peer said that nothing more comes.
	Recv(ctx context.Context) (message []byte, arrived time.Time, err error)
	// TryRecv is Recv without the wait; ok is false if no message is there.
	TryRecv() (message []byte, arrived time.Time, ok bool, err error)
	// CloseSend says that nothing more will be sent. After a Send with last it does nothing.
	CloseSend() error
	// Close waits until both directions are finished and all that was sent has been
	// acknowledged. It returns nil exactly then.
	Close(ctx context.Context) error
	// Abort ends the session at both ends; the peer's calls return an error made of
	// what is given. It is idempotent, and does nothing once the session is over.
	Abort(a Abort)
	// Note is what the dialing end gave to OpenStream, at the listening end; nil at the
	// dialing end. It does not change.
	Note() []byte
	// Context ends when the session does; context.Cause is the error that ended it.
	Context() context.Context
}

// Observer may be implemented by a Stream, of a test kit, that wants to know which
// way its session takes through the protocol. Its methods are called by the
// goroutine whose step it is, with the role of the session. Messages of p are indices in p.Messages.
type Observer interface {
	// Observe is called with each message that the session has sent or accepted.
	Observe(p *Protocol, role, message int)
	// Defer is called with a message that is put off: the session goes on as if it
	// had accepted it. Observe follows when it has.
	Defer(p *Protocol, role, message int)
	// Ended is called with nil when the session was closed in good order, and with
	// what Run or Register make of a body that failed.
	Ended(p *Protocol, role int, err error)
}
