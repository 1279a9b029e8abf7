package session_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/session"
)

// After a failed step either the state is as it was, or the session is over: there is
// no third case. Random protocols are played at random by both roles, with everything
// that can go wrong, against a model of where each of them is.
func TestNoThirdCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGame(t)
		defer g.stop()
		moves := map[string]func(*rapid.T){"": func(t *rapid.T) { g.check(t) }}
		for role := range g.players {
			act := func(do func(*rapid.T, *player)) func(*rapid.T) {
				return func(t *rapid.T) {
					p := g.player(role)
					if p == nil {
						t.Skip("not served yet")
					}
					do(t, p)
				}
			}
			for name, do := range map[string]func(*rapid.T, *player){
				"step": g.step, "step again": g.step, "step once more": g.step, "refuse": g.refuse, "not encodable": g.unencodable,
				"too large": g.tooLarge, "canceled": g.canceled, "misplaced": g.misplaced, "used": g.used, "put off": g.putOff,
				"receive what was put off": g.receivePending, "lie": g.lie, "abort": g.abort,
			} {
				moves[fmt.Sprintf("%d %s", role, name)] = act(do)
			}
		}
		t.Repeat(moves)
	})
}

// game is one session of a random protocol, whose messages each carry a number: how
// many were sent that way before.
type game struct {
	protocol *session.Protocol
	players  [2]*player
	sent     [2]int // by each role
	served   chan session.Step
	over     chan struct{}
	ended    bool // some end of it
	lied     [2]bool
}

// player is one end: the model of it, and its step.
type player struct {
	role    int
	step    session.Step
	used    []session.Step
	place   int
	got     int        // how many messages it has taken in
	pending []*putting // what it has put off, and not received
	over    error      // what ended the session here
}

// putting is a receive that was put off.
type putting struct {
	session.Pending
	number int // the one that must come
}

func (p *putting) TakeIn(in *session.Inbound) error {
	if n := number(in); n != p.number {
		return in.Violated("n", n)
	}
	_, err := in.Accept()
	return err
}

func number(in *session.Inbound) (n int) {
	for in.Next() {
		n = in.Int()
	}
	return n
}

// newGame draws a protocol: its last state is the end, and an if leads on only.
func newGame(t *rapid.T) *game {
	states := rapid.IntRange(1, 6).Draw(t, "states")
	p := &session.Protocol{Name: "random.Random", Fingerprint: session.Fingerprint(strings.Repeat("7e", 32)), Roles: [2]string{"A", "B"}}
	for i := range states {
		state := session.State{Name: fmt.Sprint("S", i)}
		if i+1 < states && rapid.IntRange(0, 4).Draw(t, "if") == 0 {
			state.If = "it is so"
			state.Then = rapid.IntRange(i+1, states).Draw(t, "then")
			state.Else = rapid.IntRange(i+1, states).Draw(t, "else")
		}
		p.States = append(p.States, state)
		if state.If != "" {
			continue
		}
		sender := rapid.IntRange(0, 1).Draw(t, "sender")
		for range rapid.IntRange(1, 3).Draw(t, "messages") {
			p.Messages = append(p.Messages, session.Message{
				Label: fmt.Sprint("L", len(p.Messages)), Number: uint64(len(p.Messages)), Sender: sender,
				State: i, Next: rapid.IntRange(0, states).Draw(t, "next"), Params: []string{"n int", "more []byte"},
			})
		}
	}
	p.States = append(p.States, session.State{Name: "End"})
	g := &game{protocol: p, served: make(chan session.Step, 1), over: make(chan struct{})}
	conn, srv := session.Pipe()
	session.Register(srv, p, func(_ context.Context, first session.Step) (session.Step, error) {
		g.served <- first
		<-g.over
		return session.Step{}, context.Canceled
	})
	first, err := session.Open(context.Background(), conn, p)
	require.NoError(t, err)
	g.players[0] = &player{step: first, place: g.decide(0)}
	return g
}

// stop ends what is left of the session.
func (g *game) stop() {
	g.players[0].step.Abort(nil)
	close(g.over)
}

// player is the player of a role, nil as long as nobody has called it.
func (g *game) player(role int) *player {
	if g.players[role] == nil && (g.sent[0] > 0 || !g.protocol.DialerSendsFirst()) && !g.ended {
		g.players[role] = &player{role: role, step: <-g.served, place: g.decide(0)}
	}
	return g.players[role]
}

// decide goes through ifs.
func (g *game) decide(place int) int {
	for s := g.protocol.States[place]; s.If != ""; s = g.protocol.States[place] {
		if place = s.Then; (s.Then+s.Else)%2 == 1 {
			place = s.Else
		}
	}
	return place
}

