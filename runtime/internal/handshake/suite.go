package handshake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"math"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// suite is a cipher suite of TLS 1.3.
type suite struct {
	hash func() hash.Hash
	// secretLen and keyLen are the sizes of a secret, which is a hash, and of a key, in bytes.
	secretLen int
	keyLen    int
	newAEAD   func(key []byte) cipher.AEAD
	newMasker func(key []byte) masker
	// sealed and forged are the limits of RFC 9001 §6.6.
	sealed, forged uint64
}

// aeadOverhead is the same for all suites.
const aeadOverhead = 16

// The limits. RFC 9001 §6.6: "For AEAD_AES_128_GCM and AEAD_AES_256_GCM, the confidentiality
// limit is 2^23 encrypted packets; see Appendix B.1. For AEAD_CHACHA20_POLY1305, the confidentiality limit is
// greater than the number of possible packets (2^62) and so can be disregarded." And: "For AEAD_AES_128_GCM and AEAD_AES_256_GCM, the
// integrity limit is 2^52 invalid packets", "For AEAD_CHACHA20_POLY1305, the integrity limit is 2^36 invalid packets".
const (
	gcmSealed    = 1 << 23
	gcmForged    = 1 << 52
	chachaForged = 1 << 36
)

// suites are by their numbers in TLS. crypto/tls negotiates these three; which, neither end can
// choose: an end without AES in hardware asks for ChaCha20.
var suites = map[uint16]*suite{
	0x1301: {sha256.New, 32, 16, newGCM, newAESMasker, gcmSealed, gcmForged},                           // TLS_AES_128_GCM_SHA256
	0x1302: {sha512.New384, 48, 32, newGCM, newAESMasker, gcmSealed, gcmForged},                        // TLS_AES_256_GCM_SHA384
	0x1303: {sha256.New, 32, 32, newChaCha20Poly1305, newChaCha20Masker, math.MaxUint64, chachaForged}, // TLS_CHACHA20_POLY1305_SHA256
}

// The makers never fail: the keys have the right lengths.

func newGCM(key []byte) cipher.AEAD {
	block, _ := aes.NewCipher(key)
	aead, _ := cipher.NewGCM(block)
	return aead
}

func newChaCha20Poly1305(key []byte) cipher.AEAD {
	aead, _ := chacha20poly1305.New(key)
	return aead
}

// aesMasker is RFC 9001 §5.4.3: "mask = AES-ECB(hp_key, sample)".
type aesMasker struct {
	block cipher.Block
	out   [aes.BlockSize]byte
}

func newAESMasker(key []byte) masker {
	block, _ := aes.NewCipher(key)
	return &aesMasker{block: block}
}

func (m *aesMasker) mask(sample []byte) [MaskLen]byte {
	m.block.Encrypt(m.out[:], sample)
	return [MaskLen]byte(m.out[:])
}

// chacha20Masker is RFC 9001 §5.4.4: "counter = sample[0..3], nonce = sample[4..15],
// mask = ChaCha20(hp_key, counter, nonce, {0,0,0,0,0})".
type chacha20Masker struct {
	key [chacha20.KeySize]byte
	out [MaskLen]byte
}

func newChaCha20Masker(key []byte) masker {
	return &chacha20Masker{key: [chacha20.KeySize]byte(key)}
}

func (m *chacha20Masker) mask(sample []byte) [MaskLen]byte {
	m.out = [MaskLen]byte{}
	c, err := chacha20.NewUnauthenticatedCipher(m.key[:], sample[4:16])
	if err != nil {
		return m.out
	}
	c.SetCounter(binary.LittleEndian.Uint32(sample))
	c.XORKeyStream(m.out[:], m.out[:])
	return m.out
}
