package simnet

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Options say how bad the network is, and how the ends of its connections are configured. The zero value is a
// good network. Probabilities apply to each datagram and each direction independently.
type Options struct {
	// Seed determines every random choice.
	Seed uint64

	// Latency is the minimum time that each datagram takes one way; 5 ms if zero.
	Latency time.Duration
	// Drop is the probability that a datagram is lost.
	Drop float64
	// Delay is the probability that a datagram takes longer than Latency, by a time drawn uniformly up to
	// DelayMax (100 ms if zero), so that others overtake it.
	Delay    float64
	DelayMax time.Duration
	// Duplicate is the probability that a datagram arrives twice. Each copy has its own delay.
	Duplicate float64
	// Corrupt is the probability that one to eight bits of a datagram are flipped.
	Corrupt float64
	// MTU is the size in bytes of the largest datagram that passes; 1,472 if zero.
	MTU int
	// Heal is the time after which the network's faults end: those above, partitions, blocks, and Intercept.
	// Whatever takes place from then on must succeed. Zero means never.
	Heal time.Duration

	// IdleTimeout, DeathTimeout and HandshakeTimeout are the transport's, at both ends; its defaults apply if
	// zero. At a loss of 30 % and more, a minute each allows enough attempts.
	IdleTimeout, DeathTimeout, HandshakeTimeout time.Duration
}

// Swarm draws options from the seed: some faults are absent, others mild or severe. The network heals after a
// while, and timeouts are long enough for every session to complete.
func Swarm(seed uint64) Options {
	random := rand.New(rand.NewPCG(seed, 0x5a11))
	chance := func(most float64) float64 {
		if random.IntN(3) == 0 {
			return 0
		}
		return float64(random.IntN(int(most*100)+1)) / 100
	}
	upTo := func(most time.Duration) time.Duration {
		return time.Duration(1+random.Int64N(most.Milliseconds())) * time.Millisecond
	}
	return Options{
		Seed:      seed,
		Latency:   upTo(100 * time.Millisecond),
		Drop:      chance(0.4),
		Delay:     chance(0.8),
		DelayMax:  upTo(500 * time.Millisecond),
		Duplicate: chance(0.3),
		Corrupt:   chance(0.1),
		MTU:       1200 + random.IntN(301),
		Heal:      upTo(20 * time.Second),

		IdleTimeout:      time.Minute,
		DeathTimeout:     time.Minute,
		HandshakeTimeout: time.Minute,
	}
}

// String returns the options as a Go literal, omitting zero fields.
func (o Options) String() string {
	var b strings.Builder
	field := func(name string, value any, zero bool) {
		if zero {
			return
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		if d, ok := value.(time.Duration); ok {
			value = fmt.Sprintf("%d * time.Microsecond", d.Microseconds())
			if d%time.Millisecond == 0 {
				value = fmt.Sprintf("%d * time.Millisecond", d.Milliseconds())
			}
		}
		fmt.Fprintf(&b, "%s: %v", name, value)
	}
	field("Seed", o.Seed, false)
	field("Latency", o.Latency, o.Latency == 0)
	field("Drop", o.Drop, o.Drop == 0)
	field("Delay", o.Delay, o.Delay == 0)
	field("DelayMax", o.DelayMax, o.DelayMax == 0)
	field("Duplicate", o.Duplicate, o.Duplicate == 0)
	field("Corrupt", o.Corrupt, o.Corrupt == 0)
	field("MTU", o.MTU, o.MTU == 0)
	field("Heal", o.Heal, o.Heal == 0)
	field("IdleTimeout", o.IdleTimeout, o.IdleTimeout == 0)
	field("DeathTimeout", o.DeathTimeout, o.DeathTimeout == 0)
	field("HandshakeTimeout", o.HandshakeTimeout, o.HandshakeTimeout == 0)
	return "simnet.Options{" + b.String() + "}"
}

// withDefaults fills in what zero stands for on the network; the core knows its own defaults.
func (o Options) withDefaults() Options {
	if o.Latency == 0 {
		o.Latency = 5 * time.Millisecond
	}
	if o.DelayMax == 0 {
		o.DelayMax = 100 * time.Millisecond
	}
	if o.MTU == 0 {
		o.MTU = 1472
	}
	return o
}

// faulty reports whether the network loses anything by itself.
func (o Options) faulty() bool {
	return o.Drop > 0 || o.Delay > 0 || o.Duplicate > 0 || o.Corrupt > 0
}
