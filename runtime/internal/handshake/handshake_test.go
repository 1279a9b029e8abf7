package handshake

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

func TestTag(t *testing.T) {
	seal, _ := InitialKeys([8]byte{1}, nil)
	open, other := InitialKeys([8]byte{1}, nil)
	header, payload := []byte("header"), []byte("payload")
	sealed := seal.Seal(nil, header, payload, 7)
	require.Len(t, sealed, len(payload)+seal.Overhead())

	got, ok := open.Open(nil, header, sealed, 7)
	require.True(t, ok)
	require.Equal(t, payload, got)

	_, ok = open.Open(nil, header, sealed, 8)
	require.False(t, ok, "another packet number")
	_, ok = open.Open(nil, []byte("headex"), sealed, 7)
	require.False(t, ok, "another header")
	_, ok = other.Open(nil, header, sealed, 7)
	require.False(t, ok, "the other direction")
	for i := range sealed {
		for bit := range 8 {
			broken := bytes.Clone(sealed)
			broken[i] ^= 1 << bit
			_, ok = open.Open(nil, header, broken, 7)
			require.False(t, ok, "byte %d bit %d", i, bit)
		}
	}
	for i := range sealed {
		_, ok = open.Open(nil, header, sealed[:i], 7)
		require.False(t, ok, "cut at %d", i)
	}

	// Side by side or apart, header and payload have the same tag.
	packet := append(bytes.Clone(header), payload...)
	require.Equal(t, sealed, seal.Seal(nil, packet[:len(header)], packet[len(header):], 7))
}

func TestTagAllocs(t *testing.T) {
	seal, _ := InitialKeys([8]byte{1}, nil)
	open, _ := InitialKeys([8]byte{1}, nil)
	buf := make([]byte, 0, 2048)
	buf = append(buf, make([]byte, 1200)...)
	out := make([]byte, 0, 2048)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		sealed := seal.Seal(buf[20:20], buf[:20], buf[20:1200], 3)
		if _, ok := open.Open(out, buf[:20], sealed, 3); !ok {
			t.Fatal("not opened")
		}
	}))
}

// pass hands what one end says to the other, in pieces of n bytes.
func pass(to *Plain, n int, messages []Message) (answers []Message) {
	for _, m := range messages {
		send, ok := m.(Send)
		if !ok {
			continue
		}
		for data := send.Data; len(data) > 0; {
			k := min(n, len(data))
			answers = append(answers, to.Handle(send.Level, data[:k])...)
			data = data[k:]
		}
	}
	return answers
}

func keysOf(t *testing.T, messages []Message) Keys {
	t.Helper()
	for _, m := range messages {
		if k, ok := m.(Keys); ok {
			return k
		}
	}
	require.Fail(t, "no keys")
	return Keys{}
}

func TestPlain(t *testing.T) {
	for _, n := range []int{1, 7, 4096} {
		client, server := NewPlainClient([16]byte{1}), NewPlainServer([16]byte{2})
		require.Empty(t, server.Start([]byte("of the server")))
		atServer := pass(server, n, client.Start([]byte("of the client")))
		atClient := pass(client, n, atServer)
		require.Contains(t, atServer, PeerParameters{[]byte("of the client")})
		require.Contains(t, atClient, PeerParameters{[]byte("of the server")})
		require.Contains(t, atServer, Complete{})
		require.Contains(t, atClient, Complete{})

		c, s := keysOf(t, atClient), keysOf(t, atServer)
		_, ok := s.Opener.Open(nil, nil, c.Sealer.Seal(nil, nil, []byte("up"), 0), 0)
		require.True(t, ok)
		_, ok = c.Opener.Open(nil, nil, s.Sealer.Seal(nil, nil, []byte("down"), 0), 0)
		require.True(t, ok)
		require.Equal(t, []Message{Failed{Err: errExtra}}, server.Handle(Initial, []byte{1}))
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte{helloClient, 0, 20, 1, 2, 3}, 2)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		server := NewPlainServer([16]byte{2})
		server.Start(nil)
		pass(server, max(n, 1), []Message{Send{Initial, b}})
		if len(server.received) > helloHead+helloMax+len(b) {
			t.Fatal("grows")
		}
	})
}

func jar(now mono.Time) *CookieJar {
	r := rand.NewChaCha8([32]byte{1})
	return NewCookieJar(now, func(b []byte) { r.Read(b) })
}

func TestCookie(t *testing.T) {
	now := mono.Time(3 * time.Second)
	j := jar(now)
	seen := Seen{Addr: netip.MustParseAddrPort("192.0.2.1:7"), ClientID: [8]byte{1}, ServerID: [8]byte{2}, Version: 3}
	cookie := j.Append(nil, now, seen, make([]byte, 16))
	require.Len(t, cookie, CookieLen)
	require.True(t, valid(j.Valid(now, seen, cookie)))

	for name, change := range map[string]func(*Seen){
		"address":   func(s *Seen) { s.Addr = netip.MustParseAddrPort("192.0.2.2:7") },
		"port":      func(s *Seen) { s.Addr = netip.MustParseAddrPort("192.0.2.1:8") },
		"client id": func(s *Seen) { s.ClientID[7]++ },
		"server id": func(s *Seen) { s.ServerID[7]++ },
		"version":   func(s *Seen) { s.Version++ },
	} {
		other := seen
		change(&other)
		require.False(t, valid(j.Valid(now, other, cookie)), name)
	}
	for i := range cookie {
		broken := bytes.Clone(cookie)
		broken[i] ^= 1
		require.False(t, valid(j.Valid(now, seen, broken)), "byte %d", i)
		require.False(t, valid(j.Valid(now, seen, cookie[:i])), "cut at %d", i)
	}

	// It lasts over a change of keys, and CookieLife long.
	require.True(t, valid(j.Valid(now.Add(CookieLife-1), seen, cookie)))
	require.False(t, valid(j.Valid(now.Add(CookieLife), seen, cookie)))
	// A jar that has been asleep for epochs has new keys.
	late := jar(now)
	old := late.Append(nil, now, seen, make([]byte, 16))
	late.rotate(now.Add(10 * CookieLife))
	require.False(t, valid(late.Valid(now.Add(10*CookieLife), seen, old)))
}

func TestCookieAllocs(t *testing.T) {
	j := jar(0)
	seen := Seen{Addr: netip.MustParseAddrPort("192.0.2.1:7")}
	nonce, buf := make([]byte, 16), make([]byte, 0, 64)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if !valid(j.Valid(1, seen, j.Append(buf, 1, seen, nonce))) {
			t.Fatal("not valid")
		}
	}))
}

func FuzzCookie(f *testing.F) {
	j := jar(0)
	seen := Seen{Addr: netip.MustParseAddrPort("192.0.2.1:7")}
	good := j.Append(nil, 1, seen, make([]byte, 16))
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if valid(j.Valid(2, seen, b)) && !bytes.Equal(b, good) {
			t.Fatal("forged")
		}
	})
}

// valid is the verdict of a jar.
func valid(_ mono.Time, ok bool) bool { return ok }
