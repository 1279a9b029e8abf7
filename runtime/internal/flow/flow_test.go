package flow

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The set holds what a map holds, in disjoint ascending intervals that do not touch.
func TestIntervalsLikeAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Intervals
		oracle := map[uint64]bool{}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			start := rapid.Uint64Range(0, 60).Draw(t, "start")
			end := start + rapid.Uint64Range(0, 12).Draw(t, "length")
			contains := true
			for n := start; n < end; n++ {
				contains = contains && oracle[n]
			}
			require.Equal(t, contains, s.Contains(start, end))
			add := rapid.Bool().Draw(t, "add")
			if add {
				s.Add(start, end)
			} else {
				s.Remove(start, end)
			}
			for n := start; n < end; n++ {
				oracle[n] = add
			}
			for n := range uint64(80) {
				require.Equal(t, oracle[n], s.Contains(n, n+1))
			}
			for i := range s.Len() {
				require.Less(t, s.At(i).Start, s.At(i).End)
				require.True(t, i == 0 || s.At(i-1).End < s.At(i).Start)
			}
		}
	})
}

// However a stream is cut up, repeated and shuffled, what is read is what was
// sent, and what a reader holds does not change under it.
func TestAssemblerLikeASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{10, 3000, 40_000, 300_000}).Draw(t, "size")
		sent := make([]byte, size)
		for i := range sent {
			sent[i] = byte(i * 7 / 3)
		}
		var a Assembler
		var b Buffers
		var have Intervals
		a.Expect(uint64(size))
		var held, want []byte
		consumed, viewed := 0, 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1, 2:
				from := rapid.IntRange(0, size).Draw(t, "from")
				if rapid.Bool().Draw(t, "in order") {
					from = int(a.Ready())
				}
				to := min(size, from+rapid.IntRange(0, max(1, size/4)).Draw(t, "length"))
				require.NoError(t, a.Write(&b, uint64(from), sent[from:to]))
				have.Add(uint64(from), uint64(to))
			case 3:
				if held == nil && int(a.Ready()) > consumed {
					viewed = rapid.IntRange(consumed+1, int(a.Ready())).Draw(t, "view")
					held = a.View(uint64(consumed), uint64(viewed))
					want = sent[consumed:viewed]
				}
			case 4:
				if held != nil {
					a.Consume(&b, uint64(viewed))
					consumed, held, want = viewed, nil, nil
					require.LessOrEqual(t, len(a.buf), max(largestClass, 8*(int(a.Ready())-consumed)), "in proportion to what is there")
				}
			}
			require.True(t, bytes.Equal(want, held))
			ready := uint64(0)
			if have.Len() > 0 && have.At(0).Start == 0 {
				ready = have.At(0).End
			}
			require.Equal(t, ready, a.Ready())
			require.True(t, bytes.Equal(sent[consumed:ready], a.peekAll()))
			behind := have
			behind.list = slices.Clone(have.list)
			behind.Remove(0, ready)
			require.Equal(t, behind.Len(), a.Gaps())
			require.EqualValues(t, behind.Size(), a.ahead.held)
			require.LessOrEqual(t, len(a.ahead.buf), max(smallestBuffer, min(8*a.ahead.held, 2*size)+largestClass), "in proportion to what is there")
		}
		require.NoError(t, a.Write(&b, 0, sent))
		require.NoError(t, a.Finish(uint64(size)))
		require.True(t, a.Complete())
		require.True(t, bytes.Equal(sent[consumed:], a.peekAll()))
	})
}

func (a *Assembler) peekAll() []byte {
	if a.buf == nil {
		return nil
	}
	return a.Peek(a.consumed, a.ready)
}

// RFC 9000 §4.5: "Once a final size for a stream is known, it cannot change. If a
// RESET_STREAM or STREAM frame is received indicating a change in the final size for
// the stream, an endpoint SHOULD respond with an error of type FINAL_SIZE_ERROR".
func TestFinalSize(t *testing.T) {
	var a Assembler
	var b Buffers
	require.NoError(t, a.Write(&b, 5, []byte("world")))
	require.ErrorIs(t, a.Finish(9), ErrFinalSize, "less than what came")
	require.NoError(t, a.Finish(10))
	require.NoError(t, a.Finish(10))
	require.ErrorIs(t, a.Finish(11), ErrFinalSize)
	require.ErrorIs(t, a.Write(&b, 8, []byte("abc")), ErrFinalSize)
	require.False(t, a.Complete())
	require.NoError(t, a.Write(&b, 0, []byte("hello")))
	require.True(t, a.Complete())
}

