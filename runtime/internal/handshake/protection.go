package handshake

import (
	"crypto/cipher"
	"crypto/hkdf"
	"encoding/binary"
	"hash"
)

// MaskLen is the length of a header protection mask in bytes.
const MaskLen = 5

// Cipher is what TLS keys are, for one direction of one level: they also hide the header, are replaced by
// others while the connection lives, and may be used only so often. A Sealer or Opener that is not a Cipher,
// like Tag, does none of this.
type Cipher interface {
	Sealer
	Opener
	// Mask is what hides the header of a packet with the sample of 16 bytes (RFC 9001 §5.4).
	Mask(sample []byte) [MaskLen]byte
	// Next is the Cipher of the next key phase (RFC 9001 §6.1).
	Next() Cipher
	// Limits are how many packets may be sealed with one key, and how many may
	// fail to open with all keys of a connection (RFC 9001 §6.6).
	Limits() (sealed, forged uint64)
	// Rest gives up what can be derived again from the secret, until the next use.
	Rest()
}

// Protection is the packet protection of RFC 9001 §5 under one secret of TLS. It is a Cipher. RFC 9001 §5.3: "A cipher suite
// MUST NOT be negotiated unless a header protection scheme is defined for the cipher suite." RFC 9001 §9.5: "construction
// and protection of packet payloads and packet numbers MUST be free from side channels".
type Protection struct {
	suite  *suite
	secret [secretMax]byte
	// hiding is the header protection key, which lasts for all key phases; key and iv are the AEAD's. Keeping
	// them makes waking cost a fifth of deriving them from the secret, and so what a forged packet costs a
	// connection at rest.
	hiding, key [keyMax]byte
	iv          [ivLen]byte
	*ciphers    // nil while at rest
}

// ciphers are what is made of a Protection's keys.
type ciphers struct {
	aead  cipher.AEAD
	hide  masker
	nonce [ivLen]byte
}

var _ Cipher = (*Protection)(nil)

const (
	ivLen     = 12
	secretMax = 48
	keyMax    = 32
)

// masker makes masks of samples.
type masker interface {
	mask(sample []byte) [MaskLen]byte
}

// NewProtection makes the protection of one direction of one level from the secret that TLS gave for it. ok is
// false for a suite number that is not TLS 1.3's, and for a secret that does not fit the suite.
func NewProtection(suite uint16, secret []byte) (p *Protection, ok bool) {
	s, ok := suites[suite]
	if !ok || len(secret) != s.secretLen {
		return nil, false
	}
	p = &Protection{suite: s}
	copy(p.secret[:], secret)
	copy(p.hiding[:], s.expand(secret, "quic hp", s.keyLen))
	p.derive()
	return p, true
}

// derive makes key and IV from the secret, and the ciphers. RFC 9001 §5.1: "The keys used for packet
// protection are computed from the TLS secrets using the KDF provided by TLS", with the labels "quic key", "quic iv" and "quic hp".
func (p *Protection) derive() {
	s, secret := p.suite, p.secret[:p.suite.secretLen]
	copy(p.key[:], s.expand(secret, "quic key", s.keyLen))
	copy(p.iv[:], s.expand(secret, "quic iv", ivLen))
	p.wake()
}

// wake makes the ciphers from the keys.
func (p *Protection) wake() {
	n := p.suite.keyLen
	p.ciphers = &ciphers{aead: p.suite.newAEAD(p.key[:n]), hide: p.suite.newMasker(p.hiding[:n])}
}

// Rest implements Cipher.
func (p *Protection) Rest() { p.ciphers = nil }

// Next implements Cipher. RFC 9001 §6.1: "The header protection key is not updated."
func (p *Protection) Next() Cipher {
	n := &Protection{suite: p.suite, hiding: p.hiding}
	copy(n.secret[:], p.suite.expand(p.secret[:p.suite.secretLen], "quic ku", p.suite.secretLen))
	n.derive()
	return n
}

// Limits implements Cipher.
func (p *Protection) Limits() (sealed, forged uint64) { return p.suite.sealed, p.suite.forged }

// Overhead is the length of the AEAD's tag.
func (p *Protection) Overhead() int { return aeadOverhead }

// Seal implements Sealer.
func (p *Protection) Seal(dst, header, payload []byte, pn uint64) []byte {
	return p.ready(pn).Seal(dst, p.nonce[:], payload, header)
}

// Open implements Opener.
func (p *Protection) Open(dst, header, sealed []byte, pn uint64) ([]byte, bool) {
	opened, err := p.ready(pn).Open(dst, p.nonce[:], sealed, header)
	if err != nil {
		return dst, false
	}
	return opened, true
}

// Mask implements Cipher.
func (p *Protection) Mask(sample []byte) [MaskLen]byte {
	if p.ciphers == nil {
		p.wake()
	}
	return p.hide.mask(sample)
}

// ready returns the AEAD, with the nonce set for the packet. RFC 9001 §5.3: "The 62 bits of the reconstructed QUIC packet number in
// network byte order are left-padded with zeros to the size of the IV. The exclusive OR
// of the padded packet number and the IV forms the AEAD nonce."
func (p *Protection) ready(pn uint64) cipher.AEAD {
	if p.ciphers == nil {
		p.wake()
	}
	p.nonce = p.iv
	binary.BigEndian.PutUint64(p.nonce[4:], binary.BigEndian.Uint64(p.iv[4:])^pn)
	return p.aead
}

// expand is HKDF-Expand-Label of RFC 8446 §7.1, with an empty context.
func (s *suite) expand(secret []byte, label string, length int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "...)
	info = append(info, label...)
	info = append(info, 0)
	key, err := hkdf.Expand(func() hash.Hash { return s.hash() }, secret, string(info), length)
	if err != nil { // a length of many hashes, or a secret too short for FIPS 140: neither comes from TLS
		panic("handshake: " + err.Error())
	}
	return key
}
