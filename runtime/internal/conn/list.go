package conn

// order is one of the orders that streams stand in, each through a link of its own.
type order uint8

const (
	byAge       order = iota // every stream, the oldest first
	byTurn                   // those with something to send
	byControl                // those that owe the peer a control frame
	byAdmission              // those whose Send was refused for want of room
	byOpening                // those whose header has begun to arrive and is not whole, in the order in which it began
	orders
)

type link struct {
	prev, next *stream
	in         bool
}

// list is streams in one order. A stream is in it at most once.
type list struct {
	of          order
	first, last *stream
	n           int
}

// push puts s at the end, if it is not in the list.
func (l *list) push(s *stream) {
	k := &s.links[l.of]
	if k.in {
		return
	}
	*k = link{prev: l.last, in: true}
	if l.last == nil {
		l.first = s
	} else {
		l.last.links[l.of].next = s
	}
	l.last = s
	l.n++
}

// remove takes s out, if it is in the list.
func (l *list) remove(s *stream) {
	k := &s.links[l.of]
	if !k.in {
		return
	}
	if k.prev == nil {
		l.first = k.next
	} else {
		k.prev.links[l.of].next = k.next
	}
	if k.next == nil {
		l.last = k.prev
	} else {
		k.next.links[l.of].prev = k.prev
	}
	*k = link{}
	l.n--
}

// next is the stream behind s.
func (l *list) next(s *stream) *stream { return s.links[l.of].next }
