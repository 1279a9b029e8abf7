package congestion

// Algorithm names a congestion control algorithm.
type Algorithm uint8

// The algorithms. BBR is what is used where none is named.
const (
	AlgorithmBBR Algorithm = iota
	AlgorithmCubic
	AlgorithmNewReno
)

// New returns a controller of the algorithm for datagrams of at most maxDatagram bytes. The seed is BBR's.
func New(a Algorithm, maxDatagram int, seed uint64) Controller {
	switch a {
	case AlgorithmCubic:
		return NewCubic(maxDatagram)
	case AlgorithmNewReno:
		return NewNewReno(maxDatagram)
	}
	return NewBBR(maxDatagram, seed)
}
