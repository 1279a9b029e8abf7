package handshake

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

func newTokens(now mono.Time) *TokenJar {
	r := rand.NewChaCha8([32]byte{3})
	return NewTokenJar(now, func(b []byte) { r.Read(b) })
}

func TestToken(t *testing.T) {
	const version = 7
	begin := mono.Time(time.Hour)
	here, elsewhere := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	server := [8]byte{5}
	j := newTokens(begin)
	token := j.Append(nil, begin, here, server, version)
	require.Len(t, token, TokenLen)
	require.NotEqual(t, CookieLen, TokenLen)
	require.NotContains(t, string(token), string(here.AsSlice()))
	require.True(t, valid(j.Valid(begin, here, server, version, token)))
	require.True(t, valid(j.Valid(begin, netip.MustParseAddr("::ffff:192.0.2.1"), server, version, token)))
	require.False(t, valid(j.Valid(begin, elsewhere, server, version, token)))
	require.False(t, valid(j.Valid(begin, here, [8]byte{6}, version, token)))
	require.False(t, valid(j.Valid(begin, here, server, version+1, token)))
	require.False(t, valid(j.Valid(begin, here, server, version, token[:TokenLen-1])))
	require.False(t, valid(newTokens(begin+1).Valid(begin.Add(-time.Hour), here, server, version, token)), "from the future")
	for i := range token {
		altered := append([]byte(nil), token...)
		altered[i] ^= 1
		require.False(t, valid(j.Valid(begin, here, server, version, altered)), "byte %d", i)
	}
	// Keys change, and the one before still counts, so a token lasts as long as it should and no longer.
	for at := begin; at < begin.Add(3*TokenLife); at = at.Add(time.Hour) {
		require.Equal(t, at.Sub(begin) < TokenLife, valid(j.Valid(at, here, server, version, token)), "after %v", at.Sub(begin))
	}
}

func FuzzToken(f *testing.F) {
	here := netip.MustParseAddr("2001:db8::1")
	server := [8]byte{5}
	f.Add(newTokens(0).Append(nil, 0, here, server, 1))
	f.Fuzz(func(t *testing.T, token []byte) {
		// The key is another one than that of the corpus: whatever comes is forged.
		r := rand.NewChaCha8([32]byte{4})
		j := NewTokenJar(0, func(b []byte) { r.Read(b) })
		if valid(j.Valid(1, here, server, 1, token)) {
			t.Fatal("a forged token")
		}
	})
}
