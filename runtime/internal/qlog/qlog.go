// Package qlog writes what a connection does as a qlog trace: JSON-SEQ of
// draft-ietf-quic-qlog-main-schema-04, with the events of draft-ietf-quic-qlog-quic-events-03: qlog_version 0.3, which
// is what the field's viewers (qvis and others) draw. Later drafts name their schemas and events otherwise, and
// qvis does not open them.
//
// A Trace puts events into memory, and a goroutine of its own writes them, so
// that nobody waits for a disk with a connection's lock in hand. Where it cannot keep up, events are left
// out and counted.
package qlog

import (
	"io"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

const (
	// wakeAt is how many bytes are written together, bufferMax how many may wait.
	wakeAt    = 32 << 10
	bufferMax = 4 << 20
)

// Trace is the trace of one connection. It implements conn.Tracer. Its methods may be called by one goroutine at a time.
type Trace struct {
	out      io.WriteCloser
	begun    mono.Time
	at       mono.Time // of the last event
	confirms bool      // it is the listening end's

	mu      sync.Mutex
	buf     []byte
	dropped int
	done    bool
	wake    chan struct{}
	written chan struct{} // closed when nothing more is written

	last conn.Metrics
}

var _ conn.Tracer = (*Trace)(nil)

// New begins a trace of the connection that the client gave the id, as its dialing or its listening end sees it. It owns
// out, and closes it at the end. start starts the goroutine that writes.
func New(out io.WriteCloser, now mono.Time, wall time.Time, id packet.ID, client bool, start func(func())) *Trace {
	t := &Trace{out: out, begun: now, at: now, confirms: !client, wake: make(chan struct{}, 1), written: make(chan struct{})}
	side := "server"
	if client {
		side = "client"
	}
	b := append(t.buf, "\x1e"+`{"qlog_version":"0.3","qlog_format":"JSON-SEQ","title":"sessgen","trace":{"vantage_point":{"type":"`+side+
		`"},"common_fields":{"ODCID":"`...)
	b = appendHex(b, id[:])
	b = append(b, `","group_id":"`...)
	b = appendHex(b, id[:])
	b = append(b, `","protocol_type":["QUIC"],"time_format":"relative","reference_time":`...)
	b = appendMillis(b, time.Duration(wall.UnixNano()))
	t.buf = append(b, "}}}\n"...)
	start(t.write)
	return t
}

// write is the goroutine that writes.
func (t *Trace) write() {
	defer close(t.written)
	defer t.out.Close()
	var spare []byte
	for range t.wake {
		t.mu.Lock()
		full, done := t.buf, t.done
		t.buf = spare[:0]
		t.mu.Unlock()
		if _, err := t.out.Write(full); err != nil {
			t.mu.Lock()
			t.done = true // nobody can be told but by what is missing
			t.mu.Unlock()
			return
		}
		if spare = full; done {
			return
		}
	}
}

// event appends an event, whose data body appends.
func (t *Trace) event(now mono.Time, name string, body func(b []byte) []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.done:
		return
	case len(t.buf) > bufferMax:
		t.dropped++
		return
	}
	// A reader takes the time once for all that it has read. It may be a little behind what others did meanwhile.
	t.at = max(t.at, now)
	b := append(t.buf, "\x1e"+`{"time":`...)
	b = appendMillis(b, t.at.Sub(t.begun))
	b = append(b, `,"name":"`...)
	b = append(b, name...)
	b = append(b, `","data":{`...)
	b = body(b)
	t.buf = append(b, "}}\n"...)
	if len(t.buf) > wakeAt {
		t.rouse()
	}
}

func (t *Trace) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Started tells the addresses.
func (t *Trace) Started(now mono.Time, local, remote netip.AddrPort) {
	t.event(now, "connectivity:connection_started", func(b []byte) []byte {
		b = local.Addr().AppendTo(append(b, `"src_ip":"`...))
		b = remote.Addr().AppendTo(append(b, `","dst_ip":"`...))
		b = strconv.AppendUint(append(b, `","protocol":"QUIC","src_port":`...), uint64(local.Port()), 10)
		return strconv.AppendUint(append(b, `,"dst_port":`...), uint64(remote.Port()), 10)
	})
}

