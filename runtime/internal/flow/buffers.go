package flow

import "math/bits"

const (
	smallestBuffer = 1 << 10
	// largestClass is the largest buffer that is kept in a class of its size.
	largestClass = 1 << 16
	classes      = 7
	// keptPerClass, keptBytes and keptLong bound what is kept for the next stream that needs it: of a
	// class so many buffers, or more of them up to so many bytes.
	keptPerClass = 16
	keptBytes    = 256 << 10
	keptLong     = 2
	// largestKept is the largest buffer that a connection keeps: what a thousand of them had once for a long message each is not to
	// stay with them.
	largestKept = 512 << 10
)

// Buffers lends receive buffers to the streams of one connection, so that a steady
// exchange allocates none. The zero value is ready.
type Buffers struct {
	// Store has buffers that are too large to be kept here, for several connections; nil for nowhere.
	Store Store
	free  [classes][][]byte
	long  [][]byte
}

// Store keeps large buffers for whoever needs one next, for as long as it likes.
type Store interface {
	// GetLong returns a buffer of at least size bytes, and not many more, or nil.
	GetLong(size int) []byte
	PutLong(buf []byte)
}

// Get returns a buffer of at least size bytes.
func (b *Buffers) Get(size int) []byte {
	if size <= largestClass {
		class := classOf(size)
		if n := len(b.free[class]); n > 0 {
			buf := b.free[class][n-1]
			b.free[class] = b.free[class][:n-1]
			return buf
		}
		return make([]byte, smallestBuffer<<class)
	}
	if size > largestKept && b.Store != nil {
		if buf := b.Store.GetLong(size); buf != nil {
			return buf
		}
	}
	for i, buf := range b.long {
		if len(buf) >= size {
			b.long[i] = b.long[len(b.long)-1]
			b.long = b.long[:len(b.long)-1]
			return buf
		}
	}
	return make([]byte, (size+largestClass-1)/largestClass*largestClass)
}

// Put takes back a buffer from Get. It must not be used any more.
func (b *Buffers) Put(buf []byte) {
	switch {
	case len(buf) == 0:
	case len(buf) <= largestClass:
		if class := classOf(len(buf)); len(b.free[class]) < max(keptPerClass, keptBytes/len(buf)) {
			b.free[class] = append(b.free[class], buf)
		}
	case len(buf) > largestKept:
		if b.Store != nil {
			b.Store.PutLong(buf)
		}
	case len(b.long) < keptLong:
		b.long = append(b.long, buf)
	}
}

// roomFor is the size of a buffer that grows because it has to hold need bytes: so much more that what is copied each time it
// grows is in proportion to what it takes in between.
func roomFor(need int) int {
	if need <= largestClass/2 {
		return 2 * need
	}
	return need + need/2
}

func classOf(size int) int { return bits.Len(uint(max(size, 1)-1) / smallestBuffer) }
