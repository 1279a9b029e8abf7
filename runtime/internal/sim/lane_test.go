package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A lane on which "ab", "cd" and "ef" were sent and "ab" received, behind a header
// "h": its bytes are 1 h 2 a b 2 c d 2 e f, and R ends at 5.
func sample(t *testing.T) Lane {
	var l Lane
	l.Open([]byte("h"))
	for _, m := range []string{"ab", "cd", "ef"} {
		l.Send([]byte(m))
	}
	require.NoError(t, l.Receive([]byte("ab")))
	return l
}

func TestTrueBuffersPass(t *testing.T) {
	for _, c := range []struct {
		name string
		out  Outgoing
		in   Incoming
	}{
		{
			"nothing acknowledged",
			Outgoing{Acked: 0, Next: 5, End: 11, Unacked: []byte("\x01h\x02ab\x02cd\x02ef")},
			Incoming{Read: 5, Ready: 5},
		},
		{
			"the receiver has more than was acknowledged",
			Outgoing{Acked: 3, Next: 9, End: 11, Unacked: []byte("ab\x02cd\x02ef")},
			Incoming{Read: 5, Ready: 7, Unread: []byte("\x02c")},
		},
		{
			"everything arrived, and was acknowledged",
			Outgoing{Acked: 11, Next: 11, End: 11},
			Incoming{Read: 5, Ready: 11, Unread: []byte("\x02cd\x02ef")},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := sample(t)
			require.NoError(t, l.Check(c.out, c.in))
		})
	}
}

// Each history is false in one respect.
func TestFalseHistoriesAreCaught(t *testing.T) {
	whole := []byte("\x01h\x02ab\x02cd\x02ef")
	for _, c := range []struct {
		name string
		out  Outgoing
		in   Incoming
		want string
	}{
		{
			"acknowledged before it arrived",
			Outgoing{Acked: 8, Next: 11, End: 11, Unacked: whole[8:]},
			Incoming{Read: 5, Ready: 5},
			"8 bytes are acknowledged, and 5 have arrived",
		},
		{
			"arrived before it was sent",
			Outgoing{Next: 5, End: 11, Unacked: whole},
			Incoming{Read: 5, Ready: 8, Unread: whole[5:8]},
			"8 bytes have arrived, and 5 were sent",
		},
		{
			"a message is missing in the send buffer",
			Outgoing{Next: 5, End: 8, Unacked: whole[:8]},
			Incoming{Read: 5, Ready: 5},
			"the send buffer ends at 8, and what was sent at 11",
		},
		{
			"the send buffer was altered",
			Outgoing{Next: 5, End: 11, Unacked: []byte("\x01h\x02ab\x02cX\x02ef")},
			Incoming{Read: 5, Ready: 5},
			"the send buffer holds something else than was sent from 0 on",
		},
		{
			"the send buffer let go too much",
			Outgoing{Acked: 5, Next: 8, End: 11, Unacked: whole[8:]},
			Incoming{Read: 5, Ready: 8, Unread: whole[5:8]},
			"the send buffer holds something else than was sent from 5 on",
		},
		{
			"the receive buffer was altered",
			Outgoing{Next: 11, End: 11, Unacked: whole},
			Incoming{Read: 5, Ready: 8, Unread: []byte("\x02cX")},
			"the receive buffer holds something else than was sent from 5 to 8",
		},
		{
			"a gap was closed with the bytes behind it",
			Outgoing{Next: 11, End: 11, Unacked: whole},
			Incoming{Read: 5, Ready: 8, Unread: []byte("\x02ef")},
			"the receive buffer holds something else",
		},
		{
			"a message vanished between the receive buffer and the program",
			Outgoing{Next: 11, End: 11, Unacked: whole},
			Incoming{Read: 8, Ready: 11, Unread: whole[8:]},
			"the receive buffer begins at 8, and what was received ends at 5",
		},
		{
			"sent less than acknowledged",
			Outgoing{Acked: 5, Next: 3, End: 11, Unacked: whole[5:]},
			Incoming{Read: 5, Ready: 5},
			"out of order",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := sample(t)
			require.ErrorContains(t, l.Check(c.out, c.in), c.want)
		})
	}
}

func TestBuffersThatGoBackAreCaught(t *testing.T) {
	l := sample(t)
	in := Incoming{Read: 5, Ready: 8, Unread: []byte("\x02cd")}
	require.NoError(t, l.Check(Outgoing{Acked: 8, Next: 8, End: 11, Unacked: []byte("\x02ef")}, in))
	err := l.Check(Outgoing{Acked: 5, Next: 8, End: 11, Unacked: []byte("\x02cd\x02ef")}, in)
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
			require.ErrorContains(t, l.Receive([]byte(c.got)), c.want)
		})
	}
	l := sample(t)
	require.NoError(t, l.Receive([]byte("cd")))
	require.NoError(t, l.Receive([]byte("ef")))
	require.True(t, l.Complete())
	require.ErrorContains(t, l.Receive([]byte("ef")), "was received and never sent")
}

// What both ends are past is forgotten, and all else still checked.
func TestLaneForgets(t *testing.T) {
	var l Lane
	l.Open(nil)
	for range 10_000 {
		l.Send(make([]byte, 100))
		require.NoError(t, l.Receive(make([]byte, 100)))
		end := l.End()
		require.NoError(t, l.Check(Outgoing{Acked: end, Next: end, End: end}, Incoming{Read: end, Ready: end}))
	}
	require.Less(t, cap(l.kept), 1000)
	require.Equal(t, 10_000, l.Received)
}

// A packet carries what was sent at its place, or is caught.
func TestFalsePacketsAreCaught(t *testing.T) {
	whole := "\x01h\x02ab\x02cd\x02ef"
	for _, c := range []struct {
		offset     uint64
		data, want string
		fin        bool
	}{
		{0, whole, "", true},
		{2, whole[2:7], "", false},
		{11, "", "", true},
		{2, whole[3:8], "something else than was sent from 2 to 7", false},
		{10, "fX", "what was sent ends at 11", false},
		{5, whole[5:10], "says that the stream ends at 10", true},
	} {
		l := sample(t)
		err := l.Carried(c.offset, []byte(c.data), c.fin)
		if c.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.want)
		}
	}
}
