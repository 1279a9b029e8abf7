package transport

import (
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/conn"
)

// shelf keeps the buffers that long messages arrived in for the next ones, whichever connection they come on. A sync.Pool would have
// lost them to the garbage collector by then, where long messages follow each other.
type shelf struct {
	mu    sync.Mutex
	free  [][]byte
	bytes int64
}

// longBuffers is the process' shelf.
var longBuffers shelf

// shelfShare is the share of a budget that is kept on the shelf.
const shelfShare = 16

// take returns a buffer of at least size bytes, and at most twice as many, or nil.
func (s *shelf) take(size int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, buf := range s.free {
		if size <= len(buf) && len(buf) <= 2*size {
			last := len(s.free) - 1
			s.free[i], s.free[last] = s.free[last], nil
			s.free = s.free[:last]
			s.bytes -= int64(len(buf))
			return buf
		}
	}
	return nil
}

// put keeps buf, in place of those that have not been taken since if there is no room for all of them.
func (s *shelf) put(buf []byte, most int64) {
	size := int64(len(buf))
	if size > most {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.bytes+size > most {
		s.bytes -= int64(len(s.free[0]))
		last := copy(s.free, s.free[1:])
		s.free[last] = nil
		s.free = s.free[:last]
	}
	s.free = append(s.free, buf)
	s.bytes += size
}

// GetLong implements flow.Store.
func (s share) GetLong(size int) []byte { return longBuffers.take(size) }

// PutLong implements flow.Store.
func (s share) PutLong(buf []byte) {
	longBuffers.put(buf, s.link.budget(conn.Incoming).limit()/shelfShare)
}
