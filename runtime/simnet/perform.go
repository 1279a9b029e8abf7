package simnet

// perform begins what a call asks for; what cannot be done now is left waiting.
func (n *Net) perform(c *call) {
	if n.over {
		n.answer(c, errOver)
		return
	}
	switch c.verb {
	case verbScript:
		c.script()
		n.answer(c, nil)
	case verbDial:
		n.dial(c)
	case verbOpen:
		n.open(c)
	case verbAbort:
		n.abort(c.stream, c.abort)
		n.answer(c, nil)
	case verbSend:
		n.send(c)
	case verbCloseSend:
		n.closeSend(c)
	case verbRecv, verbTryRecv:
		n.recv(c)
	case verbClose:
		n.closeStream(c)
	case verbRelease:
		c.stream.peer.core.Release(n.now, c.stream.id)
		c.stream.peer.dirty = true
		n.answer(c, nil)
	case verbConnAbort:
		n.abortConn(c.peer, c.err)
		n.answer(c, nil)
	case verbConnClose:
		n.closeConn(c)
	case verbCancel:
		n.cancelCall(c.target)
	case verbEnd:
		n.finish(c)
	}
}

// cancelCall takes back a call whose context has ended, unless it has its answer.
func (n *Net) cancelCall(c *call) {
	if c.answered {
		return
	}
	err := c.ctx.Err()
	switch c.verb {
	case verbDial:
		c.peer.dialing = nil
		n.abortConn(c.peer, err)
	case verbOpen:
		c.peer.openers = without(c.peer.openers, c)
	case verbSend:
		c.stream.sending = nil
	case verbRecv:
		c.stream.receiving = nil
	case verbClose:
		c.stream.closing = nil
	case verbConnClose:
		c.peer.closers = without(c.peer.closers, c)
		n.abortConn(c.peer, err)
	}
	n.answer(c, err)
}

// waiting returns the calls that have no answer yet.
func (n *Net) waiting() []*call {
	var calls []*call
	add := func(c *call) {
		if c != nil {
			calls = append(calls, c)
		}
	}
	for _, p := range n.peers {
		add(p.dialing)
		calls = append(calls, p.openers...)
		for _, s := range p.order {
			add(s.sending)
			add(s.receiving)
			add(s.closing)
		}
		calls = append(calls, p.closers...)
	}
	return calls
}

func without(calls []*call, c *call) []*call {
	kept := calls[:0]
	for _, d := range calls {
		if d != c {
			kept = append(kept, d)
		}
	}
	return kept
}
