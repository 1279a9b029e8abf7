package conn

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever is written, sent, lost and acknowledged, in any order: every byte that was
// sent is what was written there, nothing acknowledged is sent again because of a loss, nothing lost
// is forgotten, and what is kept begins where the peer's first gap does.
func TestOutgoingLikeASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o outgoing
		var pool chunks
		var written []byte
		var acked, lost []bool // for each byte
		type span struct{ offset, length int }
		var flying []span
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				p := bytes.Repeat([]byte{byte(len(written))}, rapid.IntRange(0, 5000).Draw(t, "write"))
				for i := range p {
					p[i] += byte(i)
				}
				o.write(&pool, p)
				written = append(written, p...)
				acked, lost = append(acked, make([]bool, len(p))...), append(lost, make([]bool, len(p))...)
			case 1, 2:
				limit := rapid.Uint64Range(0, uint64(len(written))+10).Draw(t, "limit")
				next := o.next
				offset, length := o.pending(limit, 1200)
				require.Equal(t, o.blank(limit), length == 0)
				if length == 0 {
					continue
				}
				got := make([]byte, length)
				o.copyTo(got, offset)
				require.True(t, bytes.Equal(written[offset:int(offset)+length], got))
				o.sent(offset, length)
				if offset >= next {
					require.LessOrEqual(t, offset+uint64(length), limit)
				}
				for i := range length {
					if offset < next && !lost[int(offset)+i] {
						t.Fatal("sent again, and neither new nor lost")
					}
					lost[int(offset)+i] = false
				}
				flying = append(flying, span{int(offset), length})
			default:
				if len(flying) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				f := flying[i]
				if rapid.Bool().Draw(t, "acked") {
					o.ack(&pool, uint64(f.offset), f.length)
					for k := f.offset; k < f.offset+f.length; k++ {
						acked[k], lost[k] = true, false
					}
				} else {
					o.lose(uint64(f.offset), f.length)
					for k := f.offset; k < f.offset+f.length; k++ {
						lost[k] = !acked[k]
					}
				}
				if rapid.Bool().Draw(t, "once") {
					flying = append(flying[:i], flying[i+1:]...)
				}
			}
			first := 0
			for first < len(acked) && acked[first] {
				first++
			}
			require.EqualValues(t, first, o.acked)
			require.EqualValues(t, len(written), o.end)
			for k := range lost {
				if lost[k] != o.lost.Contains(uint64(k), uint64(k)+1) {
					t.Fatalf("byte %d: lost %v", k, lost[k])
				}
			}
			kept := make([]byte, o.buffered())
			o.copyTo(kept, o.acked)
			require.True(t, bytes.Equal(written[first:], kept))
			require.LessOrEqual(t, len(o.kept)-o.begin, o.buffered()/chunkSize+2)
		}
		o.free(&pool)
		require.Zero(t, o.buffered())
	})
}

func TestOutgoingDoesNotAllocate(t *testing.T) {
	var o outgoing
	var pool chunks
	message := make([]byte, 5000)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		o.write(&pool, message)
		for !o.blank(o.end) {
			o.sent(o.pending(o.end, 1200))
		}
		o.ack(&pool, o.acked+1000, 4000)
		o.ack(&pool, o.acked, 1000)
	}))
	require.Zero(t, o.buffered())
	require.Empty(t, o.kept)
}

// A stretch that is sent again in other pieces than before may be acknowledged over several that had arrived: all that
// lies behind it without a gap is acknowledged too.
func TestOutgoingAcknowledgedOverSeveral(t *testing.T) {
	var o outgoing
	var c chunks
	o.write(&c, make([]byte, 40))
	o.sent(0, 40)
	o.ack(&c, 10, 10)
	o.ack(&c, 30, 10)
	o.ack(&c, 0, 30)
	require.EqualValues(t, 40, o.acked)
	require.Zero(t, o.arrived.Len())
	require.Zero(t, o.buffered())
}
