package transport

import (
	"runtime"
	"sync"
)

// pump has the connections that want to write and that no application goroutine writes for inline. Whoever has
// promised to look into its queue writes for them: the reader, before it sleeps, or a goroutine that serves
// sessions, after it has served one. If nobody has promised, the pump's own goroutine writes, a batch per
// connection in turn.
type pump struct {
	mu    sync.Mutex
	queue []*link
	// attended: the leader looks into the queue before it sleeps or goes.
	attended bool
	// roused: the pump's goroutine is about to look.
	roused bool
	wake   chan struct{} // roused has become true
	quit   chan struct{}
}

func (p *pump) init() {
	p.wake = make(chan struct{}, 1)
	p.quit = make(chan struct{})
}

// add leaves it to somebody else to write for l.
func (p *pump) add(l *link) { p.enqueue(l, false, false) }

// adopt leaves it to somebody else to write for l, and makes it the one that l.writing stands for.
func (p *pump) adopt(l *link) { p.enqueue(l, true, false) }

// keep is add for a goroutine that will soon look into the queue itself.
func (p *pump) keep(l *link) { p.enqueue(l, false, true) }

// putBack is add for the leader, when it finds l in use.
func (p *pump) putBack(l *link) {
	p.mu.Lock()
	p.queue = append(p.queue, l)
	p.rouse()
	p.mu.Unlock()
}

func (p *pump) enqueue(l *link, adopted, kept bool) {
	p.mu.Lock()
	l.adopted = l.adopted || adopted
	first := !l.queued && len(p.queue) == 0
	if !l.queued {
		l.queued = true
		p.queue = append(p.queue, l)
	}
	if first && !p.attended && !kept {
		p.rouse()
	}
	p.mu.Unlock()
}

// rouse wakes the pump's goroutine. p.mu is held.
func (p *pump) rouse() {
	p.roused = true
	select {
	case p.wake <- struct{}{}:
	default: // it was told already
	}
}

// take empties the queue. It reuses the memory of taken, which an earlier take returned.
func (p *pump) take(taken []*link) []*link {
	clear(taken)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.roused = false
	queue := p.queue
	p.queue = taken[:0]
	return queue
}

// takeAttending is take for the leader, which leaves to the pump's goroutine what that is about to take.
func (p *pump) takeAttending(taken []*link) []*link {
	p.mu.Lock()
	left := p.roused || len(p.queue) == 0
	p.mu.Unlock()
	if left {
		return taken[:0]
	}
	return p.take(taken)
}

// attend is the leader's promise.
func (p *pump) attend() {
	p.mu.Lock()
	p.attended = true
	p.mu.Unlock()
}

// isAttended reports whether the leader looks into the queue soon.
func (p *pump) isAttended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.attended
}

// leave ends the leader's promise, and reports whether nothing is left to write. It does nothing if something is.
func (p *pump) leave() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > 0 && !p.roused {
		return false
	}
	p.attended = false
	return true
}

// abandon ends the leader's promise; the pump's goroutine does what is left.
func (p *pump) abandon() {
	p.mu.Lock()
	if p.attended && len(p.queue) > 0 {
		p.rouse()
	}
	p.attended = false
	p.mu.Unlock()
}

// release removes l from the queue's books, and reports whether it was adopted.
func (p *pump) release(l *link) (adopted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	adopted = l.adopted
	l.queued, l.adopted = false, false
	return adopted
}

func (s *shard) runPump() {
	self := newWaiter(s)
	var taken []*link
	for {
		select {
		case <-s.pump.wake:
			runtime.Gosched() // those that run already say what they have to say
			taken = s.writeAll(taken)
		case <-s.timers.timer.C:
			s.fire(self)
		case <-s.pump.quit:
			s.timers.timer.Stop()
			return
		}
	}
}

// writeAll writes for the connections in the queue. It is not for the leader, which never waits for a lock.
func (s *shard) writeAll(taken []*link) []*link {
	taken = s.pump.take(taken)
	for _, l := range taken {
		l.mu.Lock()
		l.pump()
	}
	return taken
}

// fire fires the timers of connections that are due.
func (s *shard) fire(self *waiter) {
	if s.timers.lateness(now()) > lateMax {
		s.readDry(self)
	}
	at := now()
	for l := s.timers.pop(at); l != nil; l = s.timers.pop(at) {
		l.expire(at)
	}
}
