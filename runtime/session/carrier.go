package session

import (
	"context"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/registry"
)

// NoteMax is the maximum size, in bytes, of the note that a session can be opened with.
const NoteMax = registry.NoteMax

// Conn is what sessions are opened on: a *transport.Conn, one end of a Pipe, or a client of a simulated
// network. It is safe for concurrent use.
type Conn interface {
	// OpenStream opens a carrier for one session of p. It does not wait for the peer, unless the peer's limit
	// on streams has been reached. The carrier sends p's name and fingerprint at once if the other role sends
	// first, otherwise with the first message.
	//
	// note, of at most NoteMax bytes, is for whoever serves the session, who can read it before the first
	// message: see Stream.Note. The slice may be reused when OpenStream returns.
	OpenStream(ctx context.Context, p *Protocol, note []byte) (Stream, error)
}

// Registrar is what protocols are registered with so that peers can open sessions of them: a *transport.Server,
// the other end of a Pipe, or a simulated server.
type Registrar interface {
	// Handle makes serve run, in a goroutine of its own, for each session of p that a peer opens. p remains the
	// caller's and must not change. Handle panics if the name and fingerprint are already registered, which is
	// a bug that shows when the program starts.
	Handle(p *Protocol, serve func(ctx context.Context, s Stream))
}

// Stream carries the messages of one session both ways: whole, in order, and each once. Send and Recv may be
// called at the same time, each by one goroutine at a time; Abort may be called by any goroutine. After the
// session is over, every call returns the one error that ended it: an *AbortError if an end aborted it, holding
// what the peer sent if that end was the peer.
type Stream interface {
	// Send accepts message whole or not at all, waiting for room until ctx ends. The slice may be reused when
	// it returns. last says that no message follows. An error that leaves the session alive is ctx's or a
	// *TooLargeError.
	Send(ctx context.Context, message []byte, last bool) error
	// SendOrReadable is Send, except that while it waits for room it also waits for something to receive. In
	// that case sent is false, err is nil, the message was not accepted, and TryRecv has a message or an error.
	// No Send or Recv may run at the same time, and what Recv or TryRecv last returned becomes invalid.
	SendOrReadable(ctx context.Context, message []byte, last bool) (sent bool, err error)
	// Recv waits for the next message, until ctx ends. The slice is valid until the next Recv, TryRecv or
	// SendOrReadable. arrived is when the message's last byte came, on the clock that time.Now reads where the
	// session runs. io.EOF means that the peer said nothing more will come.
	Recv(ctx context.Context) (message []byte, arrived time.Time, err error)
	// TryRecv is Recv without waiting; ok is false if no message is there.
	TryRecv() (message []byte, arrived time.Time, ok bool, err error)
	// CloseSend says that nothing more will be sent. It does nothing after a Send with last.
	CloseSend() error
	// Close waits until both directions are finished and everything that was sent has been acknowledged. It
	// returns nil exactly then.
	Close(ctx context.Context) error
	// Abort ends the session at both ends; the peer's calls return an error made from a. It is idempotent, and
	// does nothing once the session is over.
	Abort(a Abort)
	// Note returns, at the listening end, what the dialing end gave to OpenStream; nil at the dialing end. It
	// does not change.
	Note() []byte
	// Context returns a context that ends when the session does; context.Cause is the error that ended it.
	Context() context.Context
}

// Observer may be implemented by a Stream of a test kit that wants to follow its session's path through the
// protocol. Its methods are called on the goroutine that takes the step, with the role of the session. A
// message is given as its index in p.Messages.
type Observer interface {
	// Observe is called for each message that the session has sent or accepted.
	Observe(p *Protocol, role, message int)
	// Defer is called for a message whose receive is deferred: the session goes on as if it had accepted the
	// message. Observe follows once it has.
	Defer(p *Protocol, role, message int)
	// Ended is called with nil when the session was closed in good order, and with the error of Run or Register
	// when a body failed.
	Ended(p *Protocol, role int, err error)
}
