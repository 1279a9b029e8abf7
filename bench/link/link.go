// Package link is a seeded one-way link in the caller's time: a drop-tail
// bottleneck, then random loss, then a delay, with duplicates and reordering
// if asked for. The same seed and the same packets at the same times fare the same.
package link

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// Config describes a link. The zero value delivers everything at once.
type Config struct {
	Delay time.Duration // one way
	// Jitter is the most that is added to Delay at random. Packets overtake each other by it.
	Jitter time.Duration
	// Loss, Duplicate and Reorder are shares of the packets, 0 to 1. Loss comes behind the
	// bottleneck: a packet that is lost has used its capacity.
	Loss, Duplicate, Reorder float64
	// ReorderBy is how long a packet is held back that others overtake.
	ReorderBy time.Duration
	// Rate is the bottleneck's, in bits a second, and Queue how many bytes may wait for it; zero means no bottleneck.
	Rate  float64
	Queue int
	Seed  uint64
}

// Counters tell what became of packets.
type Counters struct{ In, Out, Lost, Overflowed, Duplicated, Reordered uint64 }

// Link is one direction of a link. It is used by one goroutine at a time. Times are
// since any beginning, and never go back.
type Link struct {
	Counters Counters

	config Config
	random *rand.Rand
	queue  arrivals
	sent   uint64
	busy   time.Duration // when the bottleneck is free
	spare  [][]byte
}

// New returns an empty link.
func New(c Config) *Link {
	return &Link{config: c, random: rand.New(rand.NewPCG(c.Seed, 0x9e3779b97f4a7c15))}
}

// Send puts a copy of p in.
func (l *Link) Send(now time.Duration, p []byte) {
	l.Counters.In++
	at := now
	if l.config.Rate > 0 {
		l.busy = max(l.busy, now)
		if waiting := (l.busy - now).Seconds() * l.config.Rate / 8; waiting+float64(len(p)) > float64(l.config.Queue) {
			l.Counters.Overflowed++
			return
		}
		l.busy += time.Duration(float64(len(p)) * 8e9 / l.config.Rate)
		at = l.busy
	}
	if l.config.Loss > 0 && l.random.Float64() < l.config.Loss {
		l.Counters.Lost++
		return
	}
	at += l.config.Delay
	if l.config.Jitter > 0 {
		at += time.Duration(l.random.Int64N(int64(l.config.Jitter)))
	}
	if l.config.Reorder > 0 && l.random.Float64() < l.config.Reorder {
		at += l.config.ReorderBy
		l.Counters.Reordered++
	}
	copies := 1
	if l.config.Duplicate > 0 && l.random.Float64() < l.config.Duplicate {
		copies = 2
		l.Counters.Duplicated++
	}
	for range copies {
		l.sent++
		heap.Push(&l.queue, arrival{at, l.sent, append(l.memory(), p...)})
	}
}

// Poll hands out what has arrived by now, and returns when the next packet does; ok is false if none is under way.
func (l *Link) Poll(now time.Duration, out func(p []byte)) (next time.Duration, ok bool) {
	for len(l.queue) > 0 {
		if at := l.queue[0].at; at > now {
			return at, true
		}
		p := heap.Pop(&l.queue).(arrival).packet
		l.Counters.Out++
		out(p)
		l.spare = append(l.spare, p)
	}
	return 0, false
}

func (l *Link) memory() []byte {
	if n := len(l.spare); n > 0 {
		p := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return p[:0]
	}
	return make([]byte, 0, 2048)
}

type arrival struct {
	at     time.Duration
	number uint64
	packet []byte
}

// arrivals is a heap, the earliest first; of two at one time the one that was sent first.
type arrivals []arrival

func (q arrivals) Len() int { return len(q) }
func (q arrivals) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].number < q[j].number
}
func (q arrivals) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *arrivals) Push(x any)   { *q = append(*q, x.(arrival)) }

func (q *arrivals) Pop() any {
	last := len(*q) - 1
	a := (*q)[last]
	*q = (*q)[:last]
	return a
}
