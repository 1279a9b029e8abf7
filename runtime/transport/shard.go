package transport

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// shard is one socket and the connections on it. Two goroutines belong to it,
// however many connections there are: the stand-by reader, and the pump, which
// writes what no application's goroutine writes itself, and lets timers fire.
//
// Locks: who holds a link's may take any one of the others (the role's, the
// table's, the pump's, the timers', the inbox's, the spare batches', the workers', the handlers', the rousings'); who holds one of those takes
// none, but that who holds the role's or the handlers' may take the pump's. None is held over a system call.
type shard struct {
	sock    *udp.Socket
	serving *serving // accepts connections and sessions; nil where this end dials
	table   table
	role    role
	reader  // the role's holder's
	pump    pump
	timers  timers
	spare   batches
	streams sync.Pool // records for the next sessions
	workers workers
	// rousings bounds what forged datagrams may bring about.
	rousings rousings
	// refusals counts what the listening end's handshakes came to.
	refusals refusals
	sources  *sources       // of the dialing end
	journal  journal        // the listening end's
	running  sync.WaitGroup // the two goroutines, and the workers while there are some
}

const (
	// datagramMax is the size of the longest datagram that is read or written where no
	// option says otherwise, in bytes: what a link with jumbo frames carries.
	datagramMax = 8952
	// batchMax is how many datagrams are read or written at once.
	batchMax = 64
)

// startShard starts a shard on the socket, whose owner it becomes, for datagrams of up to largest bytes.
func startShard(sock *udp.Socket, serving *serving, largest int) *shard {
	s := &shard{sock: sock, serving: serving, sources: newSources(), spare: batches{largest: largest}}
	config := endpoint.Config{Draw: draw}
	if serving != nil {
		s.journal = journal{out: serving.ln.config.logger, running: &s.running}
		config.Listening, config.Version, config.Full = true, serving.ln.config.conn.Version, s.workers.full
		config.ResetKey = serving.ln.config.endpointKey()
		serving.handlers.shard = s
	}
	s.table.endpoint = endpoint.New[*link](now(), config)
	s.workers.group = &s.running
	s.table.links = make(map[*link]struct{})
	s.role.standBy = time.NewTimer(standByDelay)
	s.role.armed = true
	s.in = udp.NewBatch(batchMax, largest)
	s.replies = udp.NewBatch(batchMax, datagramMax)
	s.pump.init()
	s.timers.init()
	s.running.Go(s.standBy)
	s.running.Go(s.runPump)
	return s
}

// draw fills b with random bytes. It never fails: without randomness the process ends.
func draw(b []byte) { rand.Read(b) }

// drawSeed is a random number for a machine to draw its own from.
func drawSeed() uint64 {
	var b [8]byte
	draw(b[:])
	return binary.NativeEndian.Uint64(b[:])
}

// stop closes the socket and ends the goroutines, without waiting for them. No
// connection must be left.
func (s *shard) stop() {
	s.sock.Close()
	s.role.mu.Lock()
	s.role.close()
	s.role.mu.Unlock()
	close(s.pump.quit)
}

// awaitStopped waits for the goroutines if the shard has been stopped.
func (s *shard) awaitStopped() {
	select {
	case <-s.pump.quit:
		s.running.Wait()
	default:
	}
}
