package services_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

// messages cuts data into messages, each with its length in a byte before it.
func messages(data []byte) (all [][]byte) {
	for len(data) > 0 {
		n := min(int(data[0]), len(data)-1)
		all = append(all, data[1:1+n])
		data = data[1+n:]
	}
	return all
}

// FuzzServer has a client that says anything: the generated server answers or refuses, and never hangs.
func FuzzServer(f *testing.F) {
	for which := range shapes {
		f.Add(byte(which), []byte{}, []byte("\x05\x00\x08\x64\x10\x01\x01\x01"))
		f.Add(byte(which), []byte("\x08\x01"), []byte("\x03\x00\x08\x01\x03\x00\x08\x02\x01\x01"))
	}
	f.Fuzz(func(t *testing.T, which byte, note, data []byte) {
		if len(note) > session.NoteMax {
			return
		}
		conn, srv := session.Pipe()
		services.RegisterContracts(srv, &server{reply: 1})
		s, err := conn.OpenStream(t.Context(), shapes[int(which)%len(shapes)].protocol, note)
		require.NoError(t, err)
		for _, m := range messages(data) {
			if s.Send(t.Context(), m, false) != nil {
				break
			}
		}
		_ = s.CloseSend()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for err == nil {
			_, _, err = s.Recv(ctx)
		}
		require.NoError(t, ctx.Err(), "the server hangs")
	})
}

// FuzzClient has a server that says anything: the generated client returns a reply or an *rpc.Error, and never hangs.
func FuzzClient(f *testing.F) {
	for which := range shapes {
		f.Add(byte(which), []byte("\x03\x01\x08\x01"))
		f.Add(byte(which), []byte("\x03\x02\x08\x01\x01\x03"))
		f.Add(byte(which), []byte("\x05\x02\x0a\x02\x08\x05"))
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		conn, srv := session.Pipe()
		shape := shapes[int(which)%len(shapes)]
		srv.Handle(shape.protocol, func(ctx context.Context, s session.Stream) {
			for _, m := range messages(data) {
				if s.Send(ctx, m, false) != nil {
					return
				}
			}
			_ = s.CloseSend()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := shape.call(ctx, services.NewContractsClient(conn), 1); err != nil {
			var e *rpc.Error
			require.ErrorAs(t, err, &e)
		}
		require.NoError(t, ctx.Err(), "the client hangs")
	})
}
