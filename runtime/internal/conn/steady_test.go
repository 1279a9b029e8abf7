package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// pair is two ends that hand each other their datagrams at once.
type pair struct {
	t      testing.TB
	now    mono.Time
	ends   [2]*Conn
	events [2]map[EventKind]int
	buf    []byte
}

func newPair(t testing.TB) *pair { return pairOf(connectedWorld(t)) }

func pairOf(w *world) *pair {
	t := w.t
	p := &pair{t: t, now: w.now, ends: [2]*Conn{w.client.core, w.server.core}, buf: make([]byte, 0, 9000)}
	for i := range p.events {
		p.events[i] = map[EventKind]int{}
	}
	return p
}

// exchange hands datagrams over until there are none, 50 us a step.
func (p *pair) exchange() {
	for sent := true; sent; {
		sent = false
		for i, from := range p.ends {
			to := p.ends[1-i]
			for {
				b, _, ok := from.PollTransmit(p.now, p.buf[:0])
				if !ok {
					break
				}
				sent = true
				to.HandleDatagram(p.now, from.path.Peer, b)
			}
		}
		p.now += mono.Time(50 * time.Microsecond)
		for i, end := range p.ends {
			for e, ok := end.PollEvent(); ok; e, ok = end.PollEvent() {
				p.events[i][e.Kind]++
			}
			if end.NextTimeout() <= p.now {
				end.HandleTimeout(p.now)
				sent = true
			}
		}
	}
}

// send sends a message from one end to the other, where it is received.
func (p *pair) send(from int, id StreamID, message []byte) {
	if err := p.ends[from].Send(p.now, id, message, false); err != nil {
		p.t.Fatal(err)
	}
	p.exchange()
	got, _, err := p.ends[1-from].Recv(p.now, id)
	for err == ErrBlocked { // it goes on when a timer says so
		p.now = max(p.now, min(p.ends[0].NextTimeout(), p.ends[1].NextTimeout()))
		p.exchange()
		got, _, err = p.ends[1-from].Recv(p.now, id)
	}
	if err != nil || len(got) != len(message) {
		p.t.Fatal(len(got), err)
	}
	if _, _, err = p.ends[1-from].Recv(p.now, id); err != ErrBlocked {
		p.t.Fatal(err)
	}
}

func TestSteadyExchangeDoesNotAllocate(t *testing.T) {
	for _, size := range []int{1, 64, 5000, 60_000, -64, -60_000} {
		p := newPair(t)
		if size < 0 { // under TLS
			p, size = pairOf(secureWorld(t)), -size
		}
		id, err := p.ends[0].OpenStream(p.now, []byte("header"), true)
		require.NoError(t, err)
		message := make([]byte, size)
		round := func() {
			p.send(0, id, message)
			p.send(1, id, message)
		}
		for range 300 { // rings and free lists grow to what they stay at
			round()
		}
		require.Zero(t, testing.AllocsPerRun(200, round), "%d bytes", size)
		require.NoError(t, p.ends[0].CheckInvariants())
	}
}

func BenchmarkPingPong64(b *testing.B) {
	p := newPair(b)
	id, err := p.ends[0].OpenStream(p.now, []byte("header"), true)
	require.NoError(b, err)
	message := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		p.send(0, id, message)
		p.send(1, id, message)
	}
}

func BenchmarkPingPong64TLS(b *testing.B) {
	p := pairOf(secureWorld(b))
	id, err := p.ends[0].OpenStream(p.now, []byte("header"), true)
	require.NoError(b, err)
	message := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		p.send(0, id, message)
		p.send(1, id, message)
	}
}

func BenchmarkBulk(b *testing.B) {
	p := newPair(b)
	id, err := p.ends[0].OpenStream(p.now, []byte("header"), true)
	require.NoError(b, err)
	p.exchange()
	message := make([]byte, 1<<20)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		p.send(0, id, message)
	}
}
