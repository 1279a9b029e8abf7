package transport

import (
	"context"
	"slices"

	"github.com/sessgen/sessgen/runtime/session"
)

// await puts a waiter into list and waits until done returns true, or until ctx ends, which is an error. It
// calls done under the link's lock, at once and after each signal to the waiter. While waiting it writes what
// the machine has to send. l.mu is held on entry and on return, but not in between.
func (l *link) await(ctx context.Context, list *[]*waiter, done func(*waiter) bool) (err error) {
	w := newWaiter(l.shard)
	defer w.retire()
	*list = append(*list, w)
	for err == nil && !done(w) {
		l.transmit()
		err = w.wait(ctx)
		l.mu.Lock()
	}
	*list = slices.DeleteFunc(*list, func(v *waiter) bool { return v == w })
	if len(*list) > 0 {
		(*list)[0].signal() // if it waited for its turn, this is it
	}
	return err
}

// signalAll signals the waiters of a list. l.mu is held.
func signalAll(list []*waiter) {
	for _, w := range list {
		w.signal()
	}
}

// close ends the connection once its sessions have finished.
func (l *link) close() {
	l.mu.Lock()
	if !l.over {
		l.machine.Close(now())
	}
	l.transmit()
}

// abort ends the connection and its sessions because of err. The peer learns a.
func (l *link) abort(err error, a session.Abort) {
	l.mu.Lock()
	if !l.over {
		l.aborted = err
		l.machine.Abort(now(), uint64(a.Code), a.Reason)
	}
	l.transmit()
}
