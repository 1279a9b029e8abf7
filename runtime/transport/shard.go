package transport

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"runtime"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// shard is one socket and the connections that belong to it. It has two goroutines, however many connections
// there are: the stand-by reader, and the pump, which writes what no application goroutine writes itself, and
// fires timers.
//
// Locks: a goroutine that holds a link's may take any one of the others (the role's, the table's, the pump's,
// the timers', the inbox's, the spare batches', the workers', the handlers'); one that holds any of those takes
// no other, except that with the role's or the handlers' it may take the pump's. None is held over a system
// call.
type shard struct {
	*group
	sock    *udp.Socket
	role    role
	reader  // the role's holder's
	pump    pump
	timers  timers
	spare   batches
	streams sync.Pool // records for the next sessions
	sources *sources  // of the dialing end
	// handlers serve the sessions of the listening end's connections.
	handlers handlers
}

const (
	// datagramMax is the default size of the longest datagram that is read or written, in bytes: what a link
	// with jumbo frames carries.
	datagramMax = 8952
	// batchMax is how many datagrams are read or written at once.
	batchMax = 64
)

// admitted are the shapes of all packets: SHORT with a number and a tag, INIT of any version, which is answered with
// those spoken here, and what follows one, or VERSIONS. What cannot be one costs nobody a wake-up.
var admitted = []udp.Shape{
	{Least: 1 + packet.IDLen + 1 + handshake.TagLen, Mask: 0xc0, Value: 0x40},
	{Least: packet.MinInit, Mask: 0xff, Value: 0x80},
	{Least: 5 + packet.IDLen, Mask: 0x80, Value: 0x80, Words: []uint32{uint32(packet.V1), uint32(packet.V1Plain), 0}},
}

// newShard makes a shard of the group on the socket, which it takes over, for datagrams of up to largest bytes.
func (g *group) newShard(sock *udp.Socket, largest int) *shard {
	s := &shard{group: g, sock: sock, sources: newSources(), spare: batches{largest: largest}}
	s.handlers.shard = s
	sock.Admit(admitted...)
	s.role.standBy = time.NewTimer(standByDelay)
	s.role.armed = true
	s.in = udp.NewBatch(batchMax, largest)
	s.others = int32(runtime.GOMAXPROCS(0) - 1)
	s.replies = udp.NewBatch(batchMax, datagramMax)
	s.pump.init()
	s.timers.init()
	return s
}

// start starts its goroutines.
func (s *shard) start() {
	shardsRunning.Add(1)
	s.running.Go(s.standBy)
	s.running.Go(s.runPump)
}

// draw fills b with random bytes. It never fails: without randomness the process ends.
func draw(b []byte) { rand.Read(b) }

// drawSeed returns a random seed for a machine's own generator.
func drawSeed() uint64 {
	var b [8]byte
	draw(b[:])
	return binary.NativeEndian.Uint64(b[:])
}

// suit fits what a connection is made with to the socket that it sends from. Where datagrams may be fragmented on their way, larger ones than 1,200
// bytes are not tried: RFC 9000 §14, "UDP datagrams MUST NOT be fragmented at the IP layer."
func (s *shard) suit(c *conn.Config) {
	c.Seed, c.ECN = drawSeed(), s.sock.ECN()
	if !s.sock.Whole() {
		c.MaxDatagram = datagramMin
	}
}

// halt closes the socket and ends the goroutines, without waiting for them. No
// connection must be left.
func (s *shard) halt() {
	s.sock.Close()
	s.role.mu.Lock()
	s.role.close()
	s.role.mu.Unlock()
	close(s.pump.quit)
	shardsRunning.Add(-1)
}

// awaitStopped waits for the goroutines if the shard has been stopped: for those that are lent, until ctx ends.
func (s *shard) awaitStopped(ctx context.Context) {
	select {
	case <-s.pump.quit:
	default:
		return
	}
	s.running.Wait()
	back := make(chan struct{})
	go func() {
		s.lent.Wait()
		close(back)
	}()
	select {
	case <-back:
	case <-ctx.Done():
	}
}
