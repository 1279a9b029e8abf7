package sim

import (
	"encoding/json"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
)

// Options determine a run: two runs of the same options are the same run, to the last datagram. Draw
// makes them of a seed. As JSON they are what testdata/seeds holds.
type Options struct {
	// Seed determines every draw that the other options leave open.
	Seed uint64
	// Lane is how packets are protected.
	Lane Protection `json:",omitempty"`

	// The network, until Heal; then it is good. Probabilities are those of one datagram, one way.
	Latency   time.Duration
	Drop      float64       `json:",omitempty"`
	Delay     float64       `json:",omitempty"` // of taking up to DelayMax longer, so that others overtake it
	DelayMax  time.Duration `json:",omitempty"`
	Duplicate float64       `json:",omitempty"`
	Corrupt   float64       `json:",omitempty"` // of having bits flipped
	Truncate  float64       `json:",omitempty"` // of losing its tail
	MTU       int           // of the largest datagram that passes
	Heal      time.Duration
	// Attack is how many datagrams an attacker adds for each one that is sent, on average. It sees every
	// datagram, and has no keys.
	Attack float64 `json:",omitempty"`
	// Marks: both ends use ECN, and this becomes of it; nil where they do not.
	Marks *Marks `json:",omitempty"`
	// Faults happen at their times.
	Faults []Fault `json:",omitempty"`
	// Spared are datagrams whose fate is good, by their number in the run: a failure that was made
	// smaller lists here what it did not need.
	Spared []int `json:",omitempty"`

	// The programs: Clients dial, each Conns times, and open Sessions on every connection.
	Clients, Conns, Sessions int
	// Messages is the most that either end of a session sends, Size the longest one.
	Messages, Size int
	// Pause is the longest time that a program lets pass between two sends, Linger between two receives.
	Pause  time.Duration `json:",omitempty"`
	Linger time.Duration `json:",omitempty"`
	// Aborts is the probability that a session's program gives up on the way.
	Aborts float64 `json:",omitempty"`
	// MaxStreams and Pool are the transport's, where they are not zero.
	MaxStreams int `json:",omitempty"`
	Pool       int `json:",omitempty"`
	// Congestion is the congestion control algorithm of both ends. Skip makes them leave out packet numbers.
	Congestion congestion.Algorithm `json:",omitempty"`
	Skip       bool                 `json:",omitempty"`

	// Idle, Death and Handshake are the transport's time-outs.
	Idle, Death, Handshake time.Duration
}

// Protection is how packets are protected.
type Protection string

// A Fault happens once, at a time. Host 0 is the server, 1 and on are the clients.
type Fault struct {
	Kind FaultKind
	At   time.Duration
	// For is how long it lasts; or, of a Jump, how far.
	For  time.Duration `json:",omitempty"`
	Host int           `json:",omitempty"`
	// Size is what the MTU falls to; of a Move, PortOnly and Knowing.
	Size int `json:",omitempty"`
}

// What a Move is like: only the port changes, and the client knows of it.
const (
	PortOnly = 1 << iota
	Knowing
)

// FaultKind says what happens.
type FaultKind string

// The faults.
const (
	Partition FaultKind = "partition" // nothing passes to or from the host
	Deaf      FaultKind = "deaf"      // nothing passes to the host
	Mute      FaultKind = "mute"      // nothing passes from the host
	Stop      FaultKind = "stop"      // the process is stopped, and continued
	Jump      FaultKind = "jump"      // the host's clock leaps ahead
	Restart   FaultKind = "restart"   // the process is gone, with all it knew, and a new one is there
	Shrink    FaultKind = "shrink"    // the MTU falls, for good
	Move      FaultKind = "move"      // a client's address changes: a NAT forgets it, or it is somewhere else
	Close     FaultKind = "close"     // the host closes its connections: those that dial, drained
	Abort     FaultKind = "abort"     // the host aborts its connections
)

// The lanes.
const (
	Stub  Protection = ""      // flights of TLS's sizes, keys that are numbers: the fast one
	Plain Protection = "plain" // what WithPlaintext does
	TLS   Protection = "tls"   // crypto/tls and the packet protection of RFC 9001
)

