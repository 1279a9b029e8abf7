package congestion

import (
	"math"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// Cubic is the algorithm of RFC 9438: after a loss the window returns quickly to where it was, stays near it
// for a while, then searches beyond. How fast does not depend on the round trip.
type Cubic struct {
	maxDatagram int
	window      int
	ssthresh    int
	// recoveryStart is when the last congestion event began; losses of packets sent before are part of it.
	recoveryStart mono.Time
	recovered     bool

	// The congestion avoidance stage at hand, with sizes in datagrams as in RFC 9438 §4.1.2.
	wMax, wEst, k float64
	cwndPrior     float64
	epoch         mono.Time // when the stage began; what it was not utilized is left out
	started       bool
	lastAcked     mono.Time
	acked         float64 // the fraction of a datagram that the window is to grow by

	hystart hystart
	undo    *cubicUndo
	kept    cubicUndo
}

// cubicUndo is what a congestion event changed.
type cubicUndo struct {
	window, ssthresh   int
	wMax, k, cwndPrior float64
	epoch              mono.Time
	started            bool
}

const (
	// cubicC: RFC 9438 §5, "C SHOULD be set to 0.4".
	cubicC = 0.4
	// cubicBeta: RFC 9438 §4.6, beta_cubic "SHOULD be set to 0.7".
	cubicBeta = 0.7
	// cubicAlpha: RFC 9438 §4.3, "3 * (1 - beta_cubic) / (1 + beta_cubic)".
	cubicAlpha = 3 * (1 - cubicBeta) / (1 + cubicBeta)
)

var _ Controller = (*Cubic)(nil)

// NewCubic returns a controller for datagrams of at most maxDatagram bytes.
func NewCubic(maxDatagram int) *Cubic {
	return &Cubic{
		maxDatagram: maxDatagram,
		window:      InitialWindow(maxDatagram),
		ssthresh:    unlimited,
		hystart:     newHystart(),
	}
}

// OnSent does nothing: the window depends on what comes back.
func (c *Cubic) OnSent(mono.Time, int, int) {}

// OnAcked grows the window.
func (c *Cubic) OnAcked(a Acked) {
	idle := a.Now.Sub(c.lastAcked)
	c.lastAcked = a.Now
	if c.inRecovery(a.SentAt) {
		return
	}
	if !c.utilized(a.BytesInFlight) {
		// RFC 9438 §5.8: "CUBIC does not increase its congestion window if a flow is application
		// limited", and §4.2: the elapsed time "MUST NOT include periods during which cwnd has not
		// been updated due to application-limited behavior".
		if c.started {
			c.epoch = c.epoch.Add(idle)
		}
		return
	}
	if c.SlowStart() {
		c.window += c.hystart.growth(a.Size)
		return
	}
	c.avoid(a)
}

// avoid is congestion avoidance (RFC 9438 §4.2 to §4.5).
func (c *Cubic) avoid(a Acked) {
	cwnd := c.packets(c.window)
	if !c.started {
		c.start(a.Now, cwnd)
	}
	t := a.Now.Sub(c.epoch)
	segments := c.packets(a.Size)
	// RFC 9438 §4.3: "W_est = W_est + alpha_cubic * segments_acked / cwnd", and "once W_est has grown to reach the
	// cwnd at the time of most recently setting ssthresh […] the sender SHOULD set alpha_cubic to 1".
	alpha := cubicAlpha
	if c.wEst >= c.cwndPrior {
		alpha = 1
	}
	c.wEst += float64(alpha * segments / cwnd)
	if c.cubic(t) < c.wEst {
		// RFC 9438 §4.3: the Reno-friendly region, "cwnd SHOULD be set to W_est".
		c.grow(c.wEst - cwnd)
		return
	}
	// RFC 9438 §4.2: target is W_cubic(t + RTT), bounded by cwnd below and 1.5 cwnd above, and §4.4:
	// "cwnd MUST be incremented by (target - cwnd)/cwnd for each received new ACK".
	rtt := a.Now.Sub(a.SentAt)
	target := max(cwnd, min(c.cubic(t+rtt), 1.5*cwnd))
	c.grow((target - cwnd) / cwnd * segments)
}

// start begins a congestion avoidance stage.
func (c *Cubic) start(now mono.Time, cwnd float64) {
	c.started, c.epoch = true, now
	c.wEst, c.acked = cwnd, 0
	if c.wMax < cwnd {
		// RFC 9438 §4.8: behind a timeout, and out of slow start without a loss, the curve begins at its plateau.
		c.wMax = cwnd
	}
	// RFC 9438 §4.2: "K = cubic_root((W_max - cwnd_epoch) / C)".
	c.k = math.Cbrt((c.wMax - cwnd) / cubicC)
}

// cubic is W_cubic(t) = C * (t - K)^3 + W_max, in datagrams (RFC 9438 §4.2).
func (c *Cubic) cubic(t time.Duration) float64 {
	d := t.Seconds() - c.k
	return float64(cubicC*d*d*d) + c.wMax
}

// grow adds datagrams to the window, whole bytes at a time.
func (c *Cubic) grow(datagrams float64) {
	c.acked += max(0, datagrams) * float64(c.maxDatagram)
	whole := math.Floor(c.acked)
	c.acked -= whole
	c.window += int(whole)
}

func (c *Cubic) packets(bytes int) float64 { return float64(bytes) / float64(c.maxDatagram) }

// OnAck watches the round trips of slow start.
func (c *Cubic) OnAck(s Sample) {
	if c.SlowStart() && c.hystart.onAck(s) {
		c.ssthresh = c.window
	}
}

// OnLost reduces the window, once a congestion event.
func (c *Cubic) OnLost(l Lost) { c.congested(l.Now, l.LastSentAt) }

// OnCE reduces the window as a loss does (RFC 9002 §7.1).
func (c *Cubic) OnCE(now, sentAt mono.Time) {
	c.congested(now, sentAt)
	c.undo = nil // a mark is never spurious
}

func (c *Cubic) congested(now, sentAt mono.Time) {
	if c.inRecovery(sentAt) {
		return
	}
	c.kept = cubicUndo{c.window, c.ssthresh, c.wMax, c.k, c.cwndPrior, c.epoch, c.started}
	c.undo = &c.kept
	c.recoveryStart, c.recovered = now, true
	cwnd := c.packets(c.window)
	c.cwndPrior = cwnd
	// RFC 9438 §4.7, fast convergence: "if (cwnd < W_max) W_max = cwnd * (1 + beta_cubic) / 2".
	if c.wMax = cwnd; cwnd < c.kept.wMax {
		c.wMax = float64(cwnd * (1 + cubicBeta) / 2)
	}
	// RFC 9438 §4.6: ssthresh is beta_cubic times the flight, here the window; "cwnd = max(ssthresh, 2)" behind a loss.
	c.ssthresh = max(int(float64(c.window)*cubicBeta), minimumPackets*c.maxDatagram)
	c.window = c.ssthresh
	c.started = false
}

// OnPersistentCongestion falls back to the minimum window.
func (c *Cubic) OnPersistentCongestion(mono.Time) {
	// RFC 9002 §7.6.2: "When persistent congestion is declared, the sender's
	// congestion window MUST be reduced to the minimum congestion window".
	c.window = minimumPackets * c.maxDatagram
	c.recovered, c.started, c.undo = false, false, nil
	// RFC 9438 §4.8: behind a timeout, W_max is set to the window at the beginning of the next stage.
	c.wMax = 0
	c.hystart = newHystart()
}

// OnSpurious restores what the last congestion event changed. RFC 9438 §4.9.2: "if the most
// recent fast retransmit was spurious", cwnd, ssthresh, W_max, K and the epoch are what they were before.
func (c *Cubic) OnSpurious(mono.Time) {
	if c.undo == nil {
		return
	}
	u := c.undo
	c.undo = nil
	c.window, c.ssthresh = max(c.window, u.window), u.ssthresh
	c.wMax, c.k, c.cwndPrior, c.epoch, c.started = u.wMax, u.k, u.cwndPrior, u.epoch, u.started
	c.recovered = false
}

// SetMaxDatagram hears how large datagrams may be.
func (c *Cubic) SetMaxDatagram(bytes int) {
	c.window = rescale(c.window, c.maxDatagram, bytes)
	scale := float64(c.maxDatagram) / float64(bytes)
	c.wMax, c.wEst, c.cwndPrior = c.wMax*scale, c.wEst*scale, c.cwndPrior*scale
	c.started = false
	c.maxDatagram = bytes
}

// Rest does nothing: there is little.
func (c *Cubic) Rest() {}

// Window is the congestion window in bytes.
func (c *Cubic) Window() int { return c.window }

// Rate is a little more than a window a round trip.
func (c *Cubic) Rate(smoothedRTT time.Duration) int {
	return windowRate(c.window, smoothedRTT, c.SlowStart())
}

// SlowStart reports whether the window is below the threshold. RFC 9438 §4.10: "CUBIC MUST employ a slow-start algorithm".
func (c *Cubic) SlowStart() bool { return c.window < c.ssthresh }

func (c *Cubic) inRecovery(sentAt mono.Time) bool {
	return c.recovered && sentAt <= c.recoveryStart
}

// RFC 9438 §4.6: implementations that reduce the window rather than the flight "MUST use other measures to prevent […] from
// growing when the volume of bytes in flight is smaller"; QUIC "is REQUIRED to apply similar mechanisms".
func (c *Cubic) utilized(bytesInFlight int) bool {
	return utilized(c.window, bytesInFlight, c.maxDatagram, c.SlowStart())
}
