package transport

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/endpoint"
)

// Stats is a snapshot of a connection, as this end sees it. Sizes are in bytes; those of datagrams exclude the
// UDP and IP headers.
type Stats struct {
	// SmoothedRTT and RTTVar are those of RFC 9002 §5.3; MinRTT is zero before the first sample.
	SmoothedRTT, RTTVar, MinRTT, LatestRTT time.Duration

	PacketsSent, PacketsReceived uint64
	// PacketsLost were sent and deemed lost; SpuriousLosses of them had arrived after all.
	PacketsLost, SpuriousLosses uint64
	// PacketsRepeated were sent again early, before there was any sign of their loss.
	PacketsRepeated uint64
	// PacketsDropped arrived and were rejected: damaged, forged, duplicated, or not for this connection.
	// PacketsForged of them had its ids but were not sealed with its keys.
	PacketsDropped, PacketsForged uint64
	BytesSent, BytesReceived      uint64

	// BytesInFlight were sent and are neither acknowledged nor deemed lost. BytesBuffered are held until they
	// are sent or acknowledged.
	BytesInFlight, BytesBuffered int
	CongestionWindow             int
	// PacingRate is in bytes per second; zero if sending is not paced.
	PacingRate int
	// MaxDatagram is the size of the largest datagram that the path is known to carry.
	MaxDatagram int
	// PTOCount is how many probe timeouts have passed since the peer last answered.
	PTOCount int
	// ECN reports whether path and peer carry congestion marks.
	ECN bool
}

func statsOf(s conn.Stats) Stats {
	return Stats{
		SmoothedRTT: s.SmoothedRTT, RTTVar: s.RTTVar, MinRTT: s.MinRTT, LatestRTT: s.LatestRTT,
		PacketsSent: s.PacketsSent, PacketsReceived: s.PacketsReceived,
		PacketsLost: s.PacketsLost, SpuriousLosses: s.SpuriousLosses, PacketsRepeated: s.PacketsRepeated,
		PacketsDropped: s.PacketsDropped, PacketsForged: s.PacketsForged,
		BytesSent: s.BytesSent, BytesReceived: s.BytesReceived,
		BytesInFlight: s.BytesInFlight, BytesBuffered: s.Buffered, CongestionWindow: s.CongestionWindow,
		PacingRate: s.PacingRate, MaxDatagram: s.MaxDatagram, PTOCount: s.PTOCount, ECN: s.ECN,
	}
}

// ServerStats is a snapshot of a server: of all its listeners, including those that have ended.
type ServerStats struct {
	// Connections is how many are up or being established; Sessions is how many are in progress on them.
	Connections, Sessions int
	// Handshakes counts what became of attempts to connect.
	Handshakes HandshakeStats

	PacketsSent, PacketsReceived, PacketsLost, PacketsRepeated uint64
	// PacketsDropped were addressed to a connection and rejected; DatagramsDropped belonged to no connection:
	// they were damaged, forged, or too late.
	PacketsDropped, DatagramsDropped uint64
	// Moves is how often a client's address changed and the new one was validated.
	Moves uint64
	// Resets is how often a peer was told that its connection, from before a restart, is no longer known.
	Resets                   uint64
	BytesSent, BytesReceived uint64
}

func (s *ServerStats) add(c conn.Stats) {
	s.PacketsSent += c.PacketsSent
	s.PacketsReceived += c.PacketsReceived
	s.PacketsLost += c.PacketsLost
	s.PacketsRepeated += c.PacketsRepeated
	s.PacketsDropped += c.PacketsDropped
	s.BytesSent += c.BytesSent
	s.BytesReceived += c.BytesReceived
	s.Moves += c.Moves
}

// Stats returns a snapshot of the server. It visits each connection in turn.
func (srv *Server) Stats() ServerStats {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	sum := srv.past
	for sv := range srv.serving {
		sv.group.addStats(&sum)
	}
	return sum
}

// addStats adds the statistics of the group's connections, past and present.
func (g *group) addStats(sum *ServerStats) {
	links, counts, past := g.table.picture()
	sum.Handshakes.add(g.handshakes())
	sum.DatagramsDropped += counts.Malformed + counts.Unknown
	sum.Resets += counts.Resets
	sum.add(past)
	for _, l := range links {
		l.mu.Lock()
		if !l.removed { // else it is in past since we looked, or soon
			sum.Connections++
			sum.Sessions += l.streams.Len()
		}
		sum.add(l.machine.Stats())
		l.unlock()
	}
}

// picture is the connections that there are, what became of other datagrams, and the sum of the connections that were.
func (t *table) picture() ([]*link, endpoint.Counts, conn.Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	links := make([]*link, 0, len(t.links))
	for l := range t.links {
		links = append(links, l)
	}
	return links, t.endpoint.Counts(), t.past
}

// dropped is how many datagrams were no connection's.
func (t *table) dropped() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := t.endpoint.Counts()
	return counts.Malformed + counts.Unknown
}
