package packet_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/conn"
	"github.com/sessgen/sessgen/runtime/internal/handshake"
	"github.com/sessgen/sessgen/runtime/internal/packet"
	"github.com/sessgen/sessgen/runtime/internal/registry"
	"github.com/sessgen/sessgen/runtime/session"
)

// field is a stretch of an example, and what it is.
type field struct {
	length int // -1: all that is left
	what   string
}

// example is bytes that are made by the functions that make them in production, taken apart.
type example struct {
	name   string
	bytes  []byte
	fields []field
}

// The values that the examples are made of.
var (
	clientID = packet.ID{0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8}
	serverID = packet.ID{0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58}
	nonce    = [packet.NonceLen]byte([]byte("nonce of 16 byte"))
	token    = [packet.TokenLen]byte([]byte("token of a reset"))
	cookie   = []byte("cookie")
)

// sealed appends the payload to the header under the Initial keys of the dialing end.
func sealed(header, payload []byte, number uint64) []byte {
	client, _ := handshake.InitialKeys(serverID, cookie)
	return client.Seal(header, header, payload, number)
}

// tlsSecret is one that TLS_AES_128_GCM_SHA256 gives for a level.
var tlsSecret = []byte("a secret of 32 bytes, from TLS..")

// masked appends the payload to the header under tlsSecret, and hides the header, whose number has numberLen bytes.
func masked(t *testing.T, header, payload []byte, number uint64, numberLen int) []byte {
	keys, ok := handshake.NewProtection(tls.TLS_AES_128_GCM_SHA256, tlsSecret)
	require.True(t, ok)
	numberAt := len(header) - numberLen
	b := keys.Seal(header, header, payload, number)
	packet.ApplyMask(b, numberAt, numberLen, keys.Mask(packet.SampleOf(b, numberAt)))
	return b
}

// tlsKeys is what follows from tlsSecret, made without the code that makes it in production.
func tlsKeys(t *testing.T) []byte {
	b := bytes.Clone(tlsSecret)
	for _, of := range []struct {
		label  string
		length int
	}{{"quic key", 16}, {"quic iv", 12}, {"quic hp", 16}, {"quic ku", 32}} {
		info := append([]byte{0, byte(of.length), byte(6 + len(of.label))}, "tls13 "+of.label+"\x00"...)
		key, err := hkdf.Expand(sha256.New, tlsSecret, string(info), of.length)
		require.NoError(t, err)
		b = append(b, key...)
	}
	return b
}

