package steps_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/steps"
	"github.com/sessgen/sessgen/runtime/session"
)

// What a step costs. One goroutine drives both ends, so that none is ever woken. Each kind of step is taken in four ways,
// in turns, so that all see the same machine; a way's figure is the lower quartile of its turns.
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
		{"a string: many share a piece of memory", e.text, 0},
		{"a struct with a string", e.place, 0},
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
	scalar, text, place := byHand{label: 'N', n: 1234}, byHand{label: 'T', text: "carpe diem"}, byHand{label: 'P', at: somewhere}
	number := [2]string{"\x00\x08\xd2\x09", "\x01\x08\xd2\x09"}
	for _, kind := range []struct {
		name    string
		steps   func()
		carried [2]string
		message byHand
	}{
		{"scalar", e.number, number, scalar},
		{"string", e.text, [2]string{"\x02\x0a\x0acarpe diem", "\x03\x08\x0a"}, text},
		{"struct", e.place, [2]string{"\x04\x0a\x0a\x08\x03\x10\x04\x1a\x04here", "\x05\x08\x07"}, place},
		{"branch", e.branch, number, scalar},
		{"deferred", e.putOff, number, scalar},
	} {
		b.Run(kind.name, func(b *testing.B) {
			compare(b, map[string]func() time.Duration{
				"steps":     rounds(kind.steps),
				"carrier":   rounds(newBare(b).round(kind.carried)),
				"byhand":    rounds(newHandMade(true).round(kind.message)),
				"unchecked": rounds(newHandMade(false).round(kind.message)),
			})
		})
	}
	// Each of these steps is behind an if.
	down, bare, checked, unchecked := newCountdown(b), newBare(b), newHandDown(true), newHandDown(false)
	for i, name := range []string{"send", "receive"} {
		b.Run(name, func(b *testing.B) {
			compare(b, map[string]func() time.Duration{
				"steps":     only(i, down.send, down.receive),
				"carrier":   only(i, bare.send, bare.receive),
				"byhand":    only(i, checked.send, checked.receive),
				"unchecked": only(i, unchecked.send, unchecked.receive),
			})
		})
	}
	b.Run("if", func(b *testing.B) {
		for b.Loop() {
			down.decide()
		}
	})
}

// turn is how many steps a way takes in a turn: some ten microseconds.
const turn = 128

// rounds times a turn of rounds of four steps.
func rounds(round func()) func() time.Duration {
	return func() time.Duration {
		began := time.Now()
		for range turn / 4 {
			round()
		}
		return time.Since(began)
	}
}

// only times a turn of sends, or one of receives, and takes the other too.
func only(timed int, sendAndReceive ...func()) func() time.Duration {
	return func() (took time.Duration) {
		for i, step := range sendAndReceive {
			began := time.Now()
			for range turn {
				step()
			}
			if i == timed {
				took = time.Since(began)
			}
		}
		return took
	}
}

// compare reports what a step costs each way, and what the types cost above the carrier.
func compare(b *testing.B, ways map[string]func() time.Duration) {
	took := map[string][]time.Duration{}
	for i := 0; i < b.N; i += turn {
		for name, way := range ways {
			took[name] = append(took[name], way())
		}
	}
	step := map[string]float64{}
	for name := range ways {
		slices.Sort(took[name])
		step[name] = float64(took[name][len(took[name])/4]) / turn
		b.ReportMetric(step[name], name+"-ns/step")
	}
	b.ReportMetric(step["steps"]-step["carrier"], "above-ns/step")
	b.ReportMetric(0, "ns/op") // of all four together
}

// bare is the two ends of a bare stream.
type bare struct{ caller, answerer session.Stream }

func newBare(t testing.TB) *bare {
	conn, srv := session.Pipe()
	served := make(chan session.Stream, 1)
	srv.Handle(&steps.PingProtocol, func(_ context.Context, s session.Stream) { served <- s })
	caller, err := conn.OpenStream(context.Background(), &steps.PingProtocol, nil)
	require.NoError(t, err)
	require.NoError(t, caller.Send(context.Background(), []byte{0}, false))
	b := &bare{caller, <-served}
	b.receive()
	t.Cleanup(func() { caller.Abort(session.Abort{}) })
	return b
}

func (b *bare) round(messages [2]string) func() {
	there, back := []byte(messages[0]), []byte(messages[1])
	return func() {
		pass(b.caller, b.answerer, there)
		pass(b.answerer, b.caller, back)
	}
}

func pass(from, to session.Stream, message []byte) {
	if err := from.Send(context.Background(), message, false); err != nil {
		panic(err)
	}
	if _, _, err := to.Recv(context.Background()); err != nil {
		panic(err)
	}
}

var tick = []byte("\x01\x08\xff\xff\xff\xff\x07")

func (b *bare) send() {
	if err := b.caller.Send(context.Background(), tick, false); err != nil {
		panic(err)
	}
}

func (b *bare) receive() { must2(b.answerer.Recv(context.Background())) }

// countdown is both ends of a session of Countdown, each at an if.
type countdown struct {
	caller   steps.CountdownCallerDown
	answerer steps.CountdownAnswererDown
}

func newCountdown(t testing.TB) *countdown {
	conn, srv := session.Pipe()
	served := make(chan steps.CountdownAnswererDown, 1)
	steps.RegisterCountdownAnswerer(srv, func(ctx context.Context, start steps.CountdownAnswererStart) (end steps.CountdownAnswererEnd, err error) {
		_, down, err := start.RecvFrom(ctx)
		served <- down
		<-ctx.Done()
		return end, errors.Join(err, context.Cause(ctx))
	})
	start, err := steps.OpenCountdownCaller(context.Background(), conn)
	require.NoError(t, err)
	down, err := start.SendFrom(context.Background(), math.MaxUint32)
	require.NoError(t, err)
	t.Cleanup(func() { down.Abort(nil) })
	return &countdown{down, <-served}
}

func (c *countdown) decide() {
	if _, _, ok := c.caller.Branch(); !ok {
		panic("it is not done")
	}
}

func (c *countdown) send() {
	tick, _, _ := c.caller.Branch()
	c.caller = must(tick.SendTick(context.Background(), tick.Left()))
}

func (c *countdown) receive() {
	tick, _, _ := c.answerer.Branch()
	_, c.answerer = must2(tick.RecvTick(context.Background()))
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}

// handDown is both ends of Countdown written by hand.
type handDown struct {
	messages         chan byHand
	caller, answerer int64 // what is left
	checked          bool
}

func newHandDown(checked bool) *handDown {
	return &handDown{messages: make(chan byHand, turn), caller: math.MaxUint32, answerer: math.MaxUint32, checked: checked}
}

func (h *handDown) send() {
	m := byHand{label: 'T', n: h.caller}
	if h.checked && (h.caller == 0 || m.n != h.caller) {
		panic(errByHand)
	}
	h.messages <- m
	h.caller--
}

func (h *handDown) receive() {
	m := <-h.messages
	if h.checked && (h.answerer == 0 || m.label != 'T' || m.n != h.answerer) {
		panic(errByHand)
	}
	h.answerer--
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
