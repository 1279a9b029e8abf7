package transport

import (
	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/session"
)

// The codes with which the transport itself aborts sessions and connections, beside session.AbortRefused.
const (
	// AbortTooLarge: a message was longer than the limit that the sender had been told.
	AbortTooLarge = session.AbortCode(conn.AbortTooLarge)
	// AbortMalformed: the bytes of a stream were no sequence of messages.
	AbortMalformed = session.AbortCode(conn.AbortMalformed)
	// AbortStopped: the server stopped while the connection was open.
	AbortStopped session.AbortCode = 0x30
)
