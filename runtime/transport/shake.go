package transport

import (
	"bytes"
	"crypto/tls"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/tlsdriver"
)

// shaking is a handshake in progress: its driver, and what that must still be told. A TLS handshake signs,
// verifies and calls users' callbacks, so it runs on a worker of the shard, one call at a time, and its link
// takes in the results. A plaintext handshake does next to nothing, so it runs where its events occur.
type shaking struct {
	link   *link
	driver handshake.Driver

	// Guarded by link.mu.

	heard  []heard // what the driver has yet to be told, in order
	queued bool    // a worker has it, or will
	gone   bool    // nobody cares any more
}

// heard is what a driver is told: the peer's handshake bytes, which the machine bounds, or to start.
type heard struct {
	start bool // with data, this end's transport parameters
	level handshake.Level
	data  []byte
}

func (s *shaking) tell(h heard) []handshake.Message {
	if h.start {
		return s.driver.Start(h.data)
	}
	return s.driver.Handle(h.level, h.data)
}

// shake does what the machine's events of the handshake ask for. l.mu is held.
func (l *link) shake(e conn.Event) {
	switch e.Kind {
	case conn.EventStart:
		l.unshake()
		l.shaking = &shaking{link: l, driver: l.newDriver(), heard: []heard{{start: true, data: bytes.Clone(e.Data)}}}
	case conn.EventHandshake:
		l.shaking.heard = append(l.shaking.heard, heard{level: e.Level, data: bytes.Clone(e.Data)})
	case conn.EventHandshakeOver:
		l.unshake()
		l.tls = nil
		return
	}
	if l.secure {
		l.shard.workers.add(l.shaking)
		return
	}
	for s := l.shaking; len(s.heard) > 0; {
		h := s.heard[0]
		s.heard = s.heard[1:]
		l.machine.HandleHandshake(now(), s.tell(h))
	}
}

// newDriver makes the link's end of a handshake.
func (l *link) newDriver() handshake.Driver {
	dials := l.shard.serving == nil
	switch {
	case l.secure && dials:
		return tlsdriver.NewClient(l.tls)
	case l.secure:
		return tlsdriver.NewServer(l.tls)
	}
	var half [handshake.KeyHalfLen]byte
	draw(half[:])
	if dials {
		return handshake.NewPlainClient(half)
	}
	return handshake.NewPlainServer(half)
}

// unshake gives up the handshake, finished or not. l.mu is held.
func (l *link) unshake() {
	s := l.shaking
	if s == nil {
		return
	}
	l.shaking = nil
	s.gone = true
	if l.secure {
		l.shard.workers.add(s) // closes the driver
	}
}

// run tells the driver everything that is waiting. A worker calls it.
func (s *shaking) run() {
	l := s.link
	l.mu.Lock()
	for {
		// A ticket for the next handshake may have come just before the end of the connection.
		if s.gone && (len(s.heard) == 0 || !l.up) {
			l.mu.Unlock()
			s.driver.Close()
			return
		}
		if len(s.heard) == 0 {
			s.queued = false
			l.unlock()
			return
		}
		news := s.heard
		s.heard = nil
		l.mu.Unlock()
		var said []handshake.Message
		for _, h := range news {
			said = append(said, s.tell(h)...)
		}
		state := s.outcome(said)
		l.mu.Lock()
		if !s.gone {
			if state != nil {
				l.state = state
			}
			l.machine.HandleHandshake(now(), said)
		}
		l.settle() // what a new connection gives its peer goes with the handshake's last words
		l.transmit()
		l.mu.Lock()
	}
}

// outcome is how the handshake ended, nil while it is in progress.
func (s *shaking) outcome(said []handshake.Message) *tls.ConnectionState {
	driver, secure := s.driver.(*tlsdriver.Driver)
	if !secure {
		return nil
	}
	for _, m := range said {
		if _, complete := m.(handshake.Complete); complete {
			state := driver.State()
			return &state
		}
	}
	return nil
}

// workers run a shard's handshakes, as many at a time as there are processors. When there is nothing to do
// there is no goroutine.
type workers struct {
	mu      sync.Mutex
	queue   []*shaking
	running int
	group   *sync.WaitGroup // those of the group that are lent
	length  atomic.Int64    // of queue, for who must not take mu
}

// queueMax is how many handshakes may wait for a worker; beyond that no new ones are accepted.
const queueMax = 256

// add lets a worker run s. s.link.mu is held.
func (w *workers) add(s *shaking) {
	if s.queued {
		return
	}
	s.queued = true
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, s)
	w.length.Add(1)
	if w.running < runtime.GOMAXPROCS(0) {
		w.running++
		w.group.Go(w.work)
	}
}

func (w *workers) work() {
	for {
		w.mu.Lock()
		if len(w.queue) == 0 {
			w.queue = nil
			w.running--
			w.mu.Unlock()
			return
		}
		s := w.queue[0]
		w.queue[0] = nil
		w.queue = w.queue[1:]
		w.length.Add(-1)
		w.mu.Unlock()
		s.run()
	}
}

// waiting is how many handshakes wait.
func (w *workers) waiting() int { return int(w.length.Load()) }

// full reports whether no new handshake may be accepted.
func (w *workers) full() bool { return w.waiting() >= queueMax }
