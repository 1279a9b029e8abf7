package flow

// Pool is what a connection's streams share for messages longer than their floor. A message gets the whole of
// its length, or waits; those that wait are served first come, first served.
type Pool struct {
	// Bank is a further source that the pool's bytes are taken from, which other pools share; nil for none.
	Bank             Bank
	free             uint64
	waiting, granted queue
}

// Bank is a stock of bytes that several pools share.
type Bank interface {
	// Take takes the bytes out, or returns false. The pool's owner then calls Retry when there may be more.
	Take(bytes uint64) bool
	// Give puts bytes back that were taken.
	Give(bytes uint64)
}

// Reservation is one stream's claim on the Pool: at most one at a time. The zero value claims nothing.
type Reservation struct {
	// Owner is what Granted returns, for the pool's user to find the stream by.
	Owner      uint64
	size       uint64
	state      claim
	prev, next *Reservation
}

type claim uint8

const (
	none claim = iota
	waiting
	announced // granted, and Granted has not returned it yet
	held
)

// NewPool returns a pool of size bytes.
func NewPool(size uint64) *Pool { return &Pool{free: size} }

// Free is how many bytes are not reserved.
func (p *Pool) Free() uint64 { return p.free }

// Size is how many bytes r holds; none while it waits.
func (r *Reservation) Size() uint64 {
	if r.state == held {
		return r.size
	}
	return 0
}

// Active reports whether r holds bytes or waits for them.
func (r *Reservation) Active() bool { return r.state != none }

// Reserve claims size bytes for r, which claims nothing. Granted tells when it has them.
func (p *Pool) Reserve(r *Reservation, size uint64) {
	r.size, r.state = size, waiting
	p.waiting.push(r)
	p.grant()
}

// Release gives back what r claims.
func (p *Pool) Release(r *Reservation) {
	switch r.state {
	case none:
		return
	case waiting:
		p.waiting.remove(r)
	case announced:
		p.granted.remove(r)
		p.giveBack(r.size)
	case held:
		p.giveBack(r.size)
	}
	r.state, r.size = none, 0
	p.grant()
}

func (p *Pool) giveBack(size uint64) {
	p.free += size
	if p.Bank != nil {
		p.Bank.Give(size)
	}
}

// Retry serves those that wait for what the Bank did not have.
func (p *Pool) Retry() { p.grant() }

// Granted returns a reservation that has got its bytes since, if there is one. Each is returned once, in order.
func (p *Pool) Granted() *Reservation {
	r := p.granted.first
	if r != nil {
		p.granted.remove(r)
		r.state = held
	}
	return r
}

// grant serves those that wait, as long as the first one's claim fits.
func (p *Pool) grant() {
	for r := p.waiting.first; r != nil && r.size <= p.free; r = p.waiting.first {
		if p.Bank != nil && !p.Bank.Take(r.size) {
			return
		}
		p.waiting.remove(r)
		p.free -= r.size
		r.state = announced
		p.granted.push(r)
	}
}

// queue is a list of reservations through their own links.
type queue struct{ first, last *Reservation }

func (q *queue) push(r *Reservation) {
	r.prev = q.last
	if q.last == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
}

func (q *queue) remove(r *Reservation) {
	if r.prev == nil {
		q.first = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		q.last = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.prev, r.next = nil, nil
}
