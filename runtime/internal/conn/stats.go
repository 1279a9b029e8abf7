package conn

import "time"

// Stats is a snapshot of a connection.
type Stats struct {
	SmoothedRTT, RTTVar, MinRTT, LatestRTT time.Duration // MinRTT is zero before the first sample

	PacketsSent, PacketsReceived, PacketsLost uint64
	BytesSent, BytesReceived                  uint64 // whole datagrams
	// PacketsDropped arrived and were rejected: not authentic, duplicate, too early, not for this connection.
	PacketsDropped uint64
	// PacketsForged of them had the connection's ids but were not sealed with its keys.
	PacketsForged uint64

	// PacketsRepeated were sent early, though nothing showed that the earlier ones were lost. SpuriousLosses
	// are packets that were deemed lost and had arrived.
	PacketsRepeated, SpuriousLosses uint64

	// Moves are how often the peer's address changed, and was validated; at a dialing end, how often its own did (see Migrate).
	Moves uint64

	BytesInFlight, CongestionWindow, PTOCount int
	// PacingRate is in bytes per second, zero if nothing is paced; MaxDatagram is the size of the largest
	// datagram that the path is known to carry.
	PacingRate, MaxDatagram int
	// ECN: the path and the peer are known to carry ECN marks.
	ECN bool
	// Buffered is how many bytes the send buffers hold.
	Buffered int
}

// counters are what a connection counts over its life: see Stats.
type counters struct {
	packetsSent, packetsReceived, packetsDropped, packetsForged, bytesSent, bytesReceived, moves uint64
}

// Stats returns a snapshot of the connection.
func (c *Conn) Stats() Stats {
	if c.rested != nil {
		return c.image().Stats()
	}
	n := &c.tally
	stats := Stats{
		PacketsSent: n.packetsSent, PacketsReceived: n.packetsReceived, BytesSent: n.bytesSent, BytesReceived: n.bytesReceived,
		PacketsDropped: n.packetsDropped, PacketsForged: n.packetsForged, Moves: n.moves,
	}
	stats.SmoothedRTT, stats.RTTVar = c.loss.Smoothed(), c.loss.Variation()
	stats.MinRTT, stats.LatestRTT = c.loss.Min(), c.loss.Latest()
	stats.PacketsLost = c.loss.LostPackets()
	stats.BytesInFlight, stats.PTOCount = c.loss.BytesInFlight(), c.loss.PTOCount()
	stats.CongestionWindow = c.loss.Controller.Window()
	stats.PacketsRepeated, stats.SpuriousLosses = c.loss.Repeats(), c.loss.SpuriousLosses()
	stats.PacingRate, stats.MaxDatagram, stats.ECN = c.loss.PacingRate(), c.mtu.size, c.loss.ECN.Capable()
	stats.Buffered = c.buffered
	return stats
}

// Add adds the counters of another connection. What describes a path stays as it is.
func (s *Stats) Add(o Stats) {
	s.PacketsSent += o.PacketsSent
	s.PacketsReceived += o.PacketsReceived
	s.PacketsLost += o.PacketsLost
	s.PacketsRepeated += o.PacketsRepeated
	s.SpuriousLosses += o.SpuriousLosses
	s.PacketsDropped += o.PacketsDropped
	s.PacketsForged += o.PacketsForged
	s.BytesSent += o.BytesSent
	s.BytesReceived += o.BytesReceived
	s.Moves += o.Moves
}
