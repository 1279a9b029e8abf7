package transport

import "sync"

// handlers are the goroutines in which sessions are served. One that has served a session serves
// another: its stack has grown already.
type handlers struct {
	running sync.WaitGroup

	mu     sync.Mutex
	idle   []*handlerLoop // the one that became idle last is used first
	closed bool
}

// idleHandlers is how many goroutines wait for a session at most.
const idleHandlers = 64

type handlerLoop struct{ next chan job }

type job struct {
	serve  handler
	stream *stream
}

func (j job) run() {
	defer j.stream.release()
	j.serve(&j.stream.ctx, j.stream)
}

// run serves a session in a goroutine of its own. It does not wait.
func (h *handlers) run(j job) {
	h.mu.Lock()
	var loop *handlerLoop
	if n := len(h.idle); n > 0 {
		loop, h.idle = h.idle[n-1], h.idle[:n-1]
	}
	h.mu.Unlock()
	if loop != nil {
		loop.next <- j // there is room: it is idle
		return
	}
	h.running.Go(func() {
		j.run()
		h.loop(&handlerLoop{next: make(chan job, 1)})
	})
}

// loop serves one session after the other, until too many goroutines are idle.
func (h *handlers) loop(self *handlerLoop) {
	for h.rest(self) {
		j, more := <-self.next
		if !more {
			return
		}
		j.run()
	}
}

// rest makes a goroutine idle. It reports whether there may be one more.
func (h *handlers) rest(l *handlerLoop) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.idle) == idleHandlers {
		return false
	}
	h.idle = append(h.idle, l)
	return true
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
