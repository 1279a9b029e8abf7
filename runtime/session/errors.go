package session

// Abort is why one end ends a session early, as the other end gets to know it.
type Abort struct {
	Code AbortCode
	// Reason is at most 1,024 bytes of UTF-8, and never the text of an error that the program did not mean to share.
	Reason string
}

// AbortCode says what kind of end it was, on the wire.
type AbortCode uint64