// Bytes that come twice count once, and the first ones stay (RFC 9000 §2.2: "The data at a given offset
// MUST NOT change if it is sent multiple times; an endpoint MAY treat receipt of different data at the same
// offset within a stream as a connection error").
func TestOverlap(t *testing.T) {
	var a Assembler
	var b Buffers
	require.NoError(t, a.Write(&b, 2, []byte("cd")))
	require.NoError(t, a.Write(&b, 0, []byte("abXXef")))
	require.NoError(t, a.Write(&b, 4, []byte("YY")))
	require.Equal(t, "abcdef", string(a.peekAll()))
}

// Crumbs with gaps between them fill no memory: beyond a number of them they are not taken in, until the gaps close.
func TestGapsAreBounded(t *testing.T) {
	var a Assembler
	var b Buffers
	refused := 0
	for n := uint64(1); n < 16_000; n += 2 {
		if err := a.Write(&b, n, []byte{1}); err != nil {
			require.ErrorIs(t, err, ErrGaps)
			refused++
		}
	}
	require.Equal(t, maxGaps, a.Gaps())
	require.Equal(t, 8000-maxGaps, refused)
	require.NoError(t, a.Write(&b, 0, make([]byte, 16_000)))
	require.Zero(t, a.Gaps())
	require.EqualValues(t, 16_000, a.Ready())
}

// What a stream's memory grows to is bounded by what may be sent on it.
func TestBufferFollowsTheWindow(t *testing.T) {
	var a Assembler
	var b Buffers
	require.NoError(t, a.Write(&b, Floor-1, []byte{1}))
	require.Len(t, a.ahead.buf, smallestBuffer, "a byte is a byte, wherever it is")
	require.Nil(t, a.buf)

	const long = 4<<20 + Floor
	a.Expect(long)
	for at := uint64(0); at < long; at += 1000 {
		require.NoError(t, a.Write(&b, at, make([]byte, min(1000, long-at))))
		require.LessOrEqual(t, len(a.buf), long+largestClass)
	}
	a.Consume(&b, long)
	require.Nil(t, a.buf, "an empty stream holds no buffer")
}

// What is cut into crumbs that come in any order is remembered as what it is, and crumbs that touch are joined before they are too many.
func TestCrumbsAreJoined(t *testing.T) {
	var a Assembler
	var b Buffers
	const size = 12_000
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(i * 7 / 3)
	}
	write := func(at int) { require.NoError(t, a.Write(&b, uint64(at), sent[at:at+1])) }
	for at := 1; at < size/2; at++ { // two stretches grow in turn
		write(at)
		write(size/2 + at)
		require.Equal(t, 2, a.Gaps())
		require.LessOrEqual(t, len(a.ahead.pieces), 2*maxGaps+1)
	}
	write(0)
	require.Equal(t, 1, a.Gaps())
	write(size / 2)
	require.Equal(t, sent, a.peekAll())
	require.Zero(t, len(a.ahead.buf))
	a.Free(&b)
	require.LessOrEqual(t, cap(a.ahead.pieces), keptPieces)
}

// A crumb that stays behind, of all that came ahead, does not keep the memory of the rest.
func TestLastCrumbIsMoved(t *testing.T) {
	var a Assembler
	var b Buffers
	const size = 1 << 20
	require.NoError(t, a.Write(&b, 1, make([]byte, size)))
	require.NoError(t, a.Write(&b, size+10, []byte{1}))
	require.GreaterOrEqual(t, len(a.ahead.buf), size)
	require.NoError(t, a.Write(&b, 0, []byte{0}))
	require.EqualValues(t, size+1, a.Ready())
	require.Len(t, a.ahead.buf, smallestBuffer)
}

// The beginning of a message does not keep the memory of the long one before it, which the reader has read.
func TestBeginningOfTheNextMessageIsMoved(t *testing.T) {
	var a Assembler
	var b Buffers
	const long = 4 << 20
	a.Expect(long)
	require.NoError(t, a.Write(&b, 0, make([]byte, long)))
	require.NoError(t, a.Write(&b, long, []byte{7, 8}))
	view := a.View(0, long)
	require.Len(t, view, long)
	a.Consume(&b, long)
	require.Equal(t, smallestBuffer, len(a.buf))
	require.Equal(t, []byte{7, 8}, a.peekAll())
	require.NoError(t, a.Write(&b, long+2, []byte{9}))
	require.Equal(t, []byte{7, 8, 9}, a.peekAll())
}

