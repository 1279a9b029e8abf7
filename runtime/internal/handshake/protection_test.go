package handshake

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// RFC 9001 §A.1 and §A.2: the keys of a client's Initial packets, and the mask of the first one.
func TestProtectionVectorsAES(t *testing.T) {
	p, ok := NewProtection(0x1301, unhex(t, "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea"))
	require.True(t, ok)
	require.Equal(t, "1f369613dd76d5467730efcbe3b1a22d", hex.EncodeToString(p.suite.expand(p.secret[:32], "quic key", 16)))
	require.Equal(t, "fa044b2f42a3fd3b46fb255c", hex.EncodeToString(p.iv[:]))
	require.Equal(t, "9f50449e04a0e810283a1e9933adedd2", hex.EncodeToString(p.hiding[:p.suite.keyLen]))
	mask := p.Mask(unhex(t, "d1b1c98dd7689fb8ec11d242b123dc9b"))
	require.Equal(t, "437b9aec36", hex.EncodeToString(mask[:]))
}

// RFC 9001 §A.5: a short packet under ChaCha20-Poly1305, and the secret of its next key phase.
func TestProtectionVectorsChaCha20(t *testing.T) {
	p, ok := NewProtection(0x1303, unhex(t, "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b"))
	require.True(t, ok)
	require.Equal(t, "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8", hex.EncodeToString(p.suite.expand(p.secret[:32], "quic key", 32)))
	require.Equal(t, "e0459b3474bdd0e44a41c144", hex.EncodeToString(p.iv[:]))
	require.Equal(t, "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4", hex.EncodeToString(p.hiding[:p.suite.keyLen]))
	sealed := p.Seal(nil, unhex(t, "4200bff4"), []byte{1}, 654360564)
	require.Equal(t, "655e5cd55c41f69080575d7999c25a5bfb", hex.EncodeToString(sealed))
	mask := p.Mask(sealed[1:])
	require.Equal(t, "aefefe7d03", hex.EncodeToString(mask[:]))
	next := p.Next().(*Protection)
	require.Equal(t, "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9", hex.EncodeToString(next.secret[:32]))
	require.Equal(t, p.hiding, next.hiding)
}

// Each suite seals and opens without allocating, refuses what was altered, and is the same after a rest.
func TestProtectionSealsAndOpens(t *testing.T) {
	for number := range suites {
		secret := make([]byte, suites[number].hash().Size())
		ours, _ := NewProtection(number, secret)
		theirs, _ := NewProtection(number, secret)
		header, payload := []byte("header of it"), make([]byte, 1100)
		sealed := ours.Seal(nil, header, payload, 7)
		require.Len(t, sealed, len(payload)+ours.Overhead())

		ours.Rest()
		require.Equal(t, sealed, ours.Seal(nil, header, payload, 7))
		theirs.Rest()
		opened, ok := theirs.Open(nil, header, sealed, 7)
		require.True(t, ok)
		require.Equal(t, payload, opened)
		require.Equal(t, ours.Mask(sealed[:16]), theirs.Mask(sealed[:16]))

		for name, open := range map[string]func() ([]byte, bool){
			"another number": func() ([]byte, bool) { return theirs.Open(nil, header, sealed, 8) },
			"another header": func() ([]byte, bool) { return theirs.Open(nil, header[1:], sealed, 7) },
			"a bit turned": func() ([]byte, bool) {
				turned := append([]byte(nil), sealed...)
				turned[100] ^= 1
				return theirs.Open(nil, header, turned, 7)
			},
			"cut short":   func() ([]byte, bool) { return theirs.Open(nil, header, sealed[:8], 7) },
			"another key": func() ([]byte, bool) { return theirs.Next().Open(nil, header, sealed, 7) },
		} {
			_, ok := open()
			require.False(t, ok, name)
		}

		out, in := make([]byte, 0, 1500), make([]byte, 0, 1500)
		pn := uint64(0)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			pn++
			b := ours.Seal(out, header, payload, pn)
			ours.Mask(b[4:20])
			theirs.Mask(b[4:20])
			if _, ok := theirs.Open(in, header, b, pn); !ok {
				t.Fatal("not opened")
			}
		}), "suite %#x", number)
	}
	_, ok := NewProtection(0xc02f, make([]byte, 32))
	require.False(t, ok)
}
