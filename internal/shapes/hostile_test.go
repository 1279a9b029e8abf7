package shapes

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// client draws as long as it may, or leaves in the round in which only so many are left.
func client(leave uint32) func(ctx context.Context, s TalkClientStart) (TalkClientEnd, error) {
	return func(ctx context.Context, s TalkClientStart) (TalkClientEnd, error) {
		round, err := s.SendHello(ctx, "ann", 4)
		if err != nil {
			return TalkClientEnd{}, err
		}
		for {
			last, draw, ok := round.Branch()
			if ok {
				_, end, err := last.RecvBye(ctx)
				return end, err
			}
			if draw.Left() == leave {
				return draw.SendLeave(ctx)
			}
			drew, err := draw.SendDraw(ctx, Circle{Radius: 1}, map[string]Tree{"a": {Label: "b"}})
			if err != nil {
				return TalkClientEnd{}, err
			}
			branch, err := drew.Recv(ctx)
			switch b := branch.(type) {
			case TalkClientAfterDrawDrawn:
				round = b.Next
			case TalkClientAfterDrawRefused:
				round = b.Next
			default:
				return TalkClientEnd{}, err
			}
		}
	}
}

// server answers what it is asked.
func server(ctx context.Context, s TalkServerStart) (TalkServerEnd, error) {
	_, _, round, err := s.RecvHello(ctx)
	for err == nil {
		bye, serve, ok := round.Branch()
		if ok {
			return bye.SendBye(ctx, []Figure{{Shape: round.Last()}})
		}
		var branch TalkServerRoundIfFalseBranch
		branch, err = serve.Recv(ctx)
		switch b := branch.(type) {
		case TalkServerRoundIfFalseLeave:
			return b.Next, nil
		case TalkServerRoundIfFalseDraw:
			if len(b.Deep) > 0 {
				round, err = b.Next.SendDrawn(ctx, 1, &Tree{Label: "x"})
			} else {
				round, err = b.Next.SendRefused(ctx, ColorGreen, 7)
			}
		}
	}
	return TalkServerEnd{}, err
}

// FuzzPeer lets a peer say anything, in either role of Talk, to an honest body in the other one. A script is the
// role, and messages, each behind its length. The body's session finishes, or ends with a *PeerError; nothing
// panics and nothing waits for ever.
func FuzzPeer(f *testing.F) {
	for _, script := range recorded(f) {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // what takes so long hangs
		defer cancel()
		var err error
		if asClient := script[0]%2 == 0; asClient {
			conn, srv := session.Pipe()
			result := make(chan error, 1)
			RegisterTalkServer(srv, func(ctx context.Context, s TalkServerStart) (TalkServerEnd, error) {
				end, err := server(ctx, s)
				if err == nil {
					err = end.Close(ctx)
				}
				result <- err
				return end, err
			})
			s, openErr := conn.OpenStream(ctx, &TalkProtocol, nil)
			require.NoError(t, openErr)
			say(ctx, s, script[1:])
			err = <-result
		} else {
			conn, srv := session.Pipe()
			done := make(chan struct{})
			srv.Handle(&TalkProtocol, func(_ context.Context, s session.Stream) {
				defer close(done)
				say(ctx, s, script[1:])
			})
			err = RunTalkClient(ctx, conn, client(uint32(script[0]/2)))
			<-done
		}
		if err != nil && !errors.As(err, new(*session.PeerError)) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}

// say sends what the script has, and then waits for the end of the session.
func say(ctx context.Context, s session.Stream, script []byte) {
	for len(script) > 0 {
		n := min(int(script[0]), len(script)-1)
		if s.Send(ctx, script[1:1+n], false) != nil {
			return
		}
		script = script[1+n:]
	}
	_ = s.CloseSend()
	for {
		if _, _, err := s.Recv(ctx); err != nil {
			_ = s.Close(ctx)
			return
		}
	}
}

// recorded are the scripts of honest peers in both roles.
func recorded(f *testing.F) [][]byte {
	var scripts [][]byte
	for _, leave := range []uint32{0, 2} {
		conn, srv := session.Pipe()
		RegisterTalkServer(srv, server)
		tap := &tap{Conn: conn}
		require.NoError(f, RunTalkClient(f.Context(), tap, client(leave)))
		scripts = append(scripts, append([]byte{0}, tap.sent...), append([]byte{1 + 2*byte(leave)}, tap.received...))
	}
	return scripts
}

// tap notes what goes over a conn's only stream, each message behind its length.
type tap struct {
	session.Conn
	session.Stream
	sent, received []byte
}

func (t *tap) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, err := t.Conn.OpenStream(ctx, p, note)
	t.Stream = s
	return t, err
}

func (t *tap) Send(ctx context.Context, message []byte, last bool) error {
	t.sent = append(append(t.sent, byte(len(message))), message...)
	return t.Stream.Send(ctx, message, last)
}

func (t *tap) Recv(ctx context.Context) ([]byte, time.Time, error) {
	message, arrived, err := t.Stream.Recv(ctx)
	if err == nil {
		t.received = append(append(t.received, byte(len(message))), message...)
	}
	return message, arrived, err
}
