package transport

import (
	"context"
	"crypto/tls"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/dense"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/qlog"
	"github.com/sessgen/sessgen/runtime/internal/registry"
	"github.com/sessgen/sessgen/runtime/internal/udp"
	"github.com/sessgen/sessgen/runtime/session"
)

// link is one end of a connection: its machine, behind a lock, and what waits for it. A goroutine that holds
// the lock may drive the machine, and releases the lock with unlock or transmit.
type link struct {
	shard *shard
	id    endpoint.ID
	inbox inbox
	dials bool // this is the dialing end
	// values is the parent of the contexts of sessions that the peer opens; nil at the dialing end.
	values context.Context

	mu      sync.Mutex
	machine *conn.Conn
	peer    netip.AddrPort // a listening end's may change, another one is read without the lock
	source  netip.Addr     // from where a dialing end's datagrams leave, where it is known: see roam
	tls     *tls.Config    // nil in plaintext, and once the handshake is over
	secure  bool           // it is not plaintext
	shaking *shaking       // nil once the handshake is over
	state   *tls.ConnectionState
	streams *dense.Map[stream] // nil where there are none
	waiters []*waiter          // for the connection to come up, or to be gone
	openers []*waiter          // for the peer to allow one more stream, in order

	// What streams speak: at the dialing end, with the header that is made, and at the listening end.
	dialed   registry.Dialed[*session.Protocol]
	header   []byte
	accepted registry.Accepted[handler]

	// evicted: the handshake is given up to make room for others. Any goroutine may set it.
	evicted atomic.Bool

	up      bool  // the handshake is done
	aborted error // what this end gave to abort
	over    bool  // the machine's last event was seen
	err     error // why, nil after a Close
	removed bool  // the shard has forgotten the link

	own bool // the shard is this connection's alone
	// dialJournal is where what happens is logged, at the dialing end.
	dialJournal *journal
	trace       *qlog.Trace // nil where none is written
	held        [2]int64    // of each budget, by its stock
	holds       [2]bool     // the budget knows it among its holders
	retry       atomic.Bool // a budget has room that the machine waited for
	// refused is why the system would not send a datagram of a dialing end, nil if it never refused one.
	refused atomic.Pointer[error]

	seen  mono.Time // when the machine was last given a datagram
	alarm mono.Time // for when the timers know this link
	// writing: one goroutine writes what the machine had to send, without the lock.
	// again: it is to look for more when it has.
	writing, again bool
	// answering is how many calls, or answers to calls, the reader has delivered since it last looked what there is to write.
	answering int

	// Guarded by shard.pump.mu.
	queued, adopted bool

	timer timing
}

func newLink(s *shard, id endpoint.ID, peer netip.AddrPort, machine *conn.Conn) *link {
	l := &link{
		shard: s, id: id, peer: peer,
		machine: machine, alarm: mono.Never,
	}
	machine.Share(share{l})
	return l
}

// version is the version of the wire, and the mode.
func (l *link) version() packet.Version {
	if !l.secure {
		return packet.V1Plain
	}
	return packet.V1
}

// evict ends a handshake silently. It waits for no lock.
func (l *link) evict() {
	l.evicted.Store(true)
	l.shard.pump.add(l)
}

// delivered ends the delivery of datagrams to l, by a reader that held its lock or found it held. The reader
// must still check what there is to send, and when the next timer is due: see transmitReading.
func (l *link) delivered(held bool) {
	switch {
	case l == nil:
	case held:
		l.settleBudgets()
		l.mu.Unlock()
		if l.inbox.empty() || !l.mu.TryLock() {
			return
		}
		l.unlock()
	case l.mu.TryLock(): // the holder may have gone without seeing what is in the inbox
		l.unlock()
	}
}

// pathOf is the path that a datagram came on. A dialing end's socket does not tell its address, which the system's routes choose.
func pathOf(d *udp.Datagram) conn.Path { return conn.Path{Peer: d.Addr, Local: d.Local} }

// takeIn takes in what the reader left in the inbox. l.mu is held.
func (l *link) takeIn() {
	for n := l.inbox.unreachable.Swap(0); n > 0; n-- {
		l.machine.HandleUnreachable(now())
	}
	b := l.inbox.take()
	if b == nil {
		return
	}
	at := now()
	l.seen = at
	for _, d := range b.Datagrams {
		l.machine.HandleMarked(at, pathOf(&d), d.Data, conn.Mark(d.ECN))
		l.settle()
	}
	l.shard.spare.put(b)
	l.wantWrite()
}

// unlock releases the machine after doing everything that it asks for except writing.
func (l *link) unlock() {
	for {
		l.takeIn()
		l.settle()
		l.settleBudgets()
		// While somebody writes, what is due may be waiting to be written: the pump, who is to
		// write it, would hear the same timer without end. It is set when the writing is done.
		if !l.writing && !l.removed {
			if due := l.machine.NextTimeout(); due < l.alarm {
				// What was due before is not late: nobody had looked.
				l.alarm = max(due, now())
				l.shard.timers.set(l, l.alarm)
			}
		}
		l.mu.Unlock()
		if l.inbox.empty() || !l.mu.TryLock() {
			return
		}
	}
}

