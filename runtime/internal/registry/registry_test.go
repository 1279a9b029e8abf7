package registry

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	ones = strings.Repeat("11", 32)
	twos = strings.Repeat("22", 32)
)

func header(t testing.TB, name, fingerprint string) []byte {
	t.Helper()
	h, err := AppendHeader(nil, name, fingerprint)
	require.NoError(t, err)
	return h
}

func TestHeaderComesBack(t *testing.T) {
	for _, name := range []string{"a", "bank.Bank", strings.Repeat("n", 127), strings.Repeat("n", 128), strings.Repeat("n", 255)} {
		b := header(t, name, ones)
		require.LessOrEqual(t, len(b), HeaderMax)
		h, err := ParseHeader(b)
		require.NoError(t, err)
		require.Equal(t, name, string(h.Name))
		require.Equal(t, bytes.Repeat([]byte{0x11}, 32), h.Fingerprint[:])
	}
}

func TestHeaderBytes(t *testing.T) {
	require.Equal(t, append([]byte("\x09bank.Bank"), bytes.Repeat([]byte{0x11}, 32)...), header(t, "bank.Bank", ones))
}

func TestHeaderIsRefused(t *testing.T) {
	good := header(t, "bank.Bank", ones)
	for name, b := range map[string][]byte{
		"empty":             {},
		"cut":               good[:len(good)-1],
		"longer":            append(bytes.Clone(good), 0),
		"no name":           append([]byte{0}, good[10:]...),
		"length in two":     append([]byte{0x89, 0}, good[1:]...),
		"length of no end":  bytes.Repeat([]byte{0xff}, 42),
		"name of 256 bytes": append(append([]byte{0x80, 2}, bytes.Repeat([]byte{'n'}, 256)...), good[10:]...),
		"name not UTF-8":    bytes.Replace(good, []byte("bank"), []byte("ban\xff"), 1),
	} {
		_, err := ParseHeader(b)
		require.Error(t, err, name)
	}
}

func TestHeaderCannotBeMade(t *testing.T) {
	for _, id := range [][2]string{
		{"", ones}, {strings.Repeat("n", 256), ones}, {"\xff", ones}, {"a", ""}, {"a", ones[1:]}, {"a", "x" + ones[1:]},
	} {
		dst, err := AppendHeader([]byte("kept"), id[0], id[1])
		require.ErrorContains(t, err, "session: ")
		require.Equal(t, "kept", string(dst))
		require.Panics(t, func() { new(Registry[int]).Add(id[0], id[1], 1) })
	}
}

func TestFind(t *testing.T) {
	var r Registry[string]
	_, refusal, found := r.Find(header(t, "bank.Bank", ones))
	require.False(t, found)
	require.Empty(t, refusal)

	r.Add("bank.Bank", ones, "old")
	r.Add("bank.Bank", twos, "new")
	r.Add("bank.File", ones, "file")
	require.PanicsWithValue(t, "session: protocol bank.Bank (fingerprint "+twos+") is registered twice",
		func() { r.Add("bank.Bank", twos, "again") })

	for _, want := range [][3]string{{"bank.Bank", ones, "old"}, {"bank.Bank", twos, "new"}, {"bank.File", ones, "file"}} {
		got, _, found := r.Find(header(t, want[0], want[1]))
		require.True(t, found)
		require.Equal(t, want[2], got)
	}

	_, refusal, found = r.Find(header(t, "bank.Bank", strings.Repeat("33", 32)))
	require.False(t, found)
	require.Equal(t, ones+","+twos, refusal)

	_, refusal, found = r.Find([]byte("nonsense"))
	require.False(t, found)
	require.Empty(t, refusal)
}

func TestRefusalFitsAnAbort(t *testing.T) {
	var r Registry[int]
	for i := range 40 {
		r.Add("a.B", strings.Repeat(string("0123456789abcdef"[i%16]), 62)+string("0123456789abcdef"[i/16])+"0", i)
	}
	_, refusal, found := r.Find(header(t, "a.B", strings.Repeat("ff", 32)))
	require.False(t, found)
	require.LessOrEqual(t, len(refusal), 1024)
	require.NotEmpty(t, refusal)
}

func FuzzParseHeader(f *testing.F) {
	f.Add(header(f, "bank.Bank", ones))
	f.Add(header(f, strings.Repeat("n", 200), ones))
	f.Add([]byte{0x89, 0, 'b'})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		// What is accepted is the one encoding of what it means.
		again, err := AppendHeader(nil, string(h.Name), hex.EncodeToString(h.Fingerprint[:]))
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
}
