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
	// AbortStopped: the server stopped while the connection was open.
	AbortStopped session.AbortCode = 0x30
)
