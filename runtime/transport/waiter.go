package transport

import "context"

// waiter is one goroutine at a time that may wait for something of a connection: a message, room to send, the
// end. While it waits it reads the socket, or is parked until it is its turn to read or until it is ready.
type waiter struct {
	shard    *shard
	serves   bool          // it is one of the goroutines that serve sessions
	receives bool          // it waits for what the peer says next, and not for room to send
	wake     chan struct{} // where it parks; nil before the first time

	// What follows is guarded by shard.role.mu.

	ready  bool // what it waits for may have come
	parked bool
	next   *waiter // in parking, towards the last
	prev   *waiter

	// A context is watched from the first wait with it until a wait with another
	// one, so that a loop of waits registers once.
	done    <-chan struct{}
	unwatch func() bool
	retired bool
	spoiled bool // the end of a context may still be a signal
}

func newWaiter(s *shard) *waiter {
	w := new(waiter)
	w.init(s)
	return w
}

func (w *waiter) init(s *shard) {
	w.shard = s
}

// signal says that what w waits for may have come. Any goroutine may call it.
func (w *waiter) signal() {
	r := &w.shard.role
	r.mu.Lock()
	w.signalLocked(r)
	r.mu.Unlock()
}

// signalLocked is signal where r.mu is held.
func (w *waiter) signalLocked(r *role) {
	w.ready = true
	switch {
	case w.parked:
		r.woken, r.stirred = true, true
		r.unpark(w)
	case r.leader == w:
		w.shard.interrupt()
	}
}

// wait returns nil after a signal, either the one since the last wait or the next one, and no later than ctx
// ends. The caller checks whether it has what it needs, and waits again if not. A ctx that has already ended is
// an error.
func (w *waiter) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.watch(ctx)
	r := &w.shard.role
	r.mu.Lock()
	for !w.ready {
		if r.leader == w && (r.urgent != nil || r.closed) {
			w.shard.release()
		}
		if r.leader == w || r.take(w) {
			w.shard.read(nil)
		} else {
			w.park()
		}
	}
	w.ready = false
	if r.leader == w {
		w.shard.release()
	}
	r.mu.Unlock()
	return nil
}

// park sleeps until w is unparked. role.mu is held, but not meanwhile.
func (w *waiter) park() {
	r := &w.shard.role
	if w.wake == nil {
		w.wake = make(chan struct{}, 1)
	}
	r.parked.push(w)
	r.mu.Unlock()
	<-w.wake
	r.mu.Lock()
}

// watch makes the end of ctx a signal.
func (w *waiter) watch(ctx context.Context) {
	r := &w.shard.role
	done := ctx.Done()
	if w.done == done { // which only its own goroutine changes
		return
	}
	var unwatch func() bool
	if done != nil {
		unwatch = context.AfterFunc(ctx, w.signal)
	}
	r.mu.Lock()
	old := w.unwatch
	w.done, w.unwatch = done, unwatch
	if w.retired {
		old, w.unwatch = unwatch, nil
	}
	r.mu.Unlock()
	w.stop(old)
}

// retire is a last signal; no context is watched any more.
func (w *waiter) retire() { retire(w) }

// retire retires waiters of one shard.
func retire(waiters ...*waiter) {
	r := &waiters[0].shard.role
	var watches [2]func() bool
	r.mu.Lock()
	for i, w := range waiters {
		watches[i] = w.unwatch
		w.unwatch, w.retired = nil, true
		w.signalLocked(r)
	}
	r.mu.Unlock()
	for i, w := range waiters {
		w.stop(watches[i])
	}
}

// stop stops watching a context.
func (w *waiter) stop(unwatch func() bool) {
	if unwatch != nil && !unwatch() {
		w.shard.role.mu.Lock()
		w.spoiled = true
		w.shard.role.mu.Unlock()
	}
}

// recycle makes a retired waiter, which is no longer used, ready for another use, and reports whether that is
// possible.
func (w *waiter) recycle() bool {
	if w.spoiled {
		return false
	}
	w.ready, w.retired, w.done = false, false, nil
	return true
}

// parking is a list of parked waiters.
type parking struct{ last *waiter }

func (p *parking) push(w *waiter) {
	w.parked = true
	w.prev, w.next = p.last, nil
	if p.last != nil {
		p.last.next = w
	}
	p.last = w
}

func (p *parking) remove(w *waiter) {
	w.parked = false
	if w.prev != nil {
		w.prev.next = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		p.last = w.prev
	}
	w.prev, w.next = nil, nil
}
