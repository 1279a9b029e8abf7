package rpc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

func TestNote(t *testing.T) {
	require.Empty(t, appendNote(nil, 0, Metadata{}))
	var md Metadata
	md.Add("Key", "value")
	md.Add("key", "")
	note := appendNote(nil, 1500*time.Microsecond, md)
	require.Equal(t, "\x08\xdc\x0b"+"\x12\x0c\x0a\x03key\x12\x05value"+"\x12\x07\x0a\x03key\x12\x00", string(note))
	timeout, back, err := parseNote(note)
	require.NoError(t, err)
	require.Equal(t, 1500*time.Microsecond, timeout)
	require.Equal(t, md, back)

	// What a later version may add is skipped, and a time of centuries is none.
	timeout, back, err = parseNote([]byte("\x1a\x01x\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	require.NoError(t, err)
	require.Zero(t, timeout)
	require.Zero(t, back.Len())
}

func FuzzParseNote(f *testing.F) {
	var md Metadata
	md.Add("key", "value")
	f.Add(appendNote(nil, time.Second, md))
	f.Add([]byte("\x12\x02\x0a\x05"))
	f.Add([]byte("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, note []byte) {
		timeout, md, err := parseNote(note)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, timeout, time.Duration(0))
		require.LessOrEqual(t, timeout, timeoutMax)
		require.True(t, md.valid())
		again, same, err := parseNote(appendNote(nil, timeout, md))
		require.NoError(t, err)
		require.Equal(t, timeout, again)
		require.Equal(t, md, same)
	})
}

func FuzzStatus(f *testing.F) {
	var e session.Encoder
	m := &session.Message{Label: "E", Number: 0, Params: []string{"status Status"}}
	e.Start(m)
	encodeStatus(&e, Errorf(NotFound, "no account").With("type.example/account", []byte("nobody")))
	seed, err := e.Message(m)
	require.NoError(f, err)
	f.Add(seed)
	f.Add([]byte("\x00\x0a\x02\x08\x00"))
	f.Fuzz(func(t *testing.T, message []byte) {
		var d session.Decoder
		if _, err := d.Start(message); err != nil {
			return
		}
		status := decodeStatus(&d)
		if d.End() != "" {
			return
		}
		require.True(t, 0 < status.Code && status.Code <= Unauthenticated)
		e.Start(m)
		encodeStatus(&e, status)
		again, err := e.Message(m)
		require.NoError(t, err)
		_, err = d.Start(again)
		require.NoError(t, err)
		require.Equal(t, status, decodeStatus(&d))
		require.Empty(t, d.End())
	})
}
