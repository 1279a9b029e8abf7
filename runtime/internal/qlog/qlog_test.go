package qlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/mono"
	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// The parts of draft-ietf-quic-qlog-main-schema-04 and draft-ietf-quic-qlog-quic-events-03 (qlog_version 0.3) that a trace
// uses: for each object its fields and their types; ? marks those that may be left out. A type is number, text, bool, the
// name of another object, [type] for a list, or a|b for texts.
const schema = `
file            qlog_version text; qlog_format JSON-SEQ; title ?text; trace trace
trace           vantage_point vantage; common_fields common
vantage         type client|server
common          time_format absolute|delta|relative; reference_time number; group_id ?text; protocol_type [text]; ODCID ?text
event           time number; name text; data object
header          packet_type initial|handshake|0RTT|1RTT|retry|version_negotiation|stateless_reset|unknown; packet_number ?number
raw             length ?number; payload_length ?number

connectivity:connection_started        src_ip text; dst_ip text; protocol ?text; src_port ?number; dst_port ?number
connectivity:connection_state_updated  new attempted|peer_validated|handshake_started|early_write|handshake_complete|handshake_confirmed|closing|draining|closed
connectivity:connection_closed         reason ?text; sessgen_events_left_out ?number
transport:packet_sent                  header header; frames [frame]; raw ?raw
transport:packet_received              header header; frames [frame]; raw ?raw
transport:packet_dropped               raw ?raw; trigger key_unavailable|unknown_connection_id|header_parse_error|payload_decrypt_error|protocol_violation|dos_prevention|unsupported_version|unexpected_packet|duplicate|invalid_initial
recovery:packet_lost                   header header
recovery:metrics_updated               min_rtt ?number; smoothed_rtt ?number; latest_rtt ?number; rtt_variance ?number; pto_count ?number; congestion_window ?number; bytes_in_flight ?number; pacing_rate ?number

frame.padding               length ?number; payload_length number
frame.ping
frame.ack                   ack_delay ?number; acked_ranges [[number]]; ect0 ?number; ect1 ?number; ce ?number
frame.crypto                offset number; length number
frame.new_token             token token
token                       type retry|resumption; length ?number
frame.stream                stream_id number; offset number; length number; fin ?bool
frame.max_data              maximum number
frame.max_stream_data       stream_id number; maximum number
frame.max_streams           stream_type unidirectional|bidirectional; maximum number
frame.data_blocked          limit number
frame.stream_data_blocked   stream_id number; limit number
frame.streams_blocked       stream_type unidirectional|bidirectional; limit number
frame.new_connection_id     sequence_number number; retire_prior_to number; connection_id text
frame.retire_connection_id  sequence_number number
frame.path_challenge        data text
frame.path_response         data text
frame.connection_close      error_space transport|application; error_code number; raw_error_code number; reason ?text
frame.handshake_done
frame.stream_abort          stream_id number; error_code number
frame.fin_read              stream_id number
frame.close
frame.close_ok
frame.goaway                stream_id number
frame.ack_frequency         byte_threshold number
`

type checker struct{ objects map[string][]string }

func newChecker() checker {
	c := checker{map[string][]string{"object": nil}}
	for line := range strings.Lines(schema) {
		name, fields, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		c.objects[name] = nil
		if fields = strings.TrimSpace(fields); fields != "" {
			c.objects[name] = strings.Split(fields, "; ")
		}
	}
	return c
}

