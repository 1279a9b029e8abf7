package transport

import (
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
)

// Stats is a picture of a connection, as this end sees it. Sizes are in bytes,
// those of datagrams without the headers of UDP and IP.
type Stats struct {
	// SmoothedRTT and RTTVar are those of RFC 9002 §5.3; MinRTT is zero before the first sample.
	SmoothedRTT, RTTVar, MinRTT, LatestRTT time.Duration

	PacketsSent, PacketsReceived uint64
	// PacketsLost were sent and are taken for lost.
	PacketsLost uint64
	// PacketsDropped came and were not taken in: damaged, forged, duplicates, or not for this connection.
	PacketsDropped           uint64
	BytesSent, BytesReceived uint64

	// BytesInFlight were sent and are neither acknowledged nor taken for lost.
	BytesInFlight    int
	CongestionWindow int
	// PTOCount is how many probe timeouts have passed since the peer last answered.
	PTOCount int
}

func statsOf(s conn.Stats) Stats {
	return Stats{
		SmoothedRTT: s.SmoothedRTT, RTTVar: s.RTTVar, MinRTT: s.MinRTT, LatestRTT: s.LatestRTT,
		PacketsSent: s.PacketsSent, PacketsReceived: s.PacketsReceived,
		PacketsLost: s.PacketsLost, PacketsDropped: s.PacketsDropped,
		BytesSent: s.BytesSent, BytesReceived: s.BytesReceived,
		BytesInFlight: s.BytesInFlight, CongestionWindow: s.CongestionWindow, PTOCount: s.PTOCount,
	}
}
