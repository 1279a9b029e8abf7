package handshake

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// TokenLife is how long an address token is good for.
const TokenLife = 24 * time.Hour

// An address token is its epoch's parity, a nonce, and what is sealed: the address and the time it was made.
const (
	tokenNonce = 12
	tokenAddr  = 16
	tokenTime  = 8
	// TokenLen is the size of a token in bytes. No cookie has it.
	TokenLen = 1 + tokenNonce + tokenAddr + tokenTime + aeadOverhead
)

// TokenJar makes address tokens, and recognises its own; it keeps no state for them. The holder of one has
// shown that it receives at its address, and need not do so again for TokenLife. A token is for one server id,
// which is new with each, so an observer of its use learns nothing of the connection it came from. The key
// changes with every epoch of TokenLife, and the key of the previous epoch still counts. RFC 9000 §8.1.3: "A server MUST
// ensure that every NEW_TOKEN frame it sends is unique across all clients". RFC 9000 §8.1.3: a token "MUST NOT include
// information that would allow values to be linked". RFC 9000 §8.1.4: a token "MUST be difficult to guess", "covered by
// integrity protection", and show "that the client IP address has not changed".
type TokenJar struct {
	epoch int64
	keys  [2]cipher.AEAD // of even and odd epochs
	draw  func([]byte)
	in    [tokenAddr + tokenTime]byte
	bound [8 + 4]byte
}

// NewTokenJar makes a jar whose keys come from draw, which fills a slice with random bytes.
func NewTokenJar(now mono.Time, draw func([]byte)) *TokenJar {
	j := &TokenJar{epoch: tokenEpoch(now), draw: draw}
	j.keys = [2]cipher.AEAD{j.newKey(), j.newKey()}
	return j
}

func tokenEpoch(t mono.Time) int64 { return int64(t) / int64(TokenLife) }

func (j *TokenJar) newKey() cipher.AEAD {
	var key [16]byte
	j.draw(key[:])
	// Neither fails: the size is right.
	block, _ := aes.NewCipher(key[:])
	aead, _ := cipher.NewGCM(block)
	return aead
}

// rotate draws the keys of the epochs that have begun.
func (j *TokenJar) rotate(now mono.Time) {
	epoch := tokenEpoch(now)
	if epoch <= j.epoch {
		return
	}
	j.keys[epoch&1] = j.newKey()
	if epoch > j.epoch+1 {
		j.keys[epoch&1^1] = j.newKey()
	}
	j.epoch = epoch
}

// Append appends a token for the peer that receives at the address and will dial the server id in the version.
func (j *TokenJar) Append(b []byte, now mono.Time, addr netip.Addr, server [8]byte, version uint32) []byte {
	j.rotate(now)
	b = append(b, byte(j.epoch&1))
	var nonce [tokenNonce]byte
	j.draw(nonce[:])
	b = append(b, nonce[:]...)
	from := addr.As16()
	plain := append(j.in[:0], from[:]...)
	plain = binary.BigEndian.AppendUint64(plain, uint64(now))
	return j.keys[j.epoch&1].Seal(b, b[len(b)-tokenNonce:], plain, j.binding(server, version))
}

// Valid reports whether the token was made here for the address, the server id and the version, less than TokenLife ago, and when.
func (j *TokenJar) Valid(now mono.Time, addr netip.Addr, server [8]byte, version uint32, token []byte) (made mono.Time, ok bool) {
	j.rotate(now)
	if len(token) != TokenLen || token[0] > 1 {
		return 0, false
	}
	nonce, sealed := token[1:1+tokenNonce], token[1+tokenNonce:]
	plain, err := j.keys[token[0]].Open(j.in[:0], nonce, sealed, j.binding(server, version))
	if err != nil || [tokenAddr]byte(plain) != addr.As16() {
		return 0, false
	}
	made = mono.Time(binary.BigEndian.Uint64(plain[tokenAddr:]))
	return made, made <= now && now.Sub(made) < TokenLife
}

// binding is what a token is bound to beside the address.
func (j *TokenJar) binding(server [8]byte, version uint32) []byte {
	return binary.BigEndian.AppendUint32(append(j.bound[:0], server[:]...), version)
}
