package packet

// AppendPing appends a PING.
func AppendPing(b []byte) []byte { return append(b, byte(Ping)) }

// AppendHandshakeDone appends a HANDSHAKE_DONE.
func AppendHandshakeDone(b []byte) []byte { return append(b, byte(HandshakeDone)) }

// AppendClose appends a CLOSE: every stream is finished, and no more will come.
func AppendClose(b []byte) []byte { return append(b, byte(Close)) }

// AppendCloseOK appends a CLOSE_OK, the answer to a CLOSE.
func AppendCloseOK(b []byte) []byte { return append(b, byte(CloseOK)) }

// AppendAckHead appends the beginning of an ACK: the largest packet number, the
// delay in microseconds, how many more ranges follow, and how many packets before the largest are in the first range.
func AppendAckHead(b []byte, largest, delay uint64, more int, first uint64) []byte {
	b = append(b, byte(Ack))
	b = AppendVarint(b, largest)
	b = AppendVarint(b, delay)
	b = AppendVarint(b, uint64(more))
	return AppendVarint(b, first)
}

// AppendAckRange appends one more range to an ACK: smallest and largest are its
// packet numbers, above the smallest of the range before.
func AppendAckRange(b []byte, above, smallest, largest uint64) []byte {
	b = AppendVarint(b, above-largest-2)
	return AppendVarint(b, largest-smallest)
}

// AppendAckECN makes the ACK that begins at begin, and ends b, an ACK_ECN with the counts.
func AppendAckECN(b []byte, begin int, ect0, ect1, ce uint64) []byte {
	b[begin] = byte(AckECN)
	b = AppendVarint(b, ect0)
	b = AppendVarint(b, ect1)
	return AppendVarint(b, ce)
}

// AppendCryptoHead appends a CRYPTO frame up to its data, which the caller appends: n bytes.
func AppendCryptoHead(b []byte, offset uint64, n int) []byte {
	b = AppendVarint(append(b, byte(Crypto)), offset)
	return AppendVarint(b, uint64(n))
}

// CryptoLen is how many bytes a CRYPTO frame has besides its data, of at most n bytes.
func CryptoLen(offset uint64, n int) int { return 1 + VarintLen(offset) + VarintLen(uint64(n)) }

// AppendStreamHead appends a STREAM frame up to its data, which the caller
// appends: n bytes. Every frame carries its length.
func AppendStreamHead(b []byte, id, offset uint64, n int, fin bool) []byte {
	first := byte(Stream) | streamLength
	if offset > 0 {
		first |= streamOffset
	}
	if fin {
		first |= streamFin
	}
	b = append(b, first)
	b = AppendVarint(b, id)
	if offset > 0 {
		b = AppendVarint(b, offset)
	}
	return AppendVarint(b, uint64(n))
}

// StreamLen is how many bytes a STREAM frame has besides its data, of at most n bytes.
func StreamLen(id, offset uint64, n int) int {
	length := 1 + VarintLen(id) + VarintLen(uint64(n))
	if offset > 0 {
		length += VarintLen(offset)
	}
	return length
}

// AppendValue appends a frame of one number: MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, GOAWAY.
func AppendValue(b []byte, t FrameType, value uint64) []byte {
	return AppendVarint(append(b, byte(t)), value)
}

// AppendStreamValue appends MAX_STREAM_DATA or STREAM_DATA_BLOCKED.
func AppendStreamValue(b []byte, t FrameType, id, value uint64) []byte {
	return AppendVarint(AppendVarint(append(b, byte(t)), id), value)
}

// AppendFinRead appends a FIN_READ: the application has read everything of the stream.
func AppendFinRead(b []byte, id uint64) []byte {
	return AppendVarint(append(b, byte(FinRead)), id)
}

// AppendStreamAbort appends a STREAM_ABORT. reason is UTF-8 of at most MaxReason bytes.
func AppendStreamAbort(b []byte, id, code uint64, reason string) []byte {
	b = AppendVarint(append(b, byte(StreamAbort)), id)
	b = AppendVarint(b, code)
	b = AppendVarint(b, uint64(len(reason)))
	return append(b, reason...)
}

// AppendConnectionAbort appends a CONNECTION_ABORT. reason is UTF-8 of at most MaxReason bytes.
func AppendConnectionAbort(b []byte, code uint64, cause FrameType, reason string) []byte {
	b = AppendVarint(append(b, byte(ConnectionAbort)), code)
	b = AppendVarint(b, uint64(cause))
	b = AppendVarint(b, uint64(len(reason)))
	return append(b, reason...)
}

// AppendPath appends a PATH_CHALLENGE or a PATH_RESPONSE.
func AppendPath(b []byte, t FrameType, data [8]byte) []byte {
	return append(append(b, byte(t)), data[:]...)
}

// AppendNewToken appends a NEW_TOKEN of 1 to MaxCookie bytes.
func AppendNewToken(b, token []byte) []byte {
	b = AppendVarint(append(b, byte(NewToken)), uint64(len(token)))
	return append(b, token...)
}

// AppendNewConnectionID appends a NEW_CONNECTION_ID.
func AppendNewConnectionID(b []byte, sequence, retirePriorTo uint64, id ID, token [TokenLen]byte) []byte {
	b = AppendVarint(append(b, byte(NewConnectionID)), sequence)
	b = AppendVarint(b, retirePriorTo)
	return append(append(b, id[:]...), token[:]...)
}

// AppendRetireConnectionID appends a RETIRE_CONNECTION_ID.
func AppendRetireConnectionID(b []byte, sequence uint64) []byte {
	return AppendVarint(append(b, byte(RetireConnectionID)), sequence)
}

// AppendAckFrequency appends an ACK_FREQUENCY: acknowledge after this many bytes, or this many microseconds.
func AppendAckFrequency(b []byte, bytes, delay uint64) []byte {
	return AppendVarint(AppendVarint(append(b, byte(AckFrequency)), bytes), delay)
}