// leaving are the messages that leave the player's place, and whether it sends them.
func (g *game) leaving(p *player) (messages []int, sends bool) {
	for i, m := range g.protocol.Messages {
		if m.State == p.place {
			messages, sends = append(messages, i), m.Sender == p.role
		}
	}
	return messages, sends
}

// sending draws a message to send, and begins it.
func (g *game) sending(t *rapid.T, p *player) (int, *session.Outbound) {
	messages, sends := g.leaving(p)
	if !sends {
		t.Skip("it does not send here")
	}
	message := rapid.SampledFrom(messages).Draw(t, "message")
	out, err := p.step.BeginSend(message)
	g.failed(t, p, err, p.over)
	if err != nil {
		t.Skip("over")
	}
	return message, out
}

// advance moves the model behind a message.
func (g *game) advance(p *player, message int, next session.Step) {
	p.used = append(p.used, p.step)
	p.step, p.place = next, g.decide(g.protocol.Messages[message].Next)
}

// failed checks what a step has left that failed: nothing has changed, or the session is over,
// and then it is for the reason that every later step gives too: want, if that is known.
func (g *game) failed(t *rapid.T, p *player, err, want error) {
	if err != nil {
		require.Contains(t, p.step.Describe("it"), map[bool]string{true: "over", false: "ready"}[errors.Is(err, net.ErrClosed)])
	}
	var peer *session.PeerError
	switch {
	case want != nil:
		require.Equal(t, want, err)
	case err == nil:
	case errors.Is(err, net.ErrClosed):
		if errors.As(err, &peer) && !peer.Remote {
			require.True(t, g.lied[1-p.role], "%v", err)
			g.ended = true
		}
		require.True(t, g.ended, "%v", err)
		p.over = err
	default:
		var contract *session.ContractError
		var encode *session.EncodeError
		var large *session.TooLargeError
		require.True(t, errors.As(err, &contract) || errors.As(err, &encode) || errors.As(err, &large) ||
			errors.Is(err, session.ErrTooManyPending) || errors.Is(err, context.Canceled), "%v", err)
	}
}

// check holds between all moves: the players' steps can be used, whatever happened.
func (g *game) check(t *rapid.T) {
	for _, p := range g.players {
		if p == nil {
			continue
		}
		require.True(t, p.step.Ready())
		for _, used := range p.used[max(0, len(p.used)-3):] {
			require.False(t, used.Ready())
		}
	}
}

// step sends or receives as the protocol says. It must succeed, if the session lives.
func (g *game) step(t *rapid.T, p *player) {
	messages, sends := g.leaving(p)
	switch {
	case len(messages) == 0:
		g.close(t, p)
	case sends:
		g.send(t, p, 0)
	default:
		g.receive(t, p)
	}
}

func (g *game) receive(t *rapid.T, p *player) {
	waiting, arrived := p.waiting(), g.sent[1-p.role]-p.got
	in, ok, err := p.step.TryRecv(p.place)
	if err != nil {
		g.failed(t, p, err, p.over)
		return
	}
	g.takenIn(t, p, waiting, arrived)
	require.Equal(t, arrived > waiting, ok)
	if !ok {
		return
	}
	message := in.Message()
	if n := number(in); n != p.got {
		g.failed(t, p, in.Violated("n", n), nil)
		require.Error(t, p.over)
		return
	}
	next, err := in.Accept()
	require.NoError(t, err)
	p.got++
	g.advance(p, message, next)
}

// takenIn follows what was put off: as much as had arrived has been taken in.
func (g *game) takenIn(t *rapid.T, p *player, waiting, arrived int) {
	require.Equal(t, min(waiting, arrived), waiting-p.waiting())
	p.got += waiting - p.waiting()
}

// send sends the number that is due, or one that is off by so much.
func (g *game) send(t *rapid.T, p *player, off int) {
	message, out := g.sending(t, p)
	out.Int(1, g.sent[p.role]+off)
	next, err := out.Send(context.Background())
	g.failed(t, p, err, nil)
	if err == nil {
		g.sent[p.role]++
		g.advance(p, message, next)
	}
}

// close waits for the end no longer than it takes to look.
func (g *game) close(t *rapid.T, p *player) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	waiting := p.waiting()
	err := p.step.Close(ctx)
	p.got += waiting - p.waiting()
	g.failed(t, p, err, p.over)
}

// waiting is how many of what it has put off are not in.
func (p *player) waiting() (n int) {
	for _, q := range p.pending {
		if !q.TakenIn() {
			n++
		}
	}
	return n
}

func (g *game) lie(t *rapid.T, p *player) {
	if _, sends := g.leaving(p); !sends || rapid.IntRange(0, 3).Draw(t, "dare") > 0 {
		t.Skip("it does not")
	}
	g.lied[p.role] = true
	g.send(t, p, 1)
}

