package steps_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/steps"
	"github.com/sessgen/sessgen/runtime/session"
)

// What a step costs. One goroutine drives both ends, so that none is ever woken. Each
// figure is for one message, which is two steps: one sends it, one receives it. Of a
// kind of payload there are four:
//
//	steps     the generated types over a Pipe
//	carrier   the bare Stream of a Pipe with the same bytes: what the types cost is the difference
//	byhand    a state machine written by hand, with the same predicates, over a Go channel of structs
//	unchecked the same without predicates and without asking for the state

// caller and answerer are the two ends of a session of Ping.
type ends struct {
	caller   steps.PingCallerReady
	answerer steps.PingAnswererReady
}

func newEnds(t testing.TB) *ends {
	conn, srv := session.Pipe()
	served, over := make(chan steps.PingAnswererReady, 1), make(chan struct{})
	steps.RegisterPingAnswerer(srv, func(_ context.Context, ready steps.PingAnswererReady) (steps.PingAnswererEnd, error) {
		served <- ready
		<-over
		return steps.PingAnswererEnd{}, context.Canceled
	})
	e := new(ends)
	caller, err := steps.OpenPingCaller(context.Background(), conn)
	require.NoError(t, err)
	asked, err := caller.SendNumber(context.Background(), 1)
	require.NoError(t, err)
	e.answerer = <-served
	e.answerNumber(asked)
	t.Cleanup(func() {
		e.caller.Abort(nil)
		close(over)
	})
	return e
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func (e *ends) number() {
	e.answerNumber(must(e.caller.SendNumber(context.Background(), 1234)))
}

func (e *ends) answerNumber(asked steps.PingCallerAfterNumber) {
	next := must(steps.MatchPingAnswererReady(context.Background(), e.answerer, takeNumber, nil, nil, nil))
	e.answerer = must(next.SendGotNumber(context.Background(), next.N()))
	_, ready, err := asked.RecvGotNumber(context.Background())
	e.caller = must(ready, err)
}

func (e *ends) text() {
	asked := must(e.caller.SendText(context.Background(), "carpe diem"))
	next := must(steps.MatchPingAnswererReady(context.Background(), e.answerer, nil, takeText, nil, nil))
	e.answerer = must(next.SendGotText(context.Background(), len(next.Text())))
	_, ready, err := asked.RecvGotText(context.Background())
	e.caller = must(ready, err)
}

var somewhere = steps.Point{X: 3, Y: 4, Label: "here"}

func (e *ends) place() {
	asked := must(e.caller.SendPlace(context.Background(), somewhere))
	next := must(steps.MatchPingAnswererReady(context.Background(), e.answerer, nil, nil, takePlace, nil))
	e.answerer = must(next.SendGotPlace(context.Background(), next.At().X+next.At().Y))
	_, ready, err := asked.RecvGotPlace(context.Background())
	e.caller = must(ready, err)
}

func takeNumber(b steps.PingAnswererReadyNumber) (steps.PingAnswererAfterNumber, error) {
	return b.Next, nil
}

func takeText(b steps.PingAnswererReadyText) (steps.PingAnswererAfterText, error) { return b.Next, nil }

func takePlace(b steps.PingAnswererReadyPlace) (steps.PingAnswererAfterPlace, error) {
	return b.Next, nil
}

// branch is number with the loop's interface in place of Match.
func (e *ends) branch() {
	asked := must(e.caller.SendNumber(context.Background(), 1234))
	next := must(e.answerer.Recv(context.Background())).(steps.PingAnswererReadyNumber).Next
	e.answerer = must(next.SendGotNumber(context.Background(), next.N()))
	_, ready, err := asked.RecvGotNumber(context.Background())
	e.caller = must(ready, err)
}

// putOff is number with the answer put off, and received later.
func (e *ends) putOff() {
	asked := must(e.caller.SendNumber(context.Background(), 1234))
	pending, ready, err := asked.DeferGotNumber()
	e.caller = must(ready, err)
	next := must(steps.MatchPingAnswererReady(context.Background(), e.answerer, takeNumber, nil, nil, nil))
	e.answerer = must(next.SendGotNumber(context.Background(), next.N()))
	must(pending.Recv(context.Background()))
}

func TestWhatStepsAllocate(t *testing.T) {
	e := newEnds(t)
	for _, c := range []struct {
		name  string
		round func()
		want  float64
	}{
		{"send, match and receive of scalars", e.number, 0},
		{"a string: the one that arrives", e.text, 1},
		{"a struct: the string in it", e.place, 1},
		{"a branch for loops", e.branch, 1},
		{"a pending value", e.putOff, 1},
	} {
		c.round()
		require.Equal(t, c.want, testing.AllocsPerRun(1000, c.round), c.name)
	}
	down := newCountdown(t)
	require.Zero(t, testing.AllocsPerRun(1000, down.decide), "an if")
}

func BenchmarkStep(b *testing.B) {
	e := newEnds(b)
	for name, round := range map[string]func(){
		"scalar": e.number, "string": e.text, "struct": e.place, "branch": e.branch, "deferred": e.putOff,
	} {
		b.Run(name+"/steps", func(b *testing.B) { perMessage(b, round) })
	}
	down := newCountdown(b)
	b.Run("if/steps", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			down.decide()
		}
	})
	for name, messages := range map[string][2]string{
		"scalar": {"\x00\x08\xd2\x09", "\x01\x08\xd2\x09"},
		"string": {"\x02\x0a\x0acarpe diem", "\x03\x08\x0a"},
		"struct": {"\x04\x0a\x0a\x08\x03\x10\x04\x1a\x04here", "\x05\x08\x07"},
	} {
		b.Run(name+"/carrier", func(b *testing.B) {
			caller, answerer := streams(b)
			there, back := []byte(messages[0]), []byte(messages[1])
			perMessage(b, func() {
				pass(caller, answerer, there)
				pass(answerer, caller, back)
			})
			caller.Abort(session.Abort{})
		})
	}
	for name, message := range map[string]byHand{
		"scalar": {label: 'N', n: 1234}, "string": {label: 'T', text: "carpe diem"}, "struct": {label: 'P', at: somewhere},
	} {
		b.Run(name+"/byhand", func(b *testing.B) { perMessage(b, newHandMade(true).round(message)) })
		b.Run(name+"/unchecked", func(b *testing.B) { perMessage(b, newHandMade(false).round(message)) })
	}
}

