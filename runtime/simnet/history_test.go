package simnet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// A lane on which "ab", "cd" and "ef" were sent and "ab" received, behind a header
// "h": its bytes are 1 h 2 a b 2 c d 2 e f, and R ends at 5.
func sample(t *testing.T) lane {
	var l lane
	l.open([]byte("h"))
	for _, m := range []string{"ab", "cd", "ef"} {
		l.send([]byte(m))
	}
	require.NoError(t, l.receive([]byte("ab")))
	return l
}

func TestTrueBuffersPass(t *testing.T) {
	for _, c := range []struct {
		name string
		out  outgoing
		in   incoming
	}{
		{
			"nothing acknowledged",
			outgoing{acked: 0, next: 5, end: 11, unacked: []byte("\x01h\x02ab\x02cd\x02ef")},
			incoming{read: 5, ready: 5},
		},
		{
			"the receiver has more than was acknowledged",
			outgoing{acked: 3, next: 9, end: 11, unacked: []byte("ab\x02cd\x02ef")},
			incoming{read: 5, ready: 7, unread: []byte("\x02c")},
		},
		{
			"everything arrived, and was acknowledged",
			outgoing{acked: 11, next: 11, end: 11},
			incoming{read: 5, ready: 11, unread: []byte("\x02cd\x02ef")},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := sample(t)
			require.NoError(t, l.check(c.out, c.in))
		})
	}
}

// Each history is false in one respect.
func TestFalseHistoriesAreCaught(t *testing.T) {
	whole := []byte("\x01h\x02ab\x02cd\x02ef")
	for _, c := range []struct {
		name string
		out  outgoing
		in   incoming
		want string
	}{
		{
			"acknowledged before it arrived",
			outgoing{acked: 8, next: 11, end: 11, unacked: whole[8:]},
			incoming{read: 5, ready: 5},
			"8 bytes are acknowledged, and 5 have arrived",
		},
		{
			"arrived before it was sent",
			outgoing{next: 5, end: 11, unacked: whole},
			incoming{read: 5, ready: 8, unread: whole[5:8]},
			"8 bytes have arrived, and 5 were sent",
		},
		{
			"a message is missing in the send buffer",
			outgoing{next: 5, end: 8, unacked: whole[:8]},
			incoming{read: 5, ready: 5},
			"the send buffer ends at 8, and what was sent at 11",
		},
		{
			"the send buffer was altered",
			outgoing{next: 5, end: 11, unacked: []byte("\x01h\x02ab\x02cX\x02ef")},
			incoming{read: 5, ready: 5},
			"the send buffer holds something else than was sent from 0 on",
		},
		{
			"the send buffer let go too much",
			outgoing{acked: 5, next: 8, end: 11, unacked: whole[8:]},
			incoming{read: 5, ready: 8, unread: whole[5:8]},
			"the send buffer holds something else than was sent from 5 on",
		},
		{
			"the receive buffer was altered",
			outgoing{next: 11, end: 11, unacked: whole},
			incoming{read: 5, ready: 8, unread: []byte("\x02cX")},
			"the receive buffer holds something else than was sent from 5 to 8",
		},
		{
			"a gap was closed with the bytes behind it",
			outgoing{next: 11, end: 11, unacked: whole},
			incoming{read: 5, ready: 8, unread: []byte("\x02ef")},
			"the receive buffer holds something else",
		},
		{
			"a message vanished between the receive buffer and the program",
			outgoing{next: 11, end: 11, unacked: whole},
			incoming{read: 8, ready: 11, unread: whole[8:]},
			"the receive buffer begins at 8, and what was received ends at 5",
		},
		{
			"sent less than acknowledged",
			outgoing{acked: 5, next: 3, end: 11, unacked: whole[5:]},
			incoming{read: 5, ready: 5},
			"out of order",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := sample(t)
			require.ErrorContains(t, l.check(c.out, c.in), c.want)
		})
	}
}

func TestBuffersThatGoBackAreCaught(t *testing.T) {
	l := sample(t)
	in := incoming{read: 5, ready: 8, unread: []byte("\x02cd")}
	require.NoError(t, l.check(outgoing{acked: 8, next: 8, end: 11, unacked: []byte("\x02ef")}, in))
	err := l.check(outgoing{acked: 5, next: 8, end: 11, unacked: []byte("\x02cd\x02ef")}, in)
	require.ErrorContains(t, err, "the buffers went back")
}

func TestFalseReceptionsAreCaught(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"twice", "ab", `message 1 was received as "ab" and sent as "cd"`},
		{"one left out", "ef", `message 1 was received as "ef" and sent as "cd"`},
		{"cut", "c", `message 1 was received as "c" and sent as "cd"`},
		{"two at once", "cd\x02ef", `message 1 was received as "cd\x02ef" and sent as "cd"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := sample(t)
			require.ErrorContains(t, l.receive([]byte(c.got)), c.want)
		})
	}
	l := sample(t)
	require.NoError(t, l.receive([]byte("cd")))
	require.NoError(t, l.receive([]byte("ef")))
	require.True(t, l.complete())
	require.ErrorContains(t, l.receive([]byte("ef")), "was received and never sent")
}

// What both ends are past is forgotten, and all else still checked.
func TestLaneForgets(t *testing.T) {
	var l lane
	l.open(nil)
	for range 10_000 {
		l.send(make([]byte, 100))
		require.NoError(t, l.receive(make([]byte, 100)))
		end := l.end()
		require.NoError(t, l.check(outgoing{acked: end, next: end, end: end}, incoming{read: end, ready: end}))
	}
	require.Less(t, cap(l.kept), 1000)
	require.Equal(t, 10_000, l.received)
}

func TestWalkThroughTheProtocol(t *testing.T) {
	p := &session.Protocol{
		Roles: [2]string{"A", "B"},
		States: []session.State{
			{Name: "Start"},
			{Name: "Choice", If: "x > 0", Then: 2, Else: 3},
			{Name: "ChoiceIfTrue"},
			{Name: "ChoiceIfFalse"},
			{Name: "End"},
		},
		Messages: []session.Message{
			{Label: "Ask", Sender: 0, State: 0, Next: 1},
			{Label: "Yes", Sender: 1, State: 2, Next: 4},
			{Label: "Yes", Sender: 1, State: 3, Next: 0},
		},
	}
	type step struct{ role, message int }
	for _, c := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"one side of the if", []step{{0, 0}, {1, 0}, {1, 1}, {0, 1}}, ""},
		{"the other", []step{{0, 0}, {1, 0}, {1, 2}, {0, 2}, {0, 0}}, ""},
		{"not the same side at both ends", []step{{0, 0}, {1, 0}, {1, 1}, {0, 2}}, "received Yes at ChoiceIfFalse, which was sent as Yes at ChoiceIfTrue"},
		{"out of turn", []step{{0, 0}, {0, 0}}, "Ask does not leave Choice"},
		{"before it was asked", []step{{1, 1}}, "Yes does not leave Start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &history{protocol: p}
			ends := [2]*stream{{role: 0, history: h}, {role: 1, history: h}}
			var err error
			for _, s := range c.steps {
				if err == nil {
					err = ends[s.role].walk(s.message)
				}
			}
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}
