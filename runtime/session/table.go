package session

import (
	"slices"
	"sync"
	"time"
)

// table is what the steps of a protocol look up, made once for each Protocol.
type table struct {
	places           []place
	dialerSendsFirst bool
	// timed says that some message has a time limit, so that the time of arrival matters.
	timed bool
}

// place is a state of the protocol as its steps need it.
type place struct {
	// first and count locate the messages that leave the place in Protocol.Messages.
	first, count int
	// sender is the role that sends them, nobody if there are none.
	sender int
	// behind are the places that an `if` here leads to, also through further ones.
	behind []int
	// timed says that one of the messages, here or behind, has a time limit; wait is the longest if all here have one.
	timed bool
	wait  time.Duration
}

// nobody is no role.
const nobody = -1

var tables sync.Map // *Protocol to *table

func tableOf(p *Protocol) *table {
	if t, found := tables.Load(p); found {
		return t.(*table)
	}
	t, _ := tables.LoadOrStore(p, newTable(p))
	return t.(*table)
}

func newTable(p *Protocol) *table {
	t := &table{places: make([]place, len(p.States))}
	for i := range t.places {
		t.places[i].sender = nobody
	}
	for i, m := range p.Messages {
		at := &t.places[m.State]
		if at.count == 0 {
			at.first, at.sender, at.wait = i, m.Sender, m.Within
		}
		at.count++
		at.timed = at.timed || m.Within > 0
		if m.Within == 0 || at.wait == 0 {
			at.wait = 0
		} else {
			at.wait = max(at.wait, m.Within)
		}
		t.timed = t.timed || m.Within > 0
	}
	for i := range p.States {
		t.places[i].behind = behind(p, i, nil)
	}
	for i := range t.places {
		at := &t.places[i]
		for _, state := range at.behind {
			at.timed = at.timed || t.places[state].timed
		}
	}
	t.dialerSendsFirst = t.startsWith(p, 0)
	return t
}

// behind appends to found the places that an `if` at state leads to.
func behind(p *Protocol, state int, found []int) []int {
	if p.States[state].If == "" {
		return found
	}
	for _, side := range []int{p.States[state].Then, p.States[state].Else} {
		if !slices.Contains(found, side) {
			found = behind(p, side, append(found, side))
		}
	}
	return found
}

// startsWith reports whether every session begins with a message of role.
func (t *table) startsWith(p *Protocol, role int) bool {
	for _, state := range append([]int{0}, t.places[0].behind...) {
		at := &t.places[state]
		if p.States[state].If == "" && at.sender != role {
			return false
		}
	}
	return true
}

// end is the state in which the protocol is complete.
func (t *table) end() int { return len(t.places) - 1 }

// holds reports whether a session at the place at may be in state: it is that place, or one after its ifs.
func (t *table) holds(at, state int) bool {
	return at == state || slices.Contains(t.places[at].behind, state)
}
