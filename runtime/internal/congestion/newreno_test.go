package congestion_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sessgen/sessgen/runtime/internal/congestion"
	"github.com/sessgen/sessgen/runtime/internal/mono"
)

const datagram = 1200

func at(d time.Duration) mono.Time { return mono.Time(d) }

// ackWindow acknowledges a full window of packets sent at sent.
func ackWindow(r *congestion.NewReno, sent, now mono.Time) {
	full := r.Window()
	for acked := 0; acked < full; acked += datagram {
		r.OnAcked(congestion.Acked{Now: now, SentAt: sent, Size: datagram, BytesInFlight: full})
	}
}

// RFC 9002 §7.2: "Endpoints SHOULD use an initial congestion window of ten times
// the maximum datagram size (max_datagram_size)".
func TestInitialWindow(t *testing.T) {
	require.Equal(t, 10*datagram, congestion.NewNewReno(datagram).Window())
}

// RFC 9002 §7.3.1: "While a sender is in slow start, the congestion window
// increases by the number of bytes acknowledged when each acknowledgment is processed."
func TestSlowStart(t *testing.T) {
	r := congestion.NewNewReno(datagram)
	require.True(t, r.SlowStart())
	ackWindow(r, at(0), at(10*time.Millisecond))
	require.Equal(t, 20*datagram, r.Window())
	ackWindow(r, at(10*time.Millisecond), at(20*time.Millisecond))
	require.Equal(t, 40*datagram, r.Window())
}

// RFC 9002 §7.3.2: "On entering a recovery period, a sender MUST set the slow start threshold to half the value
// of the congestion window when loss is detected. The congestion window MUST be
// set to the reduced value of the slow start threshold before exiting the recovery period."
func TestLossHalvesOncePerRecoveryPeriod(t *testing.T) {
	r := congestion.NewNewReno(datagram)
	r.OnLost(congestion.Lost{Now: at(30), LastSentAt: at(10), Size: datagram})
	require.Equal(t, 5*datagram, r.Window())
	require.False(t, r.SlowStart())

	r.OnLost(congestion.Lost{Now: at(35), LastSentAt: at(20), Size: datagram})
	require.Equal(t, 5*datagram, r.Window(), "sent before recovery began: the same congestion event")
	r.OnAcked(congestion.Acked{Now: at(36), SentAt: at(25), Size: datagram, BytesInFlight: 5 * datagram})
	require.Equal(t, 5*datagram, r.Window(), "no growth in recovery")

	r.OnLost(congestion.Lost{Now: at(60), LastSentAt: at(40), Size: datagram})
	require.Equal(t, 5*datagram/2, r.Window(), "sent since recovery began: another event")
}

// RFC 9002 §7.3.3: "congestion avoidance uses an Additive Increase Multiplicative
// Decrease (AIMD) approach that MUST limit the increase to the congestion window
// to at most one maximum datagram size for each congestion window that is acknowledged."
func TestCongestionAvoidance(t *testing.T) {
	r := congestion.NewNewReno(datagram)
	r.OnLost(congestion.Lost{Now: at(30), LastSentAt: at(10), Size: datagram})
	ackWindow(r, at(40), at(50))
	require.Equal(t, 6*datagram, r.Window())
	ackWindow(r, at(60), at(70))
	require.Equal(t, 7*datagram, r.Window())
}

// RFC 9002 §7.6.2: "When persistent congestion is declared, the sender's congestion
// window MUST be reduced to the minimum congestion window (kMinimumWindow)".
func TestPersistentCongestion(t *testing.T) {
	r := congestion.NewNewReno(datagram)
	r.OnLost(congestion.Lost{Now: at(30), LastSentAt: at(10), Size: datagram})
	r.OnPersistentCongestion(at(30))
	require.Equal(t, 2*datagram, r.Window())
	require.True(t, r.SlowStart(), "back up to the threshold at slow start's pace")
	ackWindow(r, at(40), at(50))
	require.Equal(t, 4*datagram, r.Window())
	ackWindow(r, at(50), at(60))
	require.Equal(t, 5*datagram, r.Window(), "never past the threshold in slow start")
	require.False(t, r.SlowStart())
}

// RFC 9002 §7.8: "When bytes in flight is smaller than the congestion window and
// sending is not pacing limited, the congestion window is underutilized. This can
// happen due to insufficient application data or flow control limits. When this occurs, the
// congestion window SHOULD NOT be increased in either slow start or congestion avoidance."
func TestIdleSenderDoesNotGrow(t *testing.T) {
	r := congestion.NewNewReno(datagram)
	for range 1000 {
		r.OnAcked(congestion.Acked{Now: at(20), SentAt: at(10), Size: datagram, BytesInFlight: datagram})
	}
	require.Equal(t, 10*datagram, r.Window())
}

// Splitting one ACK into many gains nothing: growth counts bytes (RFC 9002 §7.3.1).
// The window keeps between its minimum and what was acknowledged allows.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := congestion.NewNewReno(datagram)
		now, acked := mono.Time(1), 0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += mono.Time(rapid.Int64Range(1, 1e6).Draw(t, "gap"))
			size := rapid.IntRange(1, datagram).Draw(t, "size")
			sent := now - mono.Time(rapid.Int64Range(0, int64(now)).Draw(t, "age"))
			before := r.Window()
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				r.OnLost(congestion.Lost{Now: now, LastSentAt: sent, Size: size})
				require.LessOrEqual(t, r.Window(), max(before, 2*datagram))
			case 1:
				r.OnPersistentCongestion(now)
				require.Equal(t, 2*datagram, r.Window())
			default:
				r.OnAcked(congestion.Acked{Now: now, SentAt: sent, Size: size, BytesInFlight: rapid.IntRange(size, 2*before).Draw(t, "inFlight")})
				acked += size
				require.GreaterOrEqual(t, r.Window(), before)
			}
			require.GreaterOrEqual(t, r.Window(), 2*datagram)
			require.LessOrEqual(t, r.Window(), 10*datagram+acked+datagram)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	var c congestion.Controller = congestion.NewNewReno(datagram)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		c.OnSent(1, datagram, 0)
		c.OnAcked(congestion.Acked{Now: 2, SentAt: 1, Size: datagram, BytesInFlight: datagram})
		c.OnLost(congestion.Lost{Now: 2, LastSentAt: 1, Size: datagram})
	}))
}

// RFC 8899 §3: larger datagrams do not make the window larger, in bytes; and it holds two of them at the least (RFC 9002 §7.2).
func TestWindowOfLargerDatagrams(t *testing.T) {
	for _, c := range []congestion.Controller{congestion.NewNewReno(1200), congestion.NewCubic(1200), congestion.NewBBR(1200, 1)} {
		c.SetMaxDatagram(1452)
		require.Equal(t, 12_000, c.Window())
		c.SetMaxDatagram(9000)
		require.Equal(t, 18_000, c.Window())
	}
}
