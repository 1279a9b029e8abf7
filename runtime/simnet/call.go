package simnet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/session"
)

// verb is what a program asks for. Calls of one moment that concern the same thing take effect in this order.
type verb uint8

const (
	verbScript verb = iota // of a Net
	verbDial
	verbOpen
	verbAbort // of a stream
	verbSend
	verbCloseSend
	verbRecv
	verbTryRecv
	verbClose
	verbRelease
	verbConnAbort // of a connection
	verbConnClose
	verbCancel // of another call
	verbEnd
)

var verbs = [...]string{
	verbScript: "script", verbDial: "Dial", verbOpen: "OpenStream", verbAbort: "Abort", verbSend: "Send", verbCloseSend: "CloseSend",
	verbRecv: "Recv", verbTryRecv: "TryRecv", verbClose: "Close", verbRelease: "the end of its program", verbConnAbort: "Abort", verbConnClose: "Close",
	verbCancel: "cancel", verbEnd: "the end of the test",
}

// call is what one goroutine asks the loop for, and the answer. The goroutine is parked from post until the
// answer; in between the call belongs to the loop.
type call struct {
	verb   verb
	ctx    context.Context
	actor  *actor  // who calls, where no session says it
	stream *stream // or
	peer   *peer   // or neither
	posted int

	script   func()
	text     string // what the script does, or whom Dial wants
	from     string // where Dial dials from
	protocol *session.Protocol
	note     []byte
	message  []byte // of Send; of Recv
	last     bool
	both     bool // Send is not to wait while there is something to receive: ErrBlocked
	abort    session.Abort
	err      error // for Abort of a connection
	target   *call // of a cancel

	done     chan struct{}
	answered bool
	since    mono.Time

	// The answer.
	result  error
	arrived mono.Time
	opened  *stream
}

// String says what is waited for.
func (c *call) String() string {
	what := verbs[c.verb]
	switch {
	case c.stream != nil:
		what = fmt.Sprintf("%s on %s", what, c.stream)
	case c.verb == verbOpen:
		what = fmt.Sprintf("%s of %s on %s", what, c.protocol.Name, c.peer)
	case c.peer != nil:
		what = fmt.Sprintf("%s of %s", what, c.peer)
	case c.text != "":
		what += " " + c.text
	}
	return fmt.Sprintf("%s, since %s", what, time.Duration(c.since))
}

// order ranks the calls of one moment: scripts by what they do, calls that concern no session yet by who calls,
// then session by session, then connections.
func (c *call) order(d *call) int {
	return cmp.Or(c.compare(d), cmp.Compare(c.posted, d.posted))
}

// compare is order, as far as it does not depend on which goroutine was faster.
func (c *call) compare(d *call) int {
	return cmp.Or(
		cmp.Compare(c.rank(), d.rank()),
		cmp.Compare(c.id(), d.id()),
		cmp.Compare(c.path(), d.path()),
		cmp.Compare(c.verb, d.verb),
		cmp.Compare(c.text, d.text),
		cmp.Compare(c.protocolName(), d.protocolName()),
	)
}

func (c *call) rank() int {
	switch {
	case c.target != nil:
		return c.target.rank() // with verbCancel, so behind it
	case c.verb == verbScript:
		return 0
	case c.verb <= verbOpen:
		return 1
	case c.stream != nil:
		return 2
	case c.peer != nil:
		return 3
	}
	return 4
}

func (c *call) id() uint64 {
	switch {
	case c.target != nil:
		return c.target.id()
	case c.stream != nil:
		return c.stream.history.number<<1 | uint64(c.stream.role)
	case c.verb <= verbOpen:
		return 0
	case c.peer != nil:
		return uint64(c.peer.index)
	}
	return 0
}

func (c *call) path() string {
	switch {
	case c.target != nil:
		return c.target.path()
	case c.actor != nil:
		return c.actor.path
	}
	return ""
}

func (c *call) protocolName() string {
	if c.protocol == nil {
		return ""
	}
	return c.protocol.Name
}

// do posts the call and parks until the loop has answered it. If ctx ends first, the loop takes the call back.
func (n *Net) do(ctx context.Context, c *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.ctx = ctx
	c.done = make(chan struct{})
	n.post(c)
	select {
	case <-c.done:
	case <-ctx.Done():
		n.post(&call{verb: verbCancel, target: c})
		<-c.done
	}
	return c.result
}

// post hands a call to the loop. After the end of the run it answers it itself.
func (n *Net) post(c *call) {
	n.mu.Lock()
	over := n.over
	if !over {
		n.posts++
		c.posted = n.posts
		n.calls = append(n.calls, c)
	}
	n.mu.Unlock()
	switch {
	case over && c.verb != verbCancel && c.done != nil:
		c.result = errOver
		close(c.done)
	case over:
	case n.inside():
		n.nudge()
	}
}

// nudge makes the loop look for what has changed.
func (n *Net) nudge() {
	select {
	case n.wake <- struct{}{}:
	default: // it is about to look anyway
	}
}

// inside reports whether the caller runs in the bubble, whose clock began in 2000. A session that the garbage
// collector found is aborted from outside, where Go does not allow touching the channels of a bubble.
func (n *Net) inside() bool { return time.Now().Unix() < n.outside }

// take returns the calls that were posted, in the order in which they take effect.
func (n *Net) take() []*call {
	n.mu.Lock()
	n.taken, n.calls = n.calls, n.taken[:0]
	n.mu.Unlock()
	slices.SortFunc(n.taken, (*call).order)
	for i := 1; i < len(n.taken) && !n.muddled; i++ {
		if c, before := n.taken[i], n.taken[i-1]; (c.verb == verbDial || c.verb == verbOpen) && c.compare(before) == 0 {
			n.muddled = true
			n.t.Logf("simnet: two goroutines with one context dial or open sessions at the same moment, %s: "+
				"which is first is the scheduler's choice, so a replay may differ; start them with Net.Go", c)
		}
	}
	return n.taken
}

// answer lets the caller go on at the loop's next pause.
func (n *Net) answer(c *call, err error) {
	if c.answered {
		return
	}
	c.answered, c.result = true, err
	n.answers = append(n.answers, c)
}

// script runs f in the loop.
func (n *Net) script(text string, f func()) {
	_ = n.do(context.Background(), &call{verb: verbScript, text: text, script: f})
}
