package transport

import (
	"fmt"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
)

// Congestion names a congestion control algorithm, which decides how much an end has in flight and how fast it
// sends.
type Congestion uint8

const (
	// BBR (draft-ietf-ccwg-bbr) measures the path's bandwidth and round-trip time and sends at that rate,
	// keeping the queue short. It treats losses as congestion only where they exceed what the path loses
	// anyway, so it fills paths that lose packets at random. It is the default.
	BBR Congestion = iota
	// CUBIC (RFC 9438) sends ever more until something is lost, as most TCP stacks do.
	CUBIC
	// NewReno (RFC 9002 §7) is CUBIC's simpler ancestor.
	NewReno
)

// String returns the algorithm's name.
func (c Congestion) String() string {
	switch c {
	case BBR:
		return "BBR"
	case CUBIC:
		return "CUBIC"
	case NewReno:
		return "NewReno"
	}
	return fmt.Sprintf("Congestion(%d)", uint8(c))
}

// WithCongestion sets the congestion control algorithm for what this end sends; the default is BBR. The other
// end makes its own choice.
func WithCongestion(algorithm Congestion) Option {
	return func(c *config) error {
		switch algorithm {
		case BBR:
			c.conn.Congestion = congestion.AlgorithmBBR
		case CUBIC:
			c.conn.Congestion = congestion.AlgorithmCubic
		case NewReno:
			c.conn.Congestion = congestion.AlgorithmNewReno
		default:
			return fmt.Errorf("WithCongestion(%v): no such algorithm", algorithm)
		}
		return nil
	}
}
