package conn

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// pipe is two ends with a link of so many bytes a second between them, in virtual time: a drop-tail bottleneck and random loss each
// way. One end sends messages as fast as it is let, the other reads them at once. Timers are as late as a system's are.
type pipe struct {
	ends   [2]*Conn
	now    mono.Time
	rate   float64
	queue  int // bytes that wait for the bottleneck
	delay  time.Duration
	loss   float64
	late   time.Duration // of timers, at most
	busy   [2]mono.Time  // when the bottleneck is free
	random *rand.Rand
	flying flights
	count  int
	timers [2]mono.Time
	stream StreamID
	got    int // bytes that were read
	lost   int // at the bottleneck's queue
	buf    []byte
}

// onWay is a datagram on its way.
type onWay struct {
	at    mono.Time
	order int
	to    int
	data  []byte
}

type flights []onWay

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].at < f[j].at || f[i].at == f[j].at && f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(onWay)) }
func (f *flights) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	*f = (*f)[:last]
	return x
}

// newPipe connects two ends over a link of 100 Mbit/s that queues a bandwidth-delay product.
func newPipe(t testing.TB, rtt time.Duration, loss float64, seed uint64) *pipe {
	w := newWorld(t, func(client, server *Config) { client.Seed, server.Seed = seed, seed+1 })
	w.latency = rtt / 2
	w.dial()
	w.run(time.Second)
	const rate = 100e6 / 8
	p := &pipe{
		ends: [2]*Conn{w.client.core, w.server.core}, now: w.now, rate: rate, queue: int(rate * rtt.Seconds()),
		delay: rtt / 2, loss: loss, late: 1100 * time.Microsecond, random: rand.New(rand.NewPCG(seed, 2)),
		timers: [2]mono.Time{mono.Never, mono.Never}, buf: make([]byte, 0, 9000),
	}
	id, err := p.ends[0].OpenStream(p.now, []byte("header"), true)
	require.NoError(t, err)
	p.stream = id
	return p
}

// headers are those of IPv4 and UDP.
const headers = 28

func (p *pipe) send(from int, data []byte) {
	size := len(data) + headers
	busy := &p.busy[from]
	*busy = max(*busy, p.now)
	if int(busy.Sub(p.now).Seconds()*p.rate)+size > p.queue {
		p.lost++
		return
	}
	*busy = busy.Add(time.Duration(float64(size) / p.rate * 1e9))
	if p.random.Float64() < p.loss || size > 1500 {
		return
	}
	p.count++
	heap.Push(&p.flying, onWay{busy.Add(p.delay), p.count, 1 - from, bytes.Clone(data)})
}

// attend does what a driver does with an end after an input.
func (p *pipe) attend(t testing.TB, i int, message []byte) {
	c := p.ends[i]
	for {
		for more := i == 0; more; {
			err := c.Send(p.now, p.stream, message, false)
			require.True(t, err == nil || errors.Is(err, ErrBlocked), "%v", err)
			more = err == nil
		}
		for more := i == 1; more; {
			m, _, err := c.Recv(p.now, p.stream)
			p.got += len(m)
			more = err == nil
		}
		for {
			if _, ok := c.PollEvent(); !ok {
				break
			}
		}
		b, _, ok := c.PollTransmit(p.now, p.buf[:0])
		if !ok {
			break
		}
		p.send(i, b)
	}
	at := c.NextTimeout()
	if at != mono.Never {
		at = max(at, p.now).Add(time.Duration(p.random.Int64N(int64(p.late))))
	}
	if p.timers[i] <= p.now || at < p.timers[i] {
		p.timers[i] = at
	}
}

// run lets time pass.
func (p *pipe) run(t testing.TB, d time.Duration) {
	message := make([]byte, 64<<10)
	until := p.now.Add(d)
	p.attend(t, 0, message)
	for {
		at, i := p.timers[0], 0
		if p.timers[1] < at {
			at, i = p.timers[1], 1
		}
		arrives := len(p.flying) > 0 && p.flying[0].at <= at
		if arrives {
			at = p.flying[0].at
		}
		if at > until {
			break
		}
		p.now = max(p.now, at)
		if arrives {
			d := heap.Pop(&p.flying).(onWay)
			i = d.to
			p.ends[i].HandleDatagram(p.now, p.ends[1-i].path.Peer, d.data)
			if p.ends[i].NextTimeout() <= p.now {
				p.ends[i].HandleTimeout(p.now)
			}
		} else {
			p.timers[i] = mono.Never
			p.ends[i].HandleTimeout(p.now)
		}
		p.attend(t, i, message)
	}
	p.now = until
}

// A connection fills a link that loses packets at random, soon after it has begun: neither its congestion control nor the credit of
// its stream holds it back. The least is in MB/s, of 12.1 that the link carries in packets of 1,452 bytes.
func TestBulkOverALossyLink(t *testing.T) {
	const warm, d = time.Second, 3 * time.Second
	for _, c := range []struct {
		rtt   time.Duration
		loss  float64
		least float64
		seed  uint64
	}{
		{20 * time.Millisecond, 0, 11.3, 1},
		{20 * time.Millisecond, 0.01, 11, 1},
		{20 * time.Millisecond, 0.01, 11, 584}, // for a while hardly anything is lost
		{20 * time.Millisecond, 0.1, 8, 1},
		{100 * time.Millisecond, 0, 9.5, 1},
		{100 * time.Millisecond, 0.01, 9, 1},
		{100 * time.Millisecond, 0.1, 6, 1},
	} {
		t.Run(fmt.Sprintf("%v %v seed %d", c.rtt, c.loss, c.seed), func(t *testing.T) {
			p := newPipe(t, c.rtt, c.loss, c.seed)
			p.run(t, warm)
			before := p.got
			p.run(t, d)
			goodput := float64(p.got-before) / 1e6 / d.Seconds()
			s := p.ends[0].Stats()
			t.Logf("%.2f MB/s, %d lost and %d of them at the queue, round trip %v", goodput, s.PacketsLost, p.lost, s.SmoothedRTT)
			require.Greater(t, goodput, c.least)
			require.NoError(t, p.ends[1].CheckInvariants())
		})
	}
}