func examples(t *testing.T) []example {
	long := func(kind packet.Type, dst, src packet.ID, number uint64, payload int) []byte {
		l := packet.Long{Type: kind, Version: packet.V1Plain, Dst: dst, Src: src, Number: number, NumberLen: 1}
		if kind == packet.Connect {
			l.Token = cookie
		}
		return packet.AppendLong(nil, l, payload+handshake.TagLen)
	}
	ping := packet.AppendPing(nil)
	params := packet.AppendParams(nil, &packet.Params{
		Version: packet.V1Plain, Offered: []packet.Version{packet.V1Plain}, ClientID: clientID, ServerID: serverID,
		Token: sha256.Sum256(cookie), ResetToken: token, MaxAckDelay: 5 * time.Millisecond, IdleTimeout: time.Minute,
		MaxStreams: 1024, Floor: 16 << 10, MaxData: packet.MaxVarint, MaxMessage: 4 << 20,
	})
	hello := handshake.NewPlainClient([16]byte([]byte("half of 16 bytes"))).Start([]byte{1, 2, 3})[0].(handshake.Send).Data
	var names registry.Dialed[int]
	bank, err := names.Of(0, "bank.Bank", strings.Repeat("f1", 32))
	require.NoError(t, err)
	header, err := bank.Append(nil, []byte("note"))
	require.NoError(t, err)
	bank.Confirm()
	short, err := bank.Append(nil, nil)
	require.NoError(t, err)
	stream := append(binary.AppendUvarint(nil, uint64(len(header))), header...)
	stream = append(stream, 2, 0x00, 0x08)
	later := append([]byte{byte(len(short))}, short...)
	later = append(later, 2, 0x00, 0x08)

	first := field{1, "first byte"}
	version, dst, src := field{4, "version"}, field{8, "id of the end it goes to"}, field{8, "id of the end it comes from"}
	length, number := field{1, "length of all that follows in the packet"}, field{1, "packet number"}
	frames, tag := field{1, "frames: PING"}, field{8, "tag"}
	kind, rest := field{1, "type"}, func(what string) field { return field{-1, what} }
	stream1, reason := field{1, "stream"}, []field{{1, "length of the reason"}, {3, "reason"}}

	return []example{
		{"INIT", packet.AppendInit(nil, packet.V1Plain, clientID, nonce), []field{first, version, {8, "client's id"}, {16, "nonce"}, rest("padding to 1,200 bytes")}},
		{"COOKIE", packet.AppendCookie(nil, packet.V1Plain, clientID, nonce[:], serverID, cookie), []field{first, version, {8, "client's id"}, {16, "nonce"}, {8, "server's id"}, {1, "length of the cookie"}, rest("cookie")}},
		{"VERSIONS", packet.AppendVersions(nil, clientID, nonce[:], packet.V1Plain, packet.V1), []field{first, {4, "zero"}, {8, "client's id"}, {16, "nonce"}, {4, "a version that is spoken"}, {4, "another one"}}},
		{"CONNECT", sealed(long(packet.Connect, serverID, clientID, 0, len(ping)), ping, 0), []field{first, version, dst, src, {1, "length of the cookie"}, {6, "cookie"}, length, number, frames, tag}},
		{"ACCEPT", sealed(long(packet.Accept, clientID, serverID, 7, len(ping)), ping, 7), []field{first, version, dst, src, length, number, frames, tag}},
		{"HANDSHAKE", sealed(long(packet.Handshake, serverID, clientID, 1, len(ping)), ping, 1), []field{first, version, dst, src, length, number, frames, tag}},
		{"SHORT", sealed(packet.AppendShort(nil, serverID, false, 0x1234, 2), ping, 0x1234), []field{first, dst, {2, "packet number"}, frames, tag}},
		{"TLS-KEYS", tlsKeys(t), []field{{32, "secret of TLS_AES_128_GCM_SHA256"}, {16, "key"}, {12, "IV"}, {16, "key of header protection"}, {32, "secret of the next key phase"}}},
		{
			"TLS-HANDSHAKE", masked(t, packet.AppendLong(nil, packet.Long{Type: packet.Handshake, Version: packet.V1, Dst: serverID, Src: clientID, Number: 1, NumberLen: 1}, 3+16), []byte{1, 0, 0}, 1, 1),
			[]field{{1, "first byte, masked: was d0"}, version, dst, src, length, {1, "packet number, masked: was 01"}, {3, "frames: PING, two of PADDING"}, {16, "tag"}},
		},
		{
			"TLS-SHORT", masked(t, packet.AppendShort(nil, serverID, true, 0x1234, 2), []byte{1, 0}, 0x1234, 2),
			[]field{{1, "first byte, masked: was 61"}, dst, {2, "packet number, masked: was 1234"}, {2, "frames: PING, PADDING"}, {16, "tag"}},
		},
		{"RESET", packet.AppendReset(nil, serverID, token, bytes.Repeat([]byte{0x77}, packet.MaxReset), packet.MaxReset), []field{first, {8, "id that the answered packet went to"}, {18, "random"}, {16, "token"}}},

		{"PADDING", []byte{0, 0, 0}, []field{{3, "three of them"}}},
		{"PING", ping, []field{kind}},
		{"ACK", packet.AppendAckRange(packet.AppendAckHead(nil, 100, 250, 1, 3), 97, 90, 94), []field{kind, {2, "largest: 100"}, {2, "delay: 250 us"}, {1, "further ranges: 1"}, {1, "first range: 3 before the largest"}, {1, "gap: 97 - 94 - 2"}, {1, "range: 4 before 94"}}},
		{"ACK_ECN", []byte{byte(packet.AckECN), 1, 0, 0, 1, 5, 0, 2}, []field{kind, {1, "largest"}, {1, "delay"}, {1, "further ranges"}, {1, "first range"}, {1, "ECT(0)"}, {1, "ECT(1)"}, {1, "CE"}}},
		{"CRYPTO", append(packet.AppendCryptoHead(nil, 64, 5), "hello"...), []field{kind, {2, "offset"}, {1, "length"}, rest("the handshake's bytes")}},
		{"NEW_TOKEN", packet.AppendNewToken(nil, cookie), []field{kind, {1, "length"}, rest("token")}},
		{"STREAM", append(packet.AppendStreamHead(nil, 1, 300, 5, true), "hello"...), []field{{1, "type, with offset, length and FIN"}, stream1, {2, "offset"}, {1, "length"}, rest("data")}},
		{"MAX_DATA", packet.AppendValue(nil, packet.MaxData, 100_000), []field{kind, {4, "limit"}}},
		{"MAX_STREAM_DATA", packet.AppendStreamValue(nil, packet.MaxStreamData, 1, 100_000), []field{kind, stream1, {4, "limit"}}},
		{"MAX_STREAMS", packet.AppendValue(nil, packet.MaxStreams, 1025), []field{kind, {2, "how many over the connection's life"}}},
		{"DATA_BLOCKED", packet.AppendValue(nil, packet.DataBlocked, 100), []field{kind, {2, "limit"}}},
		{"STREAM_DATA_BLOCKED", packet.AppendStreamValue(nil, packet.StreamDataBlocked, 1, 100), []field{kind, stream1, {2, "limit"}}},
		{"STREAMS_BLOCKED", packet.AppendValue(nil, packet.StreamsBlocked, 1024), []field{kind, {2, "limit"}}},
		{"NEW_CONNECTION_ID", packet.AppendNewConnectionID(nil, 1, 0, serverID, token), []field{kind, {1, "sequence number"}, {1, "retire those before"}, {8, "id"}, {16, "reset token"}}},
		{"RETIRE_CONNECTION_ID", packet.AppendRetireConnectionID(nil, 1), []field{kind, {1, "sequence number"}}},
		{"PATH_CHALLENGE", packet.AppendPath(nil, packet.PathChallenge, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}), []field{kind, {8, "random"}}},
		{"PATH_RESPONSE", packet.AppendPath(nil, packet.PathResponse, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}), []field{kind, {8, "the challenge's"}}},
		{"CONNECTION_ABORT", packet.AppendConnectionAbort(nil, uint64(packet.CodeApplication)+5, 0, "why"), append([]field{kind, {2, "code"}, {1, "type of the frame it is about, 0 for none"}}, reason...)},
		{"HANDSHAKE_DONE", packet.AppendHandshakeDone(nil), []field{kind}},
		{"STREAM_ABORT", packet.AppendStreamAbort(nil, 1, 7, "why"), append([]field{kind, stream1, {1, "code"}}, reason...)},
		{"FIN_READ", packet.AppendFinRead(nil, 1), []field{kind, stream1}},
		{"CLOSE", packet.AppendClose(nil), []field{kind}},
		{"CLOSE_OK", packet.AppendCloseOK(nil), []field{kind}},
		{"GOAWAY", packet.AppendValue(nil, packet.GoAway, 9), []field{kind, {1, "the first stream that is refused"}}},
		{"ACK_FREQUENCY", packet.AppendAckFrequency(nil, 65536, 5000), []field{kind, {4, "bytes"}, {2, "microseconds"}}},

		{"PARAMETERS", params, []field{
			{2, "1 versions, 8 bytes"},
			{4, "the one in use"},
			{4, "one that the sender speaks"},
			{2, "2 ids, 16 bytes"},
			{8, "the client's"},
			{8, "the server's"},
			{2, "3 token, 32 bytes"},
			{32, "SHA-256 of the cookie in CONNECT"},
			{2, "4 reset token, 16 bytes"},
			{16, "of the listening end"},
			{2, "5 max_ack_delay"},
			{2, "5,000 us"},
			{2, "6 idle timeout"},
			{4, "60,000 ms"},
			{2, "7 streams"},
			{2, "1,024"},
			{2, "8 floor"},
			{4, "16,384 bytes"},
			{2, "9 data"},
			{8, "no limit"},
			{2, "10 message"},
			{4, "4,194,304 bytes"},
		}},
		{"HELLO", hello, []field{{1, "whose: 1 the client's, 2 the server's"}, {2, "length of what follows"}, {16, "half of the key"}, rest("transport parameters")}},
		{"CONTENT", stream, []field{{1, "length of the header"}, {1, "length of the name"}, {9, "name"}, {32, "fingerprint"}, {1, "number from now on"}, {4, "note"}, {1, "length of a message"}, {1, "its label's number"}, {1, "its payload"}}},
		{"CONTENT-BY-NUMBER", later, []field{{1, "length of the header"}, {1, "no name"}, {1, "number of the protocol"}, {1, "length of a message"}, {1, "its label's number"}, {1, "its payload"}}},
	}
}

