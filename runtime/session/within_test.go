package session_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// AskProtocol has time limits:
//
//	protocol Ask(Asker, Wiser) {
//	    Asker -> Wiser: Ask()
//	    choice at Wiser { Wiser -> Asker: Yes() within 1s } or { Wiser -> Asker: No() within 3s }
//	}
var AskProtocol = session.Protocol{
	Name:        "ask.Ask",
	Fingerprint: "3333333333333333333333333333333333333333333333333333333333333333",
	Roles:       [2]string{"Asker", "Wiser"},
	States:      []session.State{{Name: "Start"}, {Name: "AfterAsk"}, {Name: "End"}},
	Messages: []session.Message{
		{Label: "Ask", Number: 0, Next: 1},
		{Label: "Yes", Number: 1, Sender: 1, State: 1, Next: 2, Within: time.Second},
		{Label: "No", Number: 2, Sender: 1, State: 1, Next: 2, Within: 3 * time.Second},
	},
}

// ask runs receive as the asker once it has asked; the other role answers with the
// message after a while, or not at all if that is none.
func ask(t *testing.T, p *session.Protocol, message int, after time.Duration, receive func(context.Context, session.Step) (session.Step, error)) error {
	conn, srv := session.Pipe()
	session.Register(srv, p, func(ctx context.Context, first session.Step) (session.Step, error) {
		in, err := first.Recv(ctx, 0)
		require.NoError(t, err)
		next, err := in.Accept()
		require.NoError(t, err)
		if message == none {
			<-ctx.Done()
			return session.Step{}, context.Cause(ctx)
		}
		time.Sleep(after) // of the bubble's time
		out, err := next.BeginSend(message)
		require.NoError(t, err)
		return out.Send(ctx)
	})
	return session.Run(t.Context(), conn, p, func(ctx context.Context, first session.Step) (session.Step, error) {
		next, err := sendNote(ctx, first)
		require.NoError(t, err)
		return receive(ctx, next)
	})
}

const (
	none = 0
	yes  = 1
	no   = 2
)

func accept(in *session.Inbound, err error) (session.Step, error) {
	if err != nil {
		return session.Step{}, err
	}
	return in.Accept()
}

func recvAnswer(ctx context.Context, step session.Step) (session.Step, error) {
	return accept(step.Recv(ctx, 1))
}

func pollAnswer(ctx context.Context, step session.Step) (session.Step, error) {
	for {
		in, ok, err := step.TryRecv(1)
		if ok || err != nil {
			return accept(in, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func readLate(ctx context.Context, step session.Step) (session.Step, error) {
	time.Sleep(time.Minute)
	return recvAnswer(ctx, step)
}

func pollLate(ctx context.Context, step session.Step) (session.Step, error) {
	time.Sleep(time.Minute)
	return pollAnswer(ctx, step)
}

func TestWithin(t *testing.T) {
	open := AskProtocol // without a limit for No, so that the wait has none
	open.Fingerprint = "4444444444444444444444444444444444444444444444444444444444444444"
	open.Messages = append([]session.Message(nil), AskProtocol.Messages...)
	open.Messages[no].Within = 0

	type receive = func(context.Context, session.Step) (session.Step, error)
	for _, c := range []struct {
		name     string
		protocol *session.Protocol
		message  int
		after    time.Duration
		how      []receive
		late     string // the label that was late, "-" for none
		took     time.Duration
	}{
		{"in time", &AskProtocol, yes, time.Second, []receive{recvAnswer, pollAnswer, readLate, pollLate}, "", 0},
		{"each label has its own limit", &AskProtocol, yes, 1100 * time.Millisecond, []receive{recvAnswer, pollAnswer, readLate, pollLate}, "Yes", 0},
		{"the longest", &AskProtocol, no, 2900 * time.Millisecond, []receive{recvAnswer, pollAnswer, readLate, pollLate}, "", 0},
		{"later than the longest, read late", &AskProtocol, no, 4 * time.Second, []receive{readLate, pollLate}, "No", time.Minute},
		{"never", &AskProtocol, none, 0, []receive{recvAnswer}, "-", 3 * time.Second},
		{"never, polled", &AskProtocol, none, 0, []receive{pollAnswer}, "-", 3 * time.Second},
		{"never, and looked for late", &AskProtocol, none, 0, []receive{readLate, pollLate}, "-", time.Minute},
		{"no limit, late", &open, no, time.Hour, []receive{recvAnswer, pollAnswer}, "", time.Hour},
		{"a limit beside none", &open, yes, time.Hour, []receive{recvAnswer, pollAnswer}, "Yes", time.Hour},
	} {
		for _, how := range c.how {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					begin := time.Now()
					err := ask(t, c.protocol, c.message, c.after, how)
					if c.took > 0 {
						took := time.Since(begin)
						require.LessOrEqual(t, c.took, took)
						require.LessOrEqual(t, took, c.took+100*time.Millisecond) // what the poller sleeps
					}
					if c.late == "" {
						require.NoError(t, err)
						return
					}
					var peer *session.PeerError
					require.ErrorAs(t, err, &peer)
					require.Equal(t, session.TooLate, peer.Rule)
					require.Equal(t, c.late, max(peer.Label, "-"))
					require.True(t, peer.Timeout())
				})
			})
		}
	}
}

// The caller's own deadline is no fault of the peer's.
func TestWithinAndTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := ask(t, &AskProtocol, yes, time.Second, func(ctx context.Context, step session.Step) (session.Step, error) {
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			_, err := step.Recv(short, 1)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return recvAnswer(ctx, step)
		})
		require.NoError(t, err)
	})
}
