package registry

import (
	"bytes"
	"fmt"
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
	return headerOf(t, name, fingerprint, nil)
}

// headerOf is the header of the first stream of a connection.
func headerOf(t testing.TB, name, fingerprint string, note []byte) []byte {
	t.Helper()
	var d Dialed[int]
	p, err := d.Of(0, name, fingerprint)
	require.NoError(t, err)
	h, err := p.Append(nil, note)
	require.NoError(t, err)
	return h
}

func TestHeaderComesBack(t *testing.T) {
	for _, name := range []string{"a", "bank.Bank", strings.Repeat("n", 127), strings.Repeat("n", 128), strings.Repeat("n", 255)} {
		b := headerOf(t, name, ones, []byte("a note"))
		require.LessOrEqual(t, len(b), HeaderMax)
		h, err := ParseHeader(b)
		require.NoError(t, err)
		require.Equal(t, name, string(h.Name))
		require.Equal(t, bytes.Repeat([]byte{0x11}, 32), h.Fingerprint[:])
		require.EqualValues(t, 1, h.Number)
		require.Equal(t, "a note", string(h.Note))
	}
}

func TestHeaderBytes(t *testing.T) {
	long := append(append([]byte("\x09bank.Bank"), bytes.Repeat([]byte{0x11}, 32)...), "\x01note"...)
	require.Equal(t, long, headerOf(t, "bank.Bank", ones, []byte("note")))
	require.Equal(t, "\x00\x07note", string(appendShort(nil, 7, []byte("note"))))
}

func TestHeaderIsRefused(t *testing.T) {
	good := header(t, "bank.Bank", ones)
	for name, b := range map[string][]byte{
		"empty":             {},
		"cut":               good[:len(good)-1],
		"no number":         good[:len(good)-1],
		"number in two":     append(bytes.Clone(good[:len(good)-1]), 0x81, 0),
		"number too large":  append(bytes.Clone(good[:len(good)-1]), 0x81, 0x08),
		"number 0 alone":    {0, 0},
		"note too long":     append(bytes.Clone(good), make([]byte, NoteMax+1)...),
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
		var d Dialed[int]
		_, err := d.Of(0, id[0], id[1])
		require.ErrorContains(t, err, "session: ")
		require.Panics(t, func() { new(Registry[int]).Add(id[0], id[1], 1) })
	}
	var d Dialed[int]
	p, err := d.Of(0, "a", ones)
	require.NoError(t, err)
	dst, err := p.Append([]byte("kept"), make([]byte, NoteMax+1))
	require.ErrorContains(t, err, "a note of 8193 bytes")
	require.Equal(t, "kept", string(dst))
}

func TestFind(t *testing.T) {
	var r Registry[string]
	_, refusal, found := r.Find("bank.Bank", ones)
	require.False(t, found)
	require.Empty(t, refusal)

	r.Add("bank.Bank", ones, "old")
	r.Add("bank.Bank", twos, "new")
	r.Add("bank.File", ones, "file")
	require.PanicsWithValue(t, "session: protocol bank.Bank (fingerprint "+twos+") is registered twice",
		func() { r.Add("bank.Bank", twos, "again") })

	for _, want := range [][3]string{{"bank.Bank", ones, "old"}, {"bank.Bank", twos, "new"}, {"bank.File", ones, "file"}} {
		got, _, found := r.Find(want[0], want[1])
		require.True(t, found)
		require.Equal(t, want[2], got)
	}

	_, refusal, found = r.Find("bank.Bank", strings.Repeat("33", 32))
	require.False(t, found)
	require.Equal(t, ones+","+twos, refusal)

	_, refusal, found = r.Find("bank.Bank", "nonsense")
	require.False(t, found)
	require.Empty(t, refusal)
}

func TestRefusalFitsAnAbort(t *testing.T) {
	var r Registry[int]
	for i := range 40 {
		r.Add("a.B", strings.Repeat(string("0123456789abcdef"[i%16]), 62)+string("0123456789abcdef"[i/16])+"0", i)
	}
	_, refusal, found := r.Find("a.B", strings.Repeat("ff", 32))
	require.False(t, found)
	require.LessOrEqual(t, len(refusal), 1024)
	require.NotEmpty(t, refusal)
}

// A protocol's number is said alone once the peer has answered on a stream that gave it, whichever of
// several that was.
func TestNumbers(t *testing.T) {
	var r Registry[string]
	r.Add("bank.Bank", ones, "bank")
	r.Add("bank.File", twos, "file")
	var d Dialed[string]
	var a Accepted[string]
	open := func(name, fingerprint string) (*Dialable, []byte) {
		p, err := d.Of(name, name, fingerprint)
		require.NoError(t, err)
		h, err := p.Append(nil, []byte("to "+name))
		require.NoError(t, err)
		return p, h
	}
	served := func(header []byte) string {
		handler, note, _, found := a.Find(&r, header)
		require.True(t, found)
		return handler + " " + string(note)
	}
	bank, first := open("bank.Bank", ones)
	_, second := open("bank.Bank", ones)
	file, third := open("bank.File", twos)
	require.Equal(t, first, second)
	require.Equal(t, "file to bank.File", served(third))
	file.Confirm()
	_, fourth := open("bank.File", twos)
	require.Equal(t, "\x00\x02to bank.File", string(fourth))
	require.Equal(t, "bank to bank.Bank", served(second))
	bank.Confirm()
	require.Equal(t, "bank to bank.Bank", served(first))
	_, fifth := open("bank.Bank", ones)
	require.Equal(t, "bank to bank.Bank", served(fifth))
	require.Equal(t, "file to bank.File", served(fourth))

	// What no stream has said is refused, and so is a second meaning.
	_, _, _, found := a.Find(&r, []byte{0, 3})
	require.False(t, found)
	id, err := identify("bank.File", twos)
	require.NoError(t, err)
	_, _, _, found = a.Find(&r, appendHeader(nil, &id, 1, nil))
	require.False(t, found)
	// What is not served gets no number.
	_, _, refusal, found := a.Find(&r, append(header(t, "bank.Bank", twos)[:42], 9))
	require.False(t, found)
	require.Equal(t, ones, refusal)
	_, _, _, found = a.Find(&r, []byte{0, 9})
	require.False(t, found)
}

// TestManyProtocols has more protocols than there are numbers.
func TestManyProtocols(t *testing.T) {
	var d Dialed[int]
	for i := range numberMax + 2 {
		p, err := d.Of(i, fmt.Sprintf("p%d", i), ones)
		require.NoError(t, err)
		p.Confirm()
		b, err := p.Append(nil, nil)
		require.NoError(t, err)
		h, err := ParseHeader(b)
		require.NoError(t, err)
		require.Equal(t, i < numberMax, h.Name == nil)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(headerOf(f, "bank.Bank", ones, []byte("note")))
	f.Add(header(f, strings.Repeat("n", 200), ones))
	f.Add([]byte{0x89, 0, 'b'})
	f.Add([]byte{0, 7, 'n'})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		// What is accepted is the one encoding of what it means.
		if h.Name == nil {
			require.Equal(t, b, appendShort(nil, h.Number, h.Note))
			return
		}
		require.Equal(t, b, appendHeader(nil, &protocolID{string(h.Name), h.Fingerprint}, h.Number, h.Note))
	})
}
