package recovery

import "github.com/sessgen/sessgen/runtime/internal/handshake"

// Counts are how many packets arrived with each mark (RFC 9000 §19.3.2).
type Counts struct{ ECT0, ECT1, CE uint64 }

// ECN marks packets as ECN-capable, and finds out whether the path and the peer can be relied on to
// say what became of the marks (RFC 9000 §13.4.2). Once they cannot, it stops.
type ECN struct {
	state ecnState
	// sent and gone are how many of the first packets left with a mark, and were lost.
	sent, gone int
	counts     [handshake.Levels]Counts
}

type ecnState uint8

const (
	ecnOff ecnState = iota
	ecnTesting
	ecnCapable
	ecnFailed
)

// ecnTests is how many packets are marked at first. RFC 9000 §13.4.2: "the endpoint could set an ECT
// codepoint for only the first ten outgoing packets on a path".
const ecnTests = 10

// Start begins to mark packets.
func (e *ECN) Start() { *e = ECN{state: ecnTesting} }

// restart begins anew on another path. RFC 9000 §9.2: "The new path might not have the same ECN capability. Therefore, the
// endpoint validates ECN capability as described in Section 13.4." The peer's counts go on.
func (e *ECN) restart() {
	if e.state != ecnOff {
		e.state, e.sent, e.gone = ecnTesting, 0, 0
	}
}

// Capable reports whether marks are understood, as far as is known.
func (e *ECN) Capable() bool { return e.state == ecnCapable }

// Marking reports whether the next datagram is to leave with ECT(0). RFC 9000 §13.4.2.2: "If validation fails, then the
// endpoint MUST disable ECN.", also "if validation later fails".
func (e *ECN) Marking() bool {
	return e.state == ecnCapable || e.state == ecnTesting && e.sent < ecnTests
}

// marking is Marking, for a packet that leaves now.
func (e *ECN) marking() bool {
	if !e.Marking() {
		return false
	}
	if e.state == ecnTesting {
		e.sent++
	}
	return true
}

// lost hears that a packet was lost. RFC 9000 §13.4.2: "If all packets marked with non-zero ECN codepoints
// are subsequently lost, it can disable marking on the assumption that the marking caused the loss."
func (e *ECN) lost(marked bool) {
	if e.state != ecnTesting || !marked {
		return
	}
	if e.gone++; e.gone >= ecnTests {
		e.state = ecnFailed
	}
}

// judge takes in an ACK frame that newly acknowledges so many marked packets, and reports whether it tells of
// new marks of congestion. advanced: its largest number is larger than any before. RFC 8085 §3.1.7: "A sender MUST provide a
// method to determine (e.g., negotiate) that the corresponding application is able to provide ECN feedback".
func (e *ECN) judge(s handshake.Level, ack *Ack, advanced bool, marked uint64) (congested bool) {
	if e.state == ecnOff {
		return false
	}
	if e.state == ecnFailed {
		if advanced && ack.Counted { // for the path to come
			e.counts[s] = ack.ECN
		}
		return false
	}
	// RFC 9000 §13.4.2.1: "an endpoint MUST NOT fail ECN validation as a result of processing an ACK frame that does not
	// increase the largest acknowledged packet number."
	if !advanced {
		return false
	}
	if !ack.Counted {
		// RFC 9000 §13.4.2.1: "If an ACK frame newly acknowledges a packet that the endpoint sent with either the ECT(0) or
		// ECT(1) codepoint set, ECN validation fails if the corresponding ECN counts are not present in the ACK frame."
		if marked > 0 {
			e.state = ecnFailed
		}
		return false
	}
	before := e.counts[s]
	now := ack.ECN
	// RFC 9000 §13.4.2.1: "ECN validation also fails if the sum of the increase in ECT(0) and ECN-CE counts is less than
	// the number of newly acknowledged packets that were originally sent with an ECT(0) marking", and if a count shrinks, or
	// one grows that this end never sends.
	if now.ECT0 < before.ECT0 || now.CE < before.CE || now.ECT1 > before.ECT1 || now.ECT0-before.ECT0+now.CE-before.CE < marked {
		e.state = ecnFailed
		return false
	}
	e.counts[s] = now
	if e.state == ecnTesting && marked > 0 {
		e.state = ecnCapable
	}
	return now.CE > before.CE
}
