package qlog

import (
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sessgen/sessgen/runtime/internal/packet"
)

// packetType is what viewers call a packet. Ours of the first flights are their Initial ones.
func packetType(t packet.Type) string {
	switch t {
	case packet.Connect, packet.Accept:
		return "initial"
	case packet.Handshake:
		return "handshake"
	}
	return "1RTT"
}

func appendHeader(b []byte, kind string, number uint64) []byte {
	b = append(append(b, `"header":{"packet_type":"`...), kind...)
	b = strconv.AppendUint(append(b, `","packet_number":`...), number, 10)
	return append(b, '}')
}

// frameNames are the frames that RFC 9000 has too, by the names of the drafts. Others keep ours, in the same style: STREAM_ABORT
// ends both directions and knows no final size, so it is no reset_stream.
var frameNames = map[packet.FrameType]string{
	packet.Padding: "padding", packet.Ping: "ping", packet.Ack: "ack", packet.AckECN: "ack", packet.Crypto: "crypto", packet.NewToken: "new_token",
	packet.Stream: "stream", packet.MaxData: "max_data", packet.MaxStreamData: "max_stream_data",
	packet.MaxStreams: "max_streams", packet.DataBlocked: "data_blocked", packet.StreamDataBlocked: "stream_data_blocked",
	packet.StreamsBlocked: "streams_blocked", packet.NewConnectionID: "new_connection_id",
	packet.RetireConnectionID: "retire_connection_id", packet.PathChallenge: "path_challenge",
	packet.PathResponse: "path_response", packet.ConnectionAbort: "connection_close", packet.HandshakeDone: "handshake_done",
	packet.StreamAbort: "stream_abort", packet.FinRead: "fin_read", packet.Close: "close", packet.CloseOK: "close_ok",
	packet.GoAway: "goaway", packet.AckFrequency: "ack_frequency",
}

// appendFrames appends the frames of a packet, up to one that cannot be read.
func appendFrames(b, payload []byte) []byte {
	first := true
	for f := (packet.Frame{}); len(payload) > 0; first = false {
		rest, err := packet.ParseFrame(&f, payload)
		if err != nil {
			break
		}
		if !first {
			b = append(b, ',')
		}
		b = appendFrame(b, &f, len(payload)-len(rest))
		payload = rest
	}
	return b
}

func appendFrame(b []byte, f *packet.Frame, size int) []byte {
	number := func(name string, v uint64) {
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = strconv.AppendUint(b, v, 10)
	}
	b = append(append(append(b, `{"frame_type":"`...), frameNames[f.Type]...), '"')
	switch f.Type {
	case packet.Padding:
		number("length", uint64(size))
		number("payload_length", uint64(size))
	case packet.Ack, packet.AckECN:
		b = append(b, `,"ack_delay":`...)
		b = appendMillis(b, time.Duration(min(f.Delay, uint64(time.Hour/time.Microsecond)))*time.Microsecond)
		b = append(b, `,"acked_ranges":[`...)
		for n := 0; ; n++ {
			smallest, largest, ok := f.NextRange()
			if !ok {
				break
			}
			if n > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(append(b, '['), smallest, 10)
			b = append(strconv.AppendUint(append(b, ','), largest, 10), ']')
		}
		b = append(b, ']')
		if f.Type == packet.AckECN {
			number("ect0", f.ECT0)
			number("ect1", f.ECT1)
			number("ce", f.CE)
		}
	case packet.Crypto:
		number("offset", f.Offset)
		number("length", uint64(len(f.Data)))
	case packet.Stream:
		number("stream_id", f.ID)
		number("offset", f.Offset)
		number("length", uint64(len(f.Data)))
		if f.Fin {
			b = append(b, `,"fin":true`...)
		}
	case packet.MaxStreamData:
		number("stream_id", f.ID)
		number("maximum", f.Value)
	case packet.StreamDataBlocked:
		number("stream_id", f.ID)
		number("limit", f.Value)
	case packet.MaxData:
		number("maximum", f.Value)
	case packet.DataBlocked:
		number("limit", f.Value)
	case packet.MaxStreams:
		b = append(b, `,"stream_type":"bidirectional"`...)
		number("maximum", f.Value)
	case packet.StreamsBlocked:
		b = append(b, `,"stream_type":"bidirectional"`...)
		number("limit", f.Value)
	case packet.StreamAbort:
		number("stream_id", f.ID)
		number("error_code", f.Value)
	case packet.FinRead:
		number("stream_id", f.ID)
	case packet.GoAway:
		number("stream_id", f.Value)
	case packet.NewToken: // whoever has the token may use it once
		b = append(b, `,"token":{"type":"resumption","length":`...)
		b = append(strconv.AppendInt(b, int64(len(f.Data)), 10), '}')
	case packet.NewConnectionID: // whoever has the reset token may end the connection
		number("sequence_number", f.ID)
		number("retire_prior_to", f.Value)
		b = append(appendHex(append(b, `,"connection_id":"`...), f.Data[:packet.IDLen]), '"')
	case packet.RetireConnectionID:
		number("sequence_number", f.ID)
	case packet.PathChallenge, packet.PathResponse:
		b = append(appendHex(append(b, `,"data":"`...), f.Data), '"')
	case packet.ConnectionAbort:
		space := "transport"
		if c := packet.Code(f.Value); c >= packet.CodeApplication && c < packet.CryptoError {
			space = "application"
		}
		b = append(append(append(b, `,"error_space":"`...), space...), '"')
		number("error_code", f.Value)
		number("raw_error_code", f.Value)
		b = appendText(append(b, `,"reason":`...), string(f.Reason))
	case packet.AckFrequency:
		number("byte_threshold", f.Value)
	}
	return append(b, '}')
}

// appendMillis appends a time in milliseconds, to the microsecond.
func appendMillis(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d.Microseconds())/1000, 'f', 3, 64)
}

func appendHex(b, data []byte) []byte { return hex.AppendEncode(b, data) }

// appendText appends s as a JSON string. Go's quoting of a string is not JSON's.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, `\u00`...)
			b = appendHex(b, []byte{byte(r)})
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
