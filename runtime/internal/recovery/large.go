package recovery

// large counts how often in a row packets were lost that are larger than what every path carries, while none of them arrived and
// smaller ones did. RFC 8899 §4.3 has a black hole detected by "excessive loss of data sent with a specific packet size": where small
// packets keep being acknowledged, no probe timeout shows that the others are not.
type large struct{ lost int }

// everywhere is the size of datagrams that every path carries (RFC 9000 §14).
const everywhere = 1200

// arrived takes in that a packet has arrived.
func (g *large) arrived(p *sent) {
	if p.size > everywhere {
		g.lost = 0
	}
}

// event takes in one event's losses: whether there was a large packet among them, and whether a small one.
func (g *large) event(anyLarge, anySmall bool) {
	if anyLarge && !anySmall {
		g.lost++
	}
}

// LargeLost is how many events in a row showed packets of more than 1,200 bytes to be lost and no others, while none of that size arrived.
func (l *Loss) LargeLost() int { return l.large.lost }
