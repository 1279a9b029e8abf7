package transport

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// handlers are the goroutines in which sessions are served. Each serves one session at a time and is then
// reused, since its stack has already grown. One that has nothing to serve takes the reader's role if it is
// free. It then serves what it reads and writes the answer, without waking anybody.
//
// What if the handler that it runs blocks, and nobody reads? Either the handler waits for its session: then it
// reads itself. Or another goroutine has been woken in advance (the successor); that is done whenever something
// else depends on it: more sessions wait to be served, or answers wait to be written, or handlers have been
// slow lately. Or none of that holds, and the stand-by reader finds out within two milliseconds.
type handlers struct {
	shard   *shard
	running sync.WaitGroup

	mu    sync.Mutex
	queue []job // from first on
	first int
	idle  []*handlerLoop // the one that became idle last is used first
	// coming is how many goroutines are about to look into the queue; calls is how often one was woken or
	// started for that.
	coming   int
	calls    atomic.Uint32
	slowness slowness
	closed   bool
	// kept: answers wait in the pump's queue, to be written by the goroutine that looks into the queue next.
	kept    atomic.Bool
	waiting atomic.Int32 // the length of the queue
}

const (
	// idleHandlers is the maximum number of goroutines that wait for a session.
	idleHandlers = 64
)

// slowness predicts, from how long handlers took, whether the next one may be slow, so that somebody else
// should read meanwhile. That takes more than one slow handler in sixteen, and not just a single one that was
// held up.
type slowness int

const (
	// slowTime is how long a slow handler takes: about as long as it takes to wake another goroutine.
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

// run serves the session, and returns when its handler had returned, excluding the writing of its last message.
func (j job) run() (ended mono.Time) {
	defer j.stream.release()
	j.serve(j.stream.ctx, j.stream)
	if ended = j.stream.replied; ended == 0 {
		ended = now()
	}
	return ended
}

// add has a session served in a goroutine of its own. It does not block.
func (h *handlers) add(j job) {
	h.mu.Lock()
	h.queue = append(h.queue, j)
	h.waiting.Add(1)
	h.call()
	h.mu.Unlock()
}

// call makes sure that a goroutine looks into the queue. h.mu is held.
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
	loop.serves, loop.receives = true, true
	h.running.Go(func() { h.loop(loop) })
}

// loop serves one session after another. It starts as one of those that are coming.
func (h *handlers) loop(self *handlerLoop) {
	came, took := true, time.Duration(0)
	for ended := mono.Time(0); ; {
		j, waited, ok := h.next(self, came, took)
		if !ok {
			return
		}
		begun := ended // where one is served right behind another
		if waited {
			begun = now()
		}
		ended = j.run()
		came, took = false, ended.Sub(begun)
	}
}

// next returns the next session to serve; took is how long the last one took. If there is none, the goroutine
// reads, or idles; ok is false if it is no longer needed. waited reports whether it did anything else before.
func (h *handlers) next(self *handlerLoop, came bool, took time.Duration) (j job, waited, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slowness.learn(took)
	for waited = came; ; waited = true {
		if came {
			h.coming--
			h.write(self)
		}
		if j, ok = h.take(); ok {
			return j, waited, true
		}
		if h.write(self) {
			came = false
			continue
		}
		if h.closed {
			return job{}, waited, false
		}
		h.mu.Unlock()
		came = h.lead(self)
		h.mu.Lock()
		if came || h.first < len(h.queue) {
			continue
		}
		if h.closed || len(h.idle) == idleHandlers {
			return job{}, waited, false
		}
		h.idle = append(h.idle, self)
		h.mu.Unlock()
		_, came = <-self.next
		h.mu.Lock()
		if !came {
			return job{}, waited, false
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

// write writes the answers that are kept, and reports whether there were any. h.mu is held, but released
// meanwhile.
func (h *handlers) write(self *handlerLoop) bool {
	if !h.kept.Swap(false) {
		return false
	}
	h.mu.Unlock()
	self.writing = h.shard.writeAll(self.writing)
	h.mu.Lock()
	return true
}

// lead reads, if nobody else does, until there are sessions to serve or somebody else is to read. It reports
// whether the goroutine counts as coming to look into the queue.
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

// expect promises that its caller will look into the queue, unless comes reports that it is empty.
func (h *handlers) expect() {
	h.mu.Lock()
	h.coming++
	h.mu.Unlock()
}

// comes reports whether there is something in the queue for a goroutine that has promised to look.
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
