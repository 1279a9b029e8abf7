package peerfuzz

import (
	"errors"
	"slices"

	"github.com/sessgen/sessgen/runtime/session"
)

// Peer is one run of the role that plays against the body under test. Generated code uses it, from the one
// goroutine that plays.
type Peer struct {
	protocol *session.Protocol
	source   *source
	way      *ways
	picked   int
	tries    int // of values for the message at hand
	deviant  *deviant
}

const (
	// triesMax is how many values are drawn for one message before the peer gives up.
	triesMax = 200
	// stepsMax is how long a conversation may become; then the peer aborts it.
	stepsMax = 1000
)

// errGivenUp is how a play ends that could not, or would not, go on.
var errGivenUp = errors.New("peerfuzz: the peer gives up")

// Pick chooses one of the messages that may be sent: by the input or, when that is used up, the one from which
// the end is nearest. If that one's values were refused again and again, it picks any. It seldom picks one that
// leaves a loop for good, or all conversations would be short.
func (p *Peer) Pick(messages ...int) int {
	if p.tries%16 == 0 { // else its values were refused, and others may not be
		p.picked = p.pick(messages)
	}
	return p.picked
}

func (p *Peer) pick(messages []int) int {
	if p.source.exhausted() && p.tries < triesMax/4 {
		return slices.MinFunc(messages, func(a, b int) int { return p.way.from(a) - p.way.from(b) })
	}
	first := p.source.below(len(messages))
	for i := range messages {
		if m := messages[(first+i)%len(messages)]; p.way.returns(m) {
			if p.source.byte()%16 > 0 {
				return m
			}
			break
		}
	}
	return messages[first]
}

// Sent returns what follows the Send of a message at a state: the next state, the same one if the values did
// not fit and others may, or an error.
func (p *Peer) Sent(at, next any, failed error) (any, error) {
	var contract *session.ContractError
	var encode *session.EncodeError
	switch {
	case failed == nil:
		p.tries = 0
		return next, nil
	case !errors.As(failed, &contract) && !errors.As(failed, &encode):
		return nil, failed
	case p.tries >= triesMax:
		return nil, errGivenUp
	}
	p.tries++
	return at, nil
}

// ways are what a protocol's automaton says about where messages lead.
type ways struct {
	protocol *session.Protocol
	// distance is how many messages lie between each place and the end, at least.
	distance []int
	// loops says of each message whether the place that it leaves can be reached again behind it.
	loops []bool
}

const far = 1 << 20

func newWays(p *session.Protocol) *ways {
	w := &ways{protocol: p, distance: make([]int, len(p.States))}
	for i := range w.distance {
		w.distance[i] = far
	}
	w.distance[len(w.distance)-1] = 0
	next := make([][]int, len(p.States))
	for _, m := range p.Messages {
		next[m.State] = append(next[m.State], m.Next)
	}
	for i, s := range p.States {
		if s.If != "" {
			next[i] = []int{s.Then, s.Else}
		}
	}
	for changed := true; changed; {
		changed = false
		for i, s := range p.States {
			step := 1
			if s.If != "" {
				step = 0
			}
			for _, to := range next[i] {
				if d := w.distance[to] + step; d < w.distance[i] {
					w.distance[i], changed = d, true
				}
			}
		}
	}
	for _, m := range p.Messages {
		w.loops = append(w.loops, leads(next, m.Next, m.State))
	}
	return w
}

// leads reports whether there is a way from one place to another.
func leads(next [][]int, from, to int) bool {
	seen := make([]bool, len(next))
	ahead := []int{from}
	for len(ahead) > 0 {
		at := ahead[len(ahead)-1]
		ahead = ahead[:len(ahead)-1]
		if at == to {
			return true
		}
		if !seen[at] {
			seen[at] = true
			ahead = append(ahead, next[at]...)
		}
	}
	return false
}

// from is the distance behind a message.
func (w *ways) from(message int) int { return w.distance[w.protocol.Messages[message].Next] }

// returns reports whether the place that the message leaves can be reached again behind it.
func (w *ways) returns(message int) bool { return w.loops[message] }
