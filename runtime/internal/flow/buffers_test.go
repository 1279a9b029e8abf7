package flow

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// shelf is a Store of one buffer.
type shelf struct{ buf []byte }

func (s *shelf) GetLong(int) []byte {
	buf := s.buf
	s.buf = nil
	return buf
}
func (s *shelf) PutLong(buf []byte) { s.buf = buf }

// What a connection has had for a message of megabytes does not stay with it.
func TestLongBuffersAreNotKept(t *testing.T) {
	kept := func(b *Buffers) (n int) {
		for _, class := range append(b.free[:], b.long) {
			for _, buf := range class {
				n += len(buf)
			}
		}
		return n
	}
	var b Buffers
	for range 3 {
		b.Put(b.Get(4 << 20))
		b.Put(b.Get(200 << 10))
	}
	require.Equal(t, 256<<10, kept(&b))

	var s shelf
	b.Store = &s
	buf := b.Get(4 << 20)
	b.Put(buf)
	require.Same(t, &buf[0], &s.buf[0])
	require.Same(t, &buf[0], &b.Get(3 << 20)[0])
	require.Nil(t, s.buf)
	require.Equal(t, 256<<10, kept(&b))
}
