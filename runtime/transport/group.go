package transport

import (
	"runtime"
	"sync"

	"github.com/sessgen/sessgen/runtime/internal/endpoint"
	"github.com/sessgen/sessgen/runtime/internal/udp"
)

// group is the shards of one port, and what they have in common. A dialing end has one shard; a listening one has several where there
// are processors for them, and where the system can tell for which of them a datagram is: by the first byte of the connection's id. What begins
// a connection comes to the first. Any of them may read what is for another's connection: the table is
// one, and a connection's lock is all that it takes.
type group struct {
	serving *serving // accepts connections and sessions; nil where this end dials
	shards  []*shard
	table   table
	workers workers
	// refusals counts what the listening end's handshakes came to.
	refusals refusals
	reports  report
	journal  journal        // the listening end's
	running  sync.WaitGroup // the two goroutines of each shard
	// lent are the goroutines that run what the program gave, which may take as long as it likes: those that write traces and log lines,
	// and the workers, which call back what is in its tls.Config.
	lent sync.WaitGroup
}

// shardsMax bounds the shards of a listening end.
const shardsMax = 16

// shardsWanted is how many shards a listening end has if the system allows it: one for two processors, since
// the programs that it serves run too.
func (c *config) shardsWanted() int {
	if c.shards > 0 {
		return c.shards
	}
	return max(1, min(runtime.GOMAXPROCS(0)/2, shardsMax))
}

// startGroup starts a shard on each of the sockets, which the shards take over, for datagrams of up to largest
// bytes.
func startGroup(socks []*udp.Socket, serving *serving, largest int) *group {
	g := &group{serving: serving}
	config := endpoint.Config{Draw: draw, Shards: len(socks)}
	if serving != nil {
		g.journal = journal{out: serving.ln.config.logger, lent: &g.lent}
		config.Listening, config.Version, config.Full = true, serving.ln.config.conn.Version, g.workers.full
		config.ResetKey = serving.ln.config.endpointKey()
	}
	g.table.endpoint = endpoint.New[*link](now(), config)
	g.table.links = make(map[*link]struct{})
	g.workers.group = &g.lent
	for _, sock := range socks {
		g.shards = append(g.shards, g.newShard(sock, largest))
	}
	for _, s := range g.shards { // each may accept for any other
		s.start()
	}
	return g
}

// startShard starts a shard for connections that are dialed.
func startShard(sock *udp.Socket, largest int) *shard {
	return startGroup([]*udp.Socket{sock}, nil, largest).shards[0]
}

// of is the shard of the connections with the id.
func (g *group) of(id endpoint.ID) *shard { return g.shards[g.table.endpoint.Shard(id)] }

// stop ends the shards, without waiting for their goroutines. No connection must be left.
func (g *group) stop() {
	for _, s := range g.shards {
		s.halt()
	}
}
