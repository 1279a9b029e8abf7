package services_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// raw is one end of a call whose other end is generated.
type raw struct {
	t testing.TB
	p *session.Protocol
	session.Stream
}

// message is the message of p with this label, whose parameters are numbers.
func message(t testing.TB, p *session.Protocol, label string, params ...int64) []byte {
	t.Helper()
	for i := range p.Messages {
		m := &p.Messages[i]
		if m.Label != label {
			continue
		}
		var e session.Encoder
		e.Start(m)
		for i, v := range params {
			e.Int64(i+1, v)
		}
		b, err := e.Message(m)
		require.NoError(t, err)
		return b
	}
	t.Fatalf("%s has no message %s", p.Name, label)
	return nil
}

func (r raw) send(last bool, label string, params ...int64) error {
	return r.Send(context.Background(), message(r.t, r.p, label, params...), last)
}

// outcome is how the other end ended the call: the label of its last message, or the error that it made of it.
func (r raw) outcome() (label string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		message, _, err := r.Recv(ctx)
		if err == io.EOF {
			return label, nil
		}
		if err != nil {
			return label, session.Explain(r.p, 0, err)
		}
		label = r.p.Messages[message[0]].Label
	}
}

// call opens a call of p by hand.
func call(t testing.TB, conn session.Conn, p *session.Protocol, note []byte) raw {
	t.Helper()
	s, err := conn.OpenStream(t.Context(), p, note)
	require.NoError(t, err)
	return raw{t, p, s}
}

// answer serves p by hand.
func answer(t testing.TB, srv session.Registrar, p *session.Protocol, serve func(r raw)) {
	srv.Handle(p, func(_ context.Context, s session.Stream) { serve(raw{t, p, s}) })
}