// perMessage runs rounds of two messages.
func perMessage(b *testing.B, round func()) {
	b.ReportAllocs()
	for i := 0; i < b.N; i += 2 {
		round()
	}
}

// streams are the two ends of a bare stream.
func streams(t testing.TB) (caller, answerer session.Stream) {
	conn, srv := session.Pipe()
	served := make(chan session.Stream, 1)
	srv.Handle(&steps.PingProtocol, func(_ context.Context, s session.Stream) { served <- s })
	caller, err := conn.OpenStream(context.Background(), &steps.PingProtocol, nil)
	require.NoError(t, err)
	require.NoError(t, caller.Send(context.Background(), []byte{0}, false))
	answerer = <-served
	_, _, err = answerer.Recv(context.Background())
	require.NoError(t, err)
	return caller, answerer
}

func pass(from, to session.Stream, message []byte) {
	if err := from.Send(context.Background(), message, false); err != nil {
		panic(err)
	}
	if _, _, err := to.Recv(context.Background()); err != nil {
		panic(err)
	}
}

// countdown is a session at an if.
type countdown struct{ down steps.CountdownCallerDown }

func newCountdown(t testing.TB) *countdown {
	conn, srv := session.Pipe()
	steps.RegisterCountdownAnswerer(srv, func(ctx context.Context, _ steps.CountdownAnswererStart) (end steps.CountdownAnswererEnd, err error) {
		<-ctx.Done()
		return end, context.Cause(ctx)
	})
	start, err := steps.OpenCountdownCaller(context.Background(), conn)
	require.NoError(t, err)
	down, err := start.SendFrom(context.Background(), 5)
	require.NoError(t, err)
	t.Cleanup(func() { down.Abort(nil) })
	return &countdown{down}
}

func (c *countdown) decide() {
	if _, _, ok := c.down.Branch(); !ok {
		panic("it is not done")
	}
}

// byHand is a message of Ping as one would write it over a channel.
type byHand struct {
	label byte
	n     int64
	text  string
	at    steps.Point
}

// handMade is both ends of Ping written by hand.
type handMade struct {
	there, back chan byHand
	asked       byHand // the caller's state: what it waits to have answered; none if its label is 0
	heard       byHand // the answerer's
	checked     bool
}

func newHandMade(checked bool) *handMade {
	return &handMade{there: make(chan byHand, 1), back: make(chan byHand, 1), checked: checked}
}

var errByHand = errors.New("broken")

func (h *handMade) send(m byHand) error {
	if h.checked && (h.asked.label != 0 || !h.holds(m)) {
		return errByHand
	}
	h.there <- m
	h.asked = m
	return nil
}

func (h *handMade) recv() (byHand, error) {
	m := <-h.there
	if h.checked && (h.heard.label != 0 || !h.holds(m)) {
		return m, errByHand
	}
	h.heard = m
	return m, nil
}

func (h *handMade) answer(m byHand) error {
	if h.checked && (h.heard.label != m.label || !answers(h.heard, m)) {
		return errByHand
	}
	h.heard = byHand{}
	h.back <- m
	return nil
}

func (h *handMade) answered() error {
	m := <-h.back
	if h.checked && (h.asked.label != m.label || !answers(h.asked, m)) {
		return errByHand
	}
	h.asked = byHand{}
	return nil
}

func (h *handMade) holds(m byHand) bool {
	switch m.label {
	case 'N':
		return m.n >= 0
	case 'T':
		return m.text != ""
	case 'P':
		return m.at.X <= m.at.Y
	}
	return false
}

func answers(asked, m byHand) bool {
	switch asked.label {
	case 'N':
		return m.n == asked.n
	case 'T':
		return m.n == int64(len(asked.text))
	}
	return m.n == asked.at.X+asked.at.Y
}

func (h *handMade) round(m byHand) func() {
	return func() {
		if err := h.send(m); err != nil {
			panic(err)
		}
		got, err := h.recv()
		if err != nil {
			panic(err)
		}
		reply := byHand{label: got.label, n: got.n}
		switch got.label {
		case 'T':
			reply.n = int64(len(got.text))
		case 'P':
			reply.n = got.at.X + got.at.Y
		}
		if err := h.answer(reply); err != nil {
			panic(err)
		}
		if err := h.answered(); err != nil {
			panic(err)
		}
	}
}