func (g *game) abort(t *rapid.T, p *player) {
	if rapid.IntRange(0, 9).Draw(t, "dare") > 0 {
		t.Skip("it does not")
	}
	g.ended = true
	p.step.Abort(session.Reason("enough"))
}

func (g *game) refuse(t *rapid.T, p *player) {
	_, out := g.sending(t, p)
	err := out.Refuse("n", 1)
	var contract *session.ContractError
	require.ErrorAs(t, err, &contract)
	g.failed(t, p, err, nil)
}

func (g *game) unencodable(t *rapid.T, p *player) {
	_, out := g.sending(t, p)
	out.Text(2, "\xff")
	_, err := out.Send(context.Background())
	var encode *session.EncodeError
	require.ErrorAs(t, err, &encode)
	g.failed(t, p, err, nil)
}

var huge = make([]byte, 4<<20)

func (g *game) tooLarge(t *rapid.T, p *player) {
	_, out := g.sending(t, p)
	out.Bytes(2, huge)
	_, err := out.Send(context.Background())
	require.Error(t, err)
	g.failed(t, p, err, nil)
}

// canceled is any step whose context has ended.
func (g *game) canceled(t *rapid.T, p *player) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	messages, sends := g.leaving(p)
	var err error
	switch {
	case sends:
		_, out := g.sending(t, p)
		_, err = out.Send(ctx)
	case len(messages) > 0:
		_, err = p.step.Recv(ctx, p.place)
	default:
		t.Skip("the end")
	}
	require.Error(t, err)
	g.failed(t, p, err, p.over)
}

func (g *game) misplaced(t *rapid.T, p *player) {
	_, sends := g.leaving(p)
	if !strings.Contains(p.step.Describe("it"), "ready") {
		t.Skip("over")
	}
	var err error
	switch rapid.IntRange(0, 3).Draw(t, "how") {
	case 0:
		_, err = p.step.BeginSend(len(g.protocol.Messages))
	case 1:
		_, err = p.step.Recv(context.Background(), len(g.protocol.States)-1)
	case 2:
		_, err = p.step.Defer(-1, new(session.Pending), nil)
	case 3:
		if !sends {
			t.Skip("it may receive")
		}
		_, _, err = p.step.TryRecv(p.place)
	}
	require.ErrorIs(t, err, session.ErrNoSession)
}

func (g *game) used(t *rapid.T, p *player) {
	if len(p.used) == 0 {
		t.Skip("none")
	}
	step := rapid.SampledFrom(p.used).Draw(t, "step")
	var err error
	switch rapid.IntRange(0, 3).Draw(t, "how") {
	case 0:
		_, err = step.BeginSend(0)
	case 1:
		_, err = step.Recv(context.Background(), 0)
	case 2:
		err = step.Close(context.Background())
	case 3:
		_, err = step.Defer(0, new(session.Pending), nil)
	}
	require.ErrorIs(t, err, session.ErrStateUsed)
}

func (g *game) putOff(t *rapid.T, p *player) {
	messages, sends := g.leaving(p)
	if sends || len(messages) != 1 {
		t.Skip("nothing to put off")
	}
	q := &putting{number: p.got + p.waiting()}
	next, err := p.step.Defer(messages[0], &q.Pending, q)
	if p.waiting() == 64 && p.over == nil && !g.ended {
		require.ErrorIs(t, err, session.ErrTooManyPending)
	}
	g.failed(t, p, err, p.over)
	if err == nil {
		p.pending = append(p.pending, q)
		g.advance(p, messages[0], next)
	}
}

func (g *game) receivePending(t *rapid.T, p *player) {
	if len(p.pending) == 0 {
		t.Skip("nothing is put off")
	}
	i := rapid.IntRange(0, len(p.pending)-1).Draw(t, "pending")
	q, waiting, arrived := p.pending[i], p.waiting(), g.sent[1-p.role]-p.got
	was := q.TakenIn()
	if !was && rapid.Bool().Draw(t, "canceled") {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := q.Recv(ctx)
		require.Error(t, err)
		g.failed(t, p, err, p.over)
		return
	}
	ok, err := q.TryRecv()
	if err != nil {
		require.False(t, was)
		g.failed(t, p, err, p.over)
		return
	}
	p.got += waiting - p.waiting()
	require.Equal(t, was || q.number < p.got, ok)
	require.Equal(t, was || i < len(p.pending)-waiting+arrived, ok)
	if ok {
		require.ErrorIs(t, q.Recv(context.Background()), session.ErrStateUsed)
		p.pending = append(p.pending[:i:i], p.pending[i+1:]...)
	}
}
