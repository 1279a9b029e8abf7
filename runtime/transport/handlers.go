package transport

import (
	"sync"
	"sync/atomic"
	"time"
)

// handlers are the goroutines in which sessions are served. Each serves one session at a time, and then
// another: its stack has grown already. One that has nothing to serve takes the role of the reader if it is free,
// so that it serves what it reads, and the answer is written, without that anybody is woken.
//
// What if the program that it serves with blocks, and nobody reads? Then either the program waits for its
// session: it reads. Or another goroutine has been woken to be there at once (the successor), which is so
// wherever something else depends on it: more sessions wait to be served, or answers to be written, or
// programs have been slow of late. Or none of that, and the stand-by reader finds out within two milliseconds.
type handlers struct {
	shard   *shard
	running sync.WaitGroup

	mu    sync.Mutex
	queue []job // from first on
	first int
	idle  []*handlerLoop // the one that became idle last is used first
	// coming is how many goroutines are about to look into the queue, calls how often one was woken or started for that.
	coming   int
	calls    atomic.Uint32
	slowness slowness
	closed   bool
	// kept: answers wait in the pump's queue to be written by whoever looks into the queue next.
	kept    atomic.Bool
	waiting atomic.Int32 // the length of the queue
}

const (
	// idleHandlers is how many goroutines wait for a session at most.
	idleHandlers = 64
)

// slowness tells from how long programs took whether the next one may well be slow, so that somebody else should read meanwhile. It
// takes more than one of sixteen to be slow, and not a single one that was held up.
type slowness int

const (
	// slowTime is how long a program takes that is slow: about as long as it takes to wake another goroutine.
	slowTime = 100 * time.Microsecond
	slowStep = 16
	slowMax  = 64 * slowStep
)

func (s *slowness) learn(took time.Duration) {
	if took < slowTime {
		*s = max(0, *s-1)
	} else {
		*s = min(*s+slowStep, slowMax)
	}
}

func (s slowness) likely() bool { return s > 2*slowStep }

// handlerLoop is one of the goroutines.
type handlerLoop struct {
	waiter
	next    chan struct{} // while it is idle
	writing []*link
}

type job struct {
	serve  handler
	stream *stream
}

// run serves the session, and returns how long its program took, but for the writing of its last word.
func (j job) run() (took time.Duration) {
	begun := now()
	defer j.stream.release()
	j.serve(j.stream.ctx, j.stream)
	if ended := j.stream.replied; ended > 0 {
		return ended.Sub(begun)
	}
	return now().Sub(begun)
}

// add has a session served in a goroutine of its own. It does not wait.
func (h *handlers) add(j job) {
	h.mu.Lock()
	h.queue = append(h.queue, j)
	h.waiting.Add(1)
	h.call()
	h.mu.Unlock()
}

// call sees to it that a goroutine looks into the queue. h.mu is held.
func (h *handlers) call() {
	if h.coming > 0 {
		return
	}
	h.coming++
	h.calls.Add(1)
	if n := len(h.idle); n > 0 {
		loop := h.idle[n-1]
		h.idle = h.idle[:n-1]
		loop.next <- struct{}{} // there is room: it is idle
		return
	}
	loop := &handlerLoop{next: make(chan struct{}, 1)}
	loop.init(h.shard)
	loop.serves = true
	h.running.Go(func() { h.loop(loop) })
}

// loop serves one session after the other. It begins as one that comes.
func (h *handlers) loop(self *handlerLoop) {
	came, took := true, time.Duration(0)
	for {
		j, ok := h.next(self, came, took)
		if !ok {
			return
		}
		came, took = false, j.run()
	}
}

// next is the next session to serve, after one that took so long. Where there is none, the goroutine reads, or is
// idle; ok is false if it is one too many.
func (h *handlers) next(self *handlerLoop, came bool, took time.Duration) (j job, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slowness.learn(took)
	for {
		if came {
			h.coming--
			h.write(self)
		}
		if j, ok = h.take(); ok {
			return j, true
		}
		if h.write(self) {
			came = false
			continue
		}
		if h.closed {
			return job{}, false
		}
		h.mu.Unlock()
		came = h.lead(self)
		h.mu.Lock()
		if came || h.first < len(h.queue) {
			continue
		}
		if h.closed || len(h.idle) == idleHandlers {
			return job{}, false
		}
		h.idle = append(h.idle, self)
		h.mu.Unlock()
		_, came = <-self.next
		h.mu.Lock()
		if !came {
			return job{}, false
		}
	}
}

// take takes a session from the queue, and calls a successor if one is needed. h.mu is held.
func (h *handlers) take() (j job, ok bool) {
	if h.first == len(h.queue) {
		return job{}, false
	}
	j = h.queue[h.first]
	h.queue[h.first] = job{}
	h.waiting.Add(-1)
	if h.first++; h.first == len(h.queue) {
		h.queue, h.first = h.queue[:0], 0
	}
	if h.first < len(h.queue) || h.slowness.likely() || h.kept.Load() {
		h.call()
	}
	return j, true
}

// write writes the answers that are kept, and reports whether there were any. h.mu is held, but not meanwhile.
func (h *handlers) write(self *handlerLoop) bool {
	if !h.kept.Swap(false) {
		return false
	}
	h.mu.Unlock()
	self.writing = h.shard.writeAll(self.writing)
	h.mu.Lock()
	return true
}

// lead reads, if nobody else does, until there are sessions to serve or somebody else is to read. It reports whether
// the goroutine is one that comes to look into the queue.
func (h *handlers) lead(self *handlerLoop) (comes bool) {
	s, r := h.shard, &h.shard.role
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wanted() || !r.take(&self.waiter) {
		return false
	}
	for r.woken = false; ; {
		s.read(h)
		if comes = h.comes(); comes || r.woken || r.wanted() || r.closed {
			s.release()
			return comes
		}
	}
}

// expect says that its caller will look into the queue, unless comes says that there is nothing.
func (h *handlers) expect() {
	h.mu.Lock()
	h.coming++
	h.mu.Unlock()
}

// comes reports whether there is something in the queue for who has said that it will look.
func (h *handlers) comes() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first < len(h.queue) {
		return true
	}
	h.coming--
	return false
}

// keep has l's answers written by the goroutine that gave the last one, or by its successor.
func (h *handlers) keep(l *link) {
	h.shard.pump.keep(l)
	h.kept.Store(true)
}

// wait returns when no goroutine is left. No session begins any more.
func (h *handlers) wait() {
	h.mu.Lock()
	idle := h.idle
	h.idle, h.closed = nil, true
	h.mu.Unlock()
	for _, l := range idle {
		close(l.next)
	}
	h.running.Wait()
}