// check compares a JSON value with a type, and says what is wrong.
func (c checker) check(kind string, v any) error {
	if kind == "frame" {
		m, _ := v.(map[string]any)
		return c.check(fmt.Sprint("frame.", m["frame_type"]), v)
	}
	if fields, known := c.objects[kind]; known {
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %v", kind, v)
		}
		names := []string{"frame_type"}
		for _, f := range fields {
			name, of, _ := strings.Cut(f, " ")
			names = append(names, name)
			of, optional := strings.CutPrefix(of, "?")
			switch value, there := m[name]; {
			case there:
				if err := c.check(of, value); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			case !optional:
				return fmt.Errorf("%s has no %s: %v", kind, name, m)
			}
		}
		for name := range m {
			if kind != "object" && !slices.Contains(names, name) {
				return fmt.Errorf("%s has a %s: %v", kind, name, m)
			}
		}
		return nil
	}
	ok := false
	switch v := v.(type) {
	case float64:
		ok = kind == "number"
	case bool:
		ok = kind == "bool"
	case string:
		ok = kind == "text" || slices.Contains(strings.Split(kind, "|"), v)
	case []any:
		if inner, list := strings.CutPrefix(kind, "["); list {
			for _, e := range v {
				if err := c.check(inner[:len(inner)-1], e); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if !ok {
		return fmt.Errorf("%v is no %s", v, kind)
	}
	return nil
}

// file checks a whole trace, and returns how often each event and frame was in it.
func (c checker) file(trace []byte) (map[string]int, error) {
	seen := map[string]int{}
	for i, record := range bytes.Split(trace, []byte{0x1e})[1:] { // RFC 7464: RS before, a line feed behind
		var v any
		if err := json.Unmarshal(record, &v); err != nil {
			return nil, fmt.Errorf("%w: %s", err, record)
		}
		if i == 0 {
			if err := c.check("file", v); err != nil {
				return nil, err
			}
			continue
		}
		if err := c.check("event", v); err != nil {
			return nil, err
		}
		e := v.(map[string]any)
		name, data := e["name"].(string), e["data"].(map[string]any)
		if err := c.check(name, data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		seen[name]++
		frames, _ := data["frames"].([]any)
		for _, f := range frames {
			seen[fmt.Sprint("frame.", f.(map[string]any)["frame_type"])]++
		}
	}
	return seen, nil
}

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// frames are one of each.
func frames() []byte {
	b := packet.AppendPing(make([]byte, 3)) // padding first
	b = packet.AppendAckHead(b, 9, 25, 1, 2)
	b = packet.AppendAckRange(b, 7, 1, 3)
	from := len(b)
	b = packet.AppendAckHead(b, 9, 25, 0, 2)
	b = packet.AppendAckECN(b, from, 4, 5, 6)
	b = append(packet.AppendCryptoHead(b, 10, 2), "hi"...)
	b = packet.AppendNewToken(b, []byte("token"))
	b = append(packet.AppendStreamHead(b, 1, 10, 2, true), "hi"...)
	for _, t := range []packet.FrameType{packet.MaxData, packet.MaxStreams, packet.DataBlocked, packet.StreamsBlocked, packet.GoAway} {
		b = packet.AppendValue(b, t, 7)
	}
	b = packet.AppendStreamValue(b, packet.MaxStreamData, 1, 7)
	b = packet.AppendStreamValue(b, packet.StreamDataBlocked, 1, 7)
	b = packet.AppendNewConnectionID(b, 2, 1, packet.ID{1, 2, 3}, [packet.TokenLen]byte{9})
	b = packet.AppendRetireConnectionID(b, 1)
	b = packet.AppendPath(b, packet.PathChallenge, [8]byte{1})
	b = packet.AppendPath(b, packet.PathResponse, [8]byte{1})
	b = packet.AppendStreamAbort(b, 1, 5, "because")
	b = packet.AppendFinRead(b, 1)
	b = packet.AppendHandshakeDone(b)
	b = packet.AppendClose(b)
	b = packet.AppendCloseOK(b)
	b = packet.AppendAckFrequency(b, 1000, 5000)
	return packet.AppendConnectionAbort(b, uint64(packet.CodeApplication), 0, "\"quoted\"\n\x01")
}

// TestSchema writes every event and every frame, and checks the trace against the drafts: nothing that they
// require is missing, nothing is of another type, no name is made up.
func TestSchema(t *testing.T) {
	c := newChecker()
	for _, client := range []bool{true, false} {
		var out buffer
		now := mono.Time(1000)
		trace := New(&out, now, time.Unix(1e9, 0), packet.ID{1}, client, func(write func()) { go write() })
		trace.Started(now, netip.MustParseAddrPort("192.0.2.1:7"), netip.MustParseAddrPort("[2001:db8::1]:8"))
		trace.Connected(now)
		for typ := packet.Connect; typ <= packet.Short; typ++ {
			trace.Sent(now, conn.Traced{Type: typ, Number: 1, Size: 1200, Frames: frames()})
			trace.Received(now, conn.Traced{Type: typ, Number: 2, Size: 50, Frames: packet.AppendPing(nil)})
		}
		for why := conn.DropUnreadable; why <= conn.DropUnavailable; why++ {
			trace.Dropped(now, 30, why)
		}
		for level := range handshake.Levels {
			trace.Lost(now, handshake.Level(level), 3)
		}
		trace.Metrics(now, conn.Metrics{SmoothedRTT: 1, RTTVar: 2, MinRTT: 3, LatestRTT: 4, CongestionWindow: 5, BytesInFlight: 6, PTOCount: 7, PaceRate: 8})
		trace.Metrics(now, conn.Metrics{CongestionWindow: 9})
		trace.Close(now, "the end\u2028\"")
		<-trace.Written()
		seen, err := c.file(out.Bytes())
		require.NoError(t, err, "%s", out.Bytes())
		for name := range c.objects {
			if strings.Contains(name, ":") || strings.Contains(name, ".") {
				require.Positive(t, seen[name], name)
			}
		}
		require.Equal(t, 2, seen["connectivity:connection_state_updated"])
		require.NotContains(t, out.String(), "token\":\"746f6b656e", "a token is worth something")
	}
}

// The checker finds what is wrong.
func TestSchemaIsChecked(t *testing.T) {
	c := newChecker()
	good := `{"frame_type":"stream","stream_id":1,"offset":2,"length":3}`
	for _, bad := range []string{
		good, // itself is good
		`{"frame_type":"stream","stream_id":1,"offset":2}`,
		`{"frame_type":"stream","stream_id":"1","offset":2,"length":3}`,
		`{"frame_type":"stream","stream_id":1,"offset":2,"length":3,"size":4}`,
		`{"frame_type":"streem","stream_id":1,"offset":2,"length":3}`,
		`7`,
	} {
		var v any
		require.NoError(t, json.Unmarshal([]byte(bad), &v))
		require.Equal(t, bad == good, c.check("frame", v) == nil, bad)
	}
}