// lethal reports whether a session may end early in the run: because a program ends it, a
// process dies, or the time-outs are shorter than what the network may do.
func (o *Options) lethal() bool {
	if o.Aborts > 0 || min(o.Idle, o.Death, o.Handshake) < time.Minute {
		return true
	}
	for _, f := range o.Faults {
		switch f.Kind {
		case Restart, Close, Abort:
			return true
		}
	}
	return false
}

// Draw makes the options of a seed. Each kind of fault is absent from half of the runs, so that a run
// is shaped by few of them and no fault hides another.
func Draw(seed uint64) Options {
	d := roll(seed, 0xd1ce)
	some := func() bool { return d.chance(0.5) }
	chance := func(most float64) float64 {
		if !some() {
			return 0
		}
		return float64(1+d.intn(int(most*1000))) / 1000
	}
	o := Options{
		Seed:      seed,
		Latency:   d.upTo([]time.Duration{time.Millisecond, 20 * time.Millisecond, 150 * time.Millisecond}[d.intn(3)]),
		Drop:      chance(0.4),
		Delay:     chance(0.7),
		DelayMax:  d.upTo(300 * time.Millisecond),
		Duplicate: chance(0.3),
		Corrupt:   chance(0.1),
		Truncate:  chance(0.05),
		Attack:    chance(0.5),
		MTU:       1200 + d.intn(400),
		Heal:      d.upTo(15 * time.Second),
		Clients:   1, Conns: 1, Sessions: 1 + d.intn(3),
		Messages: 1 + d.intn(6), Size: []int{40, 400, 4000}[d.intn(3)],
		Idle: time.Minute, Death: time.Minute, Handshake: time.Minute,
	}
	if d.chance(0.5) {
		o.Lane = Plain
	}
	o.Congestion = congestion.Algorithm(d.intn(3))
	o.Skip = some()
	if d.chance(0.15) {
		o.MTU = 1200 + d.intn(8000)
	}
	if d.chance(0.2) {
		o.Clients = 1 + d.intn(4)
	}
	if d.chance(0.1) {
		o.Conns = 2
	}
	if d.chance(0.05) {
		o.Sessions, o.Size = 1+d.intn(12), 200
	}
	if d.chance(0.05) {
		o.Size = 100_000
	}
	if some() {
		o.Pause = d.upTo(200 * time.Millisecond)
	}
	if some() {
		o.Linger = d.upTo(200 * time.Millisecond)
	}
	if d.chance(0.1) {
		o.MaxStreams = 1 + d.intn(3)
	}
	if d.chance(0.25) {
		o.Aborts = chance(0.5)
	}
	if d.chance(0.1) {
		o.Idle, o.Death = d.upTo(20*time.Second), d.upTo(10*time.Second)
	}
	if some() {
		o.drawFaults(&d)
	}
	if some() {
		o.drawMarks(&d)
	}
	if d.chance(0.15) {
		o.Pause = d.upTo(8 * time.Second) // connections come to rest, and faults meet them there
	}
	return o
}

// drawFaults draws one to three faults. None lasts as long as the time-outs of a run in which all must succeed.
func (o *Options) drawFaults(d *dice) {
	kinds := []FaultKind{Partition, Deaf, Mute, Stop, Jump, Shrink, Move, Move, Partition, Stop}
	if d.chance(0.3) {
		kinds = []FaultKind{Restart, Close, Abort}
	}
	for range 1 + d.intn(3) {
		f := Fault{Kind: kinds[d.intn(len(kinds))], At: d.upTo(2 * time.Second), Host: d.intn(1 + o.Clients)}
		switch f.Kind {
		case Jump:
			f.For = d.upTo(5 * time.Second)
		case Shrink:
			f.Size = 1200 + d.intn(100)
		case Restart:
			f.For = d.upTo(time.Second)
		case Move:
			f.Host, f.Size = 1+d.intn(o.Clients), d.intn(PortOnly|Knowing+1)
		case Close, Abort:
		default:
			f.For = d.upTo(8 * time.Second)
		}
		o.Faults = append(o.Faults, f)
	}
}

// String returns the options as JSON, on one line.
func (o Options) String() string {
	b, _ := json.Marshal(o) // has no value that JSON has not
	return string(b)
}
