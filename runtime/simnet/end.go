package simnet

import (
	"fmt"
	"strings"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

// shutdown ends the run, from the test's goroutine: in good order if the test has succeeded so far.
func (n *Net) shutdown(returned bool) {
	if returned && !n.t.Failed() {
		n.going.Wait()
	}
	c := &call{verb: verbEnd, done: make(chan struct{}), last: returned && !n.t.Failed()}
	n.post(c)
	<-n.done
	n.running.Wait()
	n.going.Wait()
}

// finish begins the end of the run: what the programs left open is closed.
func (n *Net) finish(c *call) {
	n.ending = true
	if !c.last {
		n.stop()
		return
	}
	for _, p := range n.peers {
		if !p.dials || p.gone {
			continue
		}
		for _, s := range p.open() {
			n.abort(s, session.Abort{Code: session.AbortDropped})
		}
		p.dirty = true
		p.core.Close(n.now)
	}
}

// drained reports whether every connection is gone, and every body has returned.
func (n *Net) drained() bool {
	for _, p := range n.peers {
		if !p.removed {
			return false
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bodies == 0
}

// stop ends the run at once: every call returns an error, those that wait and those that come.
func (n *Net) stop() {
	n.mu.Lock()
	over := n.over
	n.over = true
	calls := n.calls
	n.calls = nil
	n.mu.Unlock()
	if over {
		return
	}
	for _, c := range append(calls, n.waiting()...) {
		if c.verb != verbCancel {
			n.answer(c, errOver)
		}
	}
	for _, p := range n.peers {
		for _, s := range p.open() {
			s.over = errOver
			n.ended = append(n.ended, s)
		}
	}
	n.started = nil
	n.cancel(errOver)
}

// standstill ends a run in which nothing more will ever happen.
func (n *Net) standstill() {
	var b strings.Builder
	fmt.Fprintf(&b, "nothing more will happen: no program has called anything since %s.", time.Duration(n.progress))
	for _, c := range n.waiting() {
		fmt.Fprintf(&b, "\n\twaiting: %s", c)
	}
	n.mu.Lock()
	bodies := n.bodies
	n.mu.Unlock()
	fmt.Fprintf(&b, "\n\tsessions whose body runs at a server: %d", bodies)
	n.fail("%s", b.String())
}
