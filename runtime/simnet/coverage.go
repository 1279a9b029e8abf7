package simnet

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sessgen/sessgen/runtime/session"
)

// Transition is one step of a protocol: a message at one place, or a side of an `if`.
type Transition struct {
	// Protocol is "<package>.<Protocol>", and State the place that is left.
	Protocol, State string
	// Label is the message's label, and Sender the role that sends it. Both are empty for a side of an `if`.
	Label, Sender string
	// If is the condition of an `if`, and Side the side that was taken.
	If   string
	Side bool
	// Pos is the position in the schema, "file:line:column".
	Pos string
}

// String returns, for example, "bank.sess:26:17: AfterWithdraw: Teller sends Refuse", which editors can follow.
func (t Transition) String() string {
	what := t.Sender + " sends " + t.Label
	if t.If != "" {
		what = fmt.Sprintf("if %s is %t", t.If, t.Side)
	}
	if t.Pos == "" {
		return t.State + ": " + what
	}
	return t.Pos + ": " + t.State + ": " + what
}

// Coverage records which transitions of some protocols were taken, on every Net and every Pipe of the process,
// at either end, since Watch returned it. Its methods are safe for concurrent use.
type Coverage struct {
	mu    sync.Mutex
	tally []*tally
}

// tally is what was taken of one protocol.
type tally struct {
	protocol *session.Protocol
	messages []bool
	sides    [][2]bool // of the if at each state: then, else
	steps    int
}

// watching are the Coverages that Watch has made and Stop has not ended.
var watching struct {
	sync.RWMutex
	list []*Coverage
}

// Watch begins to record the transitions of the protocols, until Stop.
func Watch(protocols ...*session.Protocol) *Coverage {
	c := &Coverage{}
	for _, p := range protocols {
		c.tally = append(c.tally, &tally{protocol: p, messages: make([]bool, len(p.Messages)), sides: make([][2]bool, len(p.States))})
	}
	watching.Lock()
	defer watching.Unlock()
	watching.list = append(watching.list, c)
	return c
}

// Stop ends the recording. It is idempotent.
func (c *Coverage) Stop() {
	watching.Lock()
	defer watching.Unlock()
	watching.list = slices.DeleteFunc(slices.Clone(watching.list), func(o *Coverage) bool { return o == c })
}

// Cover fails t, when t ends, if any transition of the protocols was not taken while t ran. A run of a single
// seed only logs this.
func Cover(t testing.TB, protocols ...*session.Protocol) {
	c := Watch(protocols...)
	t.Cleanup(func() {
		c.Stop()
		switch report := c.String(); {
		case report == "":
		case *seedFlag != 0:
			t.Log(report)
		default:
			t.Error(report)
		}
	})
}

// CoverMain is for TestMain: it runs the tests, and turns success into failure if they have not taken every
// transition of the protocols, listing the missing ones on standard error.
//
//	func TestMain(m *testing.M) { os.Exit(simnet.CoverMain(m, &bank.BankProtocol)) }
//
// It judges only runs of all tests: those with -run, -skip, -short, -list, -fuzz or -sim.seed pass as they are.
func CoverMain(m *testing.M, protocols ...*session.Protocol) int {
	c := Watch(protocols...)
	defer c.Stop()
	return c.judge(m.Run(), partial(), os.Stderr)
}

// judge is the exit status of a test binary whose tests ended with the given one.
func (c *Coverage) judge(status int, partial bool, w io.Writer) int {
	report := c.String()
	if status != 0 || partial || report == "" {
		return status
	}
	fmt.Fprintln(w, report)
	return 1
}

// partial reports whether flags keep tests from running.
func partial() bool {
	if *seedFlag != 0 || testing.Short() {
		return true
	}
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return true
		}
	}
	return false
}

// Missing returns the transitions that were not taken, in the order of the protocols and their states.
func (c *Coverage) Missing() (missing []Transition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tally {
		missing = append(missing, t.missing()...)
	}
	return missing
}

// String lists the transitions that were not taken, one a line. It is empty if all were.
func (c *Coverage) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, t := range c.tally {
		missing := t.missing()
		if len(missing) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "simnet: %s: %d of %d transitions were never taken:", t.protocol.Name, len(missing), t.count())
		if t.steps == 0 {
			b.WriteString(" no session took a step")
		}
		for _, m := range missing {
			fmt.Fprintf(&b, "\n\t%s", m)
		}
	}
	return b.String()
}

func (t *tally) count() int {
	n := len(t.messages)
	for i := range t.protocol.States {
		if t.protocol.States[i].If != "" {
			n += 2
		}
	}
	return n
}

func (t *tally) missing() (missing []Transition) {
	p := t.protocol
	for i := range p.States {
		at := &p.States[i]
		if at.If != "" {
			for j, taken := range t.sides[i] {
				if !taken {
					missing = append(missing, Transition{Protocol: p.Name, State: at.Name, If: at.If, Side: j == 0, Pos: at.Pos})
				}
			}
		}
		for j := range p.Messages {
			if m := &p.Messages[j]; m.State == i && !t.messages[j] {
				missing = append(missing, Transition{Protocol: p.Name, State: at.Name, Label: m.Label, Sender: p.Roles[m.Sender], Pos: m.Pos})
			}
		}
	}
	return missing
}

// covered notes that a session of p has gone from one place by message, or, with
// message -1, to the end.
func covered(p *session.Protocol, from, message int) {
	watching.RLock()
	list := watching.list
	watching.RUnlock()
	for _, c := range list {
		c.note(p, from, message)
	}
}

func (c *Coverage) note(p *session.Protocol, from, message int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tally {
		if t.protocol != p {
			continue
		}
		to := len(p.States) - 1
		if message >= 0 {
			to = p.Messages[message].State
			t.messages[message] = true
			t.steps++
		}
		t.way(from, to)
	}
}

// way notes the sides of the ifs on the way from one place to another. If several ways lead there, the steps do
// not tell which was taken, and all count.
func (t *tally) way(from, to int) {
	at := &t.protocol.States[from]
	if from == to || at.If == "" {
		return
	}
	for i, side := range [2]int{at.Then, at.Else} {
		if leads(t.protocol, side, to) {
			t.sides[from][i] = true
			t.way(side, to)
		}
	}
}