// Connected tells that the handshake is done, as this end sees it.
func (t *Trace) Connected(now mono.Time) {
	state := "handshake_complete" // at the dialing end; HANDSHAKE_DONE confirms it
	if t.confirms {
		state = "handshake_confirmed"
	}
	t.state(now, state)
}

func (t *Trace) state(now mono.Time, state string) {
	t.event(now, "connectivity:connection_state_updated", func(b []byte) []byte {
		return appendText(append(b, `"new":`...), state)
	})
}

// Close tells the end of the connection and ends the trace, without waiting until it is written.
func (t *Trace) Close(now mono.Time, reason string) {
	t.state(now, "closed")
	t.event(now, "connectivity:connection_closed", func(b []byte) []byte {
		b = appendText(append(b, `"reason":`...), reason)
		if t.dropped > 0 {
			b = strconv.AppendInt(append(b, `,"sessgen_events_left_out":`...), int64(t.dropped), 10)
		}
		return b
	})
	t.mu.Lock()
	if !t.done {
		t.done = true
		t.rouse()
	}
	t.mu.Unlock()
}

// Written is closed when everything is written and the output is closed, after Close.
func (t *Trace) Written() <-chan struct{} { return t.written }

// Sent implements conn.Tracer.
func (t *Trace) Sent(now mono.Time, p conn.Traced) { t.packet(now, "transport:packet_sent", p) }

// Received implements conn.Tracer.
func (t *Trace) Received(now mono.Time, p conn.Traced) { t.packet(now, "transport:packet_received", p) }

func (t *Trace) packet(now mono.Time, name string, p conn.Traced) {
	t.event(now, name, func(b []byte) []byte {
		b = appendHeader(b, packetType(p.Type), p.Number)
		b = append(b, `,"raw":{"length":`...)
		b = strconv.AppendInt(b, int64(p.Size), 10)
		return append(appendFrames(append(b, `},"frames":[`...), p.Frames), ']')
	})
}

// Dropped implements conn.Tracer.
func (t *Trace) Dropped(now mono.Time, size int, why conn.DropReason) {
	t.event(now, "transport:packet_dropped", func(b []byte) []byte {
		b = append(b, `"raw":{"length":`...)
		b = strconv.AppendInt(b, int64(size), 10)
		return append(append(append(b, `},"trigger":"`...), why.String()...), '"')
	})
}

// Lost implements conn.Tracer.
func (t *Trace) Lost(now mono.Time, level handshake.Level, number uint64) {
	t.event(now, "recovery:packet_lost", func(b []byte) []byte {
		return appendHeader(b, [...]string{"initial", "handshake", "1RTT"}[level], number)
	})
}

// Renamed implements conn.Tracer.
func (t *Trace) Renamed(now mono.Time, old, id packet.ID) {
	t.event(now, "connectivity:connection_id_updated", func(b []byte) []byte {
		b = appendHex(append(b, `"owner":"remote","old":"`...), old[:])
		b = appendHex(append(b, `","new":"`...), id[:])
		return append(b, '"')
	})
}

// Metrics implements conn.Tracer.
func (t *Trace) Metrics(now mono.Time, m conn.Metrics) {
	if m == t.last {
		return
	}
	last := t.last
	t.last = m
	t.event(now, "recovery:metrics_updated", func(b []byte) []byte {
		n := len(b)
		millis := func(name string, v, old time.Duration) {
			if v != old {
				b = append(append(append(b, `,"`...), name...), `":`...)
				b = appendMillis(b, v)
			}
		}
		number := func(name string, v, old int) {
			if v != old {
				b = append(append(append(b, `,"`...), name...), `":`...)
				b = strconv.AppendInt(b, int64(v), 10)
			}
		}
		millis("min_rtt", m.MinRTT, last.MinRTT)
		millis("smoothed_rtt", m.SmoothedRTT, last.SmoothedRTT)
		millis("latest_rtt", m.LatestRTT, last.LatestRTT)
		millis("rtt_variance", m.RTTVar, last.RTTVar)
		number("pto_count", m.PTOCount, last.PTOCount)
		number("congestion_window", m.CongestionWindow, last.CongestionWindow)
		number("bytes_in_flight", m.BytesInFlight, last.BytesInFlight)
		number("pacing_rate", 8*m.PaceRate, 8*last.PaceRate) // in bits a second
		if len(b) > n {                                      // the first comma
			b = append(b[:n], b[n+1:]...)
		}
		return b
	})
}
