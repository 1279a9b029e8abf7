package transport

import "sync"

// pump has the connections that want to write and whose writing no application's
// goroutine does inline. Its goroutine packs whole batches, a batch a connection in turn.
type pump struct {
	mu    sync.Mutex
	queue []*link
	spare []*link       // queue's memory, in turn
	wake  chan struct{} // queue is not empty any more
	quit  chan struct{}
}

func (p *pump) init() {
	p.wake = make(chan struct{}, 1)
	p.quit = make(chan struct{})
}

// add lets the pump write for l.
func (p *pump) add(l *link) { p.enqueue(l, false) }

// adopt lets the pump write for l, and makes it the one that l.writing stands for.
func (p *pump) adopt(l *link) { p.enqueue(l, true) }

func (p *pump) enqueue(l *link, adopted bool) {
	p.mu.Lock()
	l.adopted = l.adopted || adopted
	first := !l.queued && len(p.queue) == 0
	if !l.queued {
		l.queued = true
		p.queue = append(p.queue, l)
	}
	p.mu.Unlock()
	if first {
		select {
		case p.wake <- struct{}{}:
		default: // it is about to look
		}
	}
}

// take empties the queue. What it returns is valid until the next call.
func (p *pump) take() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	queue := p.queue
	clear(p.spare)
	p.queue, p.spare = p.spare[:0], queue
	return queue
}

// release takes l out of the queue's books, and reports whether it was adopted.
func (p *pump) release(l *link) (adopted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	adopted = l.adopted
	l.queued, l.adopted = false, false
	return adopted
}

func (s *shard) runPump() {
	self := newWaiter(s)
	for {
		select {
		case <-s.pump.wake:
			for _, l := range s.pump.take() {
				l.pump()
			}
		case <-s.timers.timer.C:
			s.fire(self)
		case <-s.pump.quit:
			s.timers.timer.Stop()
			return
		}
	}
}

// fire lets the timers of connections fire that are due.
func (s *shard) fire(self *waiter) {
	if s.timers.lateness(now()) > lateMax {
		s.readDry(self)
	}
	at := now()
	for l := s.timers.pop(at); l != nil; l = s.timers.pop(at) {
		l.expire(at)
	}
}