// text shows an example, a field a line.
func (e *example) text(t *testing.T) string {
	var b strings.Builder
	b.WriteString(e.name + "\n")
	left := e.bytes
	for _, f := range e.fields {
		n := f.length
		if n < 0 {
			n = len(left)
		}
		require.LessOrEqual(t, n, len(left), "%s: %s", e.name, f.what)
		show := fmt.Sprintf("%x", left[:n])
		if n > 32 {
			show = fmt.Sprintf("%x × %d", left[:1], n)
		}
		fmt.Fprintf(&b, "    %-34s %s\n", show, f.what)
		left = left[n:]
	}
	require.Empty(t, left, e.name)
	return b.String()
}

// The bytes of every header and every frame are those of testdata/wire.txt, and docs/wire.md shows them.
func TestWire(t *testing.T) {
	const golden = "testdata/wire.txt"
	var blocks []string
	for _, e := range examples(t) {
		blocks = append(blocks, e.text(t))
	}
	got := strings.Join(blocks, "\n")
	want, err := os.ReadFile(golden)
	if os.Getenv("SESSGEN_UPDATE") != "" && string(want) != got {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	require.NoError(t, err)
	require.Equal(t, string(want), got)
	doc := document(t)
	for _, block := range blocks {
		if !strings.Contains(doc, "```\n"+block+"```\n") {
			t.Errorf("docs/wire.md does not show\n%s", block)
		}
	}
}

func document(t *testing.T) string {
	doc, err := os.ReadFile("../../../docs/wire.md")
	require.NoError(t, err)
	return string(doc)
}

// Every example that is a packet or a frame can be read, whole.
func TestExamplesParse(t *testing.T) {
	packets := map[string]bool{}
	for kind := packet.Init; kind <= packet.Short; kind++ {
		packets[kind.String()] = true
	}
	frames := frameNames()
	for _, e := range examples(t) {
		if packets[e.name] {
			h, rest, err := packet.ParseHeader(e.bytes)
			require.NoError(t, err, e.name)
			require.Empty(t, rest)
			require.Equal(t, e.name, h.Type.String())
		}
		if _, known := frames[e.name]; known {
			var f packet.Frame
			rest, err := packet.ParseFrame(&f, e.bytes)
			require.NoError(t, err, e.name)
			require.Empty(t, rest)
			delete(frames, e.name)
		}
	}
	require.Empty(t, frames, "frames without an example")
}

// frameNames are the types of all frames.
func frameNames() map[string]packet.FrameType {
	names := map[string]packet.FrameType{}
	for n := range 256 {
		if kind := packet.FrameType(n); !strings.Contains(kind.String(), " ") {
			names[kind.String()] = kind
		}
	}
	return names
}

// docs/wire.md has a row for every frame and every code.
func TestDocumentIsComplete(t *testing.T) {
	doc := document(t)
	has := func(format string, args ...any) {
		if row := fmt.Sprintf(format, args...); !strings.Contains(doc, row) {
			t.Errorf("docs/wire.md does not say %s", row)
		}
	}
	for name, kind := range frameNames() {
		has("| `%#02x` | %s |", byte(kind), name)
	}
	for n := range packet.CodeApplication + 1 {
		if name := n.String(); !strings.HasPrefix(name, "code ") {
			has("| `%#02x` | %s |", uint64(n), name)
		}
	}
	for n := range session.AbortCode(0x40) {
		if name := n.String(); !strings.HasPrefix(name, "code ") {
			has("| `%#02x` | %s |", uint64(n), name)
		}
	}
	for _, n := range []uint64{conn.AbortTooLarge, conn.AbortMalformed, conn.AbortRefused, conn.AbortStalled} {
		has("| `%#02x` | ", n)
	}
	for _, v := range []packet.Version{packet.V1, packet.V1Plain} {
		has("`%#08x`", uint32(v))
	}
}
