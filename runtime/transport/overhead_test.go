package transport

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/session"
)

// answerOnce answers one message with itself, the last word with it.
func answerOnce(ctx context.Context, s session.Stream) {
	if message, _, err := s.Recv(ctx); err == nil {
		_ = s.Send(ctx, message, true)
	}
}

// TestCallOverhead counts the bytes of a call above its packets and its payload, when the protocol is known: the frame's type, the stream's
// number, the lengths of header and message, the protocol's number and the label's. It is one packet each way, which has the stream's end in it.
func TestCallOverhead(t *testing.T) {
	clean(t)
	const payload = 64
	srv := serve(t, map[*session.Protocol]handler{echoes: answerOnce})
	p := startProxy(t, srv.addr, func([]byte, bool) fate { return pass })
	c := dial(t, p.addr)
	call := func() {
		s := open(t, c, echoes)
		message := append([]byte{0}, bytes.Repeat([]byte{'p'}, payload)...) // the label's number, and a payload
		require.NoError(t, s.Send(bounded(t), message, true))
		got, _, err := s.Recv(bounded(t))
		require.NoError(t, err)
		require.Equal(t, message, got)
	}
	for range 200 {
		call()
	}
	p.mu.Lock()
	p.record = p.record[:0]
	p.mu.Unlock()
	const calls = 50
	for range calls {
		call()
	}
	streams, overhead := 0, 0
	for _, d := range p.recorded() {
		h, rest, err := packet.ParseHeader(d)
		require.NoError(t, err)
		require.Empty(t, rest)
		frames := h.Sealed[:len(h.Sealed)-handshake.TagLen]
		for f := (packet.Frame{}); len(frames) > 0; {
			size := len(frames)
			frames, err = packet.ParseFrame(&f, frames)
			require.NoError(t, err)
			if f.Type == packet.Stream {
				require.True(t, f.Fin)
				streams++
				overhead = max(overhead, size-len(frames)-payload)
			}
		}
	}
	t.Logf("%d bytes above %d of payload, %d frames for %d calls", overhead, payload, streams, calls)
	require.LessOrEqual(t, overhead, 12)
	require.GreaterOrEqual(t, streams, 2*calls)
	require.NoError(t, c.Close(bounded(t)))
}