// unlockSame is unlock after something that has caused no event and no earlier timer, or that is followed by a
// goroutine which writes and then releases with unlock. What is held for sending is accounted for from then on.
func (l *link) unlockSame() {
	l.mu.Unlock()
	if !l.inbox.empty() && l.mu.TryLock() {
		l.unlock()
	}
}

// unlockRead is unlock after an application has read, which causes no earlier timer.
func (l *link) unlockRead() {
	if l.machine.Told() {
		l.unlockSame()
	} else {
		l.unlock()
	}
}

// expire lets the machine's timers fire.
func (l *link) expire(at mono.Time) {
	l.mu.Lock()
	l.alarm = mono.Never
	if l.removed {
		l.mu.Unlock()
		return
	}
	if l.machine.NextTimeout() <= at {
		l.machine.HandleTimeout(at)
	}
	l.settle()
	if l.machine.Resting() {
		l.rest()
	}
	l.transmit()
}

// rest gives up memory that is kept for later. l.mu is held.
func (l *link) rest() {
	l.header = nil
	if l.streams.Len() == 0 {
		l.streams = nil
	}
	if len(l.waiters) == 0 {
		l.waiters = nil
	}
	if len(l.openers) == 0 {
		l.openers = nil
	}
}

// wantWrite leaves it to somebody else to write what the machine has to send. l.mu is held.
func (l *link) wantWrite() {
	if l.writing {
		l.again = true
	} else {
		l.shard.pump.add(l)
	}
}

// seal takes what the machine has to send, at most a batch of it. It returns nil if there is nothing, or if
// another goroutine is writing, which will look again. l.mu is held.
func (l *link) seal(at mono.Time) *udp.Batch {
	if l.writing {
		l.again = true
		return nil
	}
	b := l.shard.spare.take()
	for !b.Full() {
		datagram, on, ok := l.machine.PollTransmit(at, b.Next())
		if !ok {
			break
		}
		b.Add(udp.Datagram{Addr: on.Peer, Local: on.Local, ECN: uint8(l.machine.Mark()), Data: datagram})
	}
	if len(b.Datagrams) == 0 {
		l.shard.spare.put(b)
		return nil
	}
	l.writing, l.again = true, b.Full()
	return b
}

// transmit releases the lock and writes what the machine has to send, up to a batch. The rest, and whatever is
// added meanwhile, is left to the pump.
func (l *link) transmit() {
	b := l.seal(l.roam(now()))
	l.unlock()
	if b == nil {
		return
	}
	l.write(b)
	l.mu.Lock()
	l.wrote()
}

// transmitReading is transmit for the reader, which never waits for a lock.
func (l *link) transmitReading() {
	if !l.mu.TryLock() {
		l.shard.pump.add(l)
		return
	}
	if l.answering > 1 { // so many goroutines will soon have something to say
		l.machine.AnswersCome()
	}
	l.answering = 0
	b := l.seal(now())
	l.unlock()
	if b == nil {
		return
	}
	l.write(b)
	if l.mu.TryLock() {
		l.wrote()
	} else {
		l.shard.pump.adopt(l)
	}
}

// write writes b and gives it back. What the system refuses is lost, and recovered like a loss on the way. To a dialing end it says, as
// an ICMP message would, that no way leads to the peer.
func (l *link) write(b *udp.Batch) {
	err := l.shard.sock.WriteBatch(b)
	l.shard.spare.put(b)
	switch udp.FaultOf(err) {
	case udp.FaultRefused, udp.FaultTransient:
		if l.dials {
			why := err // allocated only here
			l.refused.Store(&why)
			l.inbox.unreachable.Add(1)
		}
	}
}

// wrote ends the turn of the goroutine that was writing, and releases the lock.
func (l *link) wrote() {
	if l.again {
		l.shard.pump.adopt(l)
	} else {
		l.writing = false
	}
	l.unlock()
}

// pump writes for the pump, and forgets a connection that is over and has sent everything. l.mu is held, and
// released.
func (l *link) pump() {
	if l.evicted.Load() {
		l.machine.GiveUp(now())
		l.settle()
	}
	if l.shard.pump.release(l) {
		l.writing = false
	}
	l.retryBudgets()
	b := l.seal(l.roam(now()))
	if b == nil {
		if l.over && !l.writing {
			l.remove()
		}
		l.unlock()
		return
	}
	l.again = l.again || l.over
	l.unlock()
	l.write(b)
	if l.mu.TryLock() {
		l.wrote()
	} else {
		l.shard.pump.adopt(l)
	}
}
