package transport

import (
	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

// The codes with which the transport itself aborts sessions and connections, in addition to
// session.AbortRefused.
const (
	// AbortTooLarge: a message exceeded the limit that its sender had been told.
	AbortTooLarge = session.AbortCode(conn.AbortTooLarge)
	// AbortMalformed: the bytes of a stream were not a sequence of messages.
	AbortMalformed = session.AbortCode(conn.AbortMalformed)
	// AbortStalled: the session held memory that others of the process at the other end, or at this one, waited for, and moved next to nothing of
	// it for the death timeout: its peer did not read what was sent, or did not go on with a long message, or its program did not read one.
	// Or what opens it did not arrive for the idle timeout, and at least 30 s.
	AbortStalled = session.AbortCode(conn.AbortStalled)
	// AbortStopped: the server stopped while the connection was open.
	AbortStopped session.AbortCode = 0x30
)