// A steady exchange borrows the same buffer again and again.
func TestAssemblerDoesNotAllocate(t *testing.T) {
	var a Assembler
	var b Buffers
	data := make([]byte, 1000)
	at := uint64(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = a.Write(&b, at+1000, data)
		_ = a.Write(&b, at, data)
		_ = a.View(at, at+2000)
		at += 2000
		a.Consume(&b, at)
	}))
}

// The pool grants in the order of asking, never more than it has, and as soon as the first one's claim fits.
func TestPoolLikeAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 100
		p := NewPool(size)
		all := make([]Reservation, 8)
		type claimed struct{ who, size int }
		var queue, holds []claimed
		grant := func() (granted []int) {
			used := 0
			for _, h := range holds {
				used += h.size
			}
			for len(queue) > 0 && used+queue[0].size <= size {
				granted = append(granted, queue[0].who)
				used += queue[0].size
				holds = append(holds, queue[0])
				queue = queue[1:]
			}
			return granted
		}
		for i := range all {
			all[i].Owner = uint64(i)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			who := rapid.IntRange(0, len(all)-1).Draw(t, "who")
			if all[who].Active() {
				p.Release(&all[who])
				isWho := func(c claimed) bool { return c.who == who }
				queue, holds = slices.DeleteFunc(queue, isWho), slices.DeleteFunc(holds, isWho)
			} else {
				n := rapid.IntRange(1, size).Draw(t, "size")
				p.Reserve(&all[who], uint64(n))
				queue = append(queue, claimed{who, n})
			}
			if rapid.Bool().Draw(t, "late") {
				continue // grants wait for Granted, and may be released before
			}
			grant()
			for r := p.Granted(); r != nil; r = p.Granted() {
				require.True(t, slices.ContainsFunc(holds, func(c claimed) bool { return c.who == int(r.Owner) && c.size == int(r.Size()) }))
			}
			free := size
			for _, h := range holds {
				free -= h.size
				require.EqualValues(t, h.size, all[h.who].Size())
			}
			for _, q := range queue {
				require.Zero(t, all[q.who].Size())
			}
			require.EqualValues(t, free, p.Free())
		}
	})
}

// Messages above the floor get credit whole, and none that was promised is ever taken back.
func TestWindowNeverShrinks(t *testing.T) {
	w := NewWindow()
	require.True(t, w.Allows(Floor))
	require.False(t, w.Allows(Floor+1))
	require.False(t, w.Due())

	w.Reserve(100_000) // a message from offset 0 to 100,000
	require.True(t, w.Due())
	require.EqualValues(t, Floor+100_000, w.Advertise())
	require.False(t, w.Due())
	w.Consume(100_000)
	w.Reserve(0)
	require.EqualValues(t, Floor+100_000, w.Limit(), "the message's end and the floor")
	require.False(t, w.Due())

	w.Consume(100_000 + Floor/2 - 1)
	require.False(t, w.Due(), "crumbs are not worth a frame")
	w.Consume(100_000 + Floor/2)
	require.True(t, w.Due())
}

// RFC 9000 §4.6: "An endpoint that receives a frame with a stream ID exceeding the limit it has sent MUST treat
// this as a connection error of type STREAM_LIMIT_ERROR". The limit moves as streams end.
func TestStreamsMove(t *testing.T) {
	s := NewStreams(8)
	require.True(t, s.Allows(8))
	require.False(t, s.Allows(9))
	s.End()
	require.False(t, s.Due())
	s.End()
	require.True(t, s.Due())
	require.False(t, s.Allows(10), "not before the peer was told")
	require.EqualValues(t, 10, s.Advertise())
	require.True(t, s.Allows(10))
}

func FuzzAssembler(f *testing.F) {
	f.Add([]byte{0, 1, 5, 0, 0, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		var a Assembler
		var b Buffers
		for len(script) >= 3 {
			offset, length := uint64(script[0])<<4|uint64(script[1]), int(script[2])
			script = script[3:]
			switch {
			case offset > 4000:
				_ = a.Finish(offset)
			case a.Ready() > a.Consumed() && length%5 == 0:
				_ = a.View(a.Consumed(), a.Ready())
				a.Consume(&b, a.Ready())
			default:
				_ = a.Write(&b, offset, make([]byte, length))
			}
			if a.Consumed() > a.Ready() || len(a.buf) > 4*4500 {
				t.Fatal("out of bounds")
			}
		}
	})
}
