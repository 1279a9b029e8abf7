package udp

// Shape is what some of the datagrams look like that a socket is for.
type Shape struct {
	// Least is the length of the shortest one, in bytes, at least 1, or at least 5 where there are Words.
	Least int
	// Value is what the first byte has in the bits of Mask.
	Mask, Value byte
	// Words are what the four bytes after it may be, in network byte order. If there are none, they may be anything.
	Words []uint32
}
