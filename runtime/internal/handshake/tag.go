package handshake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
)

// TagLen is how many bytes a Tag adds to a packet.
const TagLen = 8

// Tag protects packets from corruption and from forgery by those who do not see them: the payload stays
// readable, and eight bytes of AES-GMAC over header and payload follow it. It is the protection of plaintext
// connections, and of the Initial level of all. A Tag seals or opens one direction of one level.
type Tag struct {
	key    [16]byte
	iv     [12]byte
	*maker // nil before the first use, and while at rest
}

// maker is what a Tag makes tags with.
type maker struct {
	aead  cipher.AEAD
	nonce [12]byte
	sum   [16]byte
	joint []byte // header and payload, where they do not lie side by side
}

// newTags derives the Tags of both directions of a level from a secret.
func newTags(secret []byte, level string) (client, server *Tag) {
	// With these sizes neither step of HKDF fails.
	prk, _ := hkdf.Extract(sha256.New, secret, nil)
	return newTag(prk, level+" client"), newTag(prk, level+" server")
}

// newTag derives a Tag; info tells levels and directions apart.
func newTag(prk []byte, info string) *Tag {
	key, _ := hkdf.Expand(sha256.New, prk, "sessgen "+info, 16+12)
	return &Tag{key: [16]byte(key), iv: [12]byte(key[16:])}
}

// wake makes the cipher from the key. Neither call fails: the sizes are right.
func (t *Tag) wake() {
	block, _ := aes.NewCipher(t.key[:])
	aead, _ := cipher.NewGCM(block)
	t.maker = &maker{aead: aead}
}

// Rest gives up what can be derived again from the key, until the next use.
func (t *Tag) Rest() { t.maker = nil }

// InitialKeys makes the protection of the Initial level. Everyone who sees a COOKIE can make it. The token that
// the client brings is part of it: if somebody on the path has altered a COOKIE, the client does not mistake
// the server's answer to the genuine one for the answer to its own. They take the place of RFC 9001
// §5.2's Initial secrets.
func InitialKeys(serverID [8]byte, token []byte) (client, server *Tag) {
	secret := append(serverID[:], token...)
	return newTags(secret, "initial")
}

// Overhead is TagLen.
func (t *Tag) Overhead() int { return TagLen }

// Seal appends payload and its tag to dst.
func (t *Tag) Seal(dst, header, payload []byte, pn uint64) []byte {
	sum := t.compute(header, payload, pn)
	dst = append(dst, payload...)
	return append(dst, sum...)
}

// Open appends the payload to dst, if the tag after it is correct.
func (t *Tag) Open(dst, header, sealed []byte, pn uint64) ([]byte, bool) {
	n := len(sealed) - TagLen
	if n < 0 || subtle.ConstantTimeCompare(t.compute(header, sealed[:n], pn), sealed[n:]) == 0 {
		return dst, false
	}
	return append(dst, sealed[:n]...), true
}

// compute returns the tag, which is valid until the next call.
func (t *Tag) compute(header, payload []byte, pn uint64) []byte {
	if t.maker == nil {
		t.wake()
	}
	t.nonce = t.iv
	binary.BigEndian.PutUint64(t.nonce[4:], binary.BigEndian.Uint64(t.iv[4:])^pn)
	return t.aead.Seal(t.sum[:0], t.nonce[:], nil, t.adjoin(header, payload))[:TagLen]
}

// adjoin returns header and payload as one slice. In a packet they lie side by side, and nothing is copied.
func (t *Tag) adjoin(header, payload []byte) []byte {
	n := len(header)
	if len(payload) == 0 {
		return header
	}
	if n > 0 && cap(header) >= n+len(payload) && &header[:n+1][n] == &payload[0] {
		return header[: n+len(payload) : n+len(payload)]
	}
	t.joint = append(append(t.joint[:0], header...), payload...)
	return t.joint
}
