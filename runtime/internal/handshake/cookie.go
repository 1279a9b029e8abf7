package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// CookieLife is how long a cookie is good for.
const CookieLife = 10 * time.Second

// A cookie is the time it was made, the INIT's nonce, and a tag.
const (
	cookieTime  = 8
	cookieNonce = 16
	cookieMAC   = 16
	// CookieLen is the size of a cookie in bytes.
	CookieLen = cookieTime + cookieNonce + cookieMAC
)

// Seen is what a cookie is bound to.
type Seen struct {
	Addr               netip.AddrPort
	ClientID, ServerID [8]byte
	Version            uint32
}

// CookieJar makes cookies and recognises its own; it keeps no state for them. Its key changes with every epoch
// of CookieLife, and the key of the previous epoch still counts.
type CookieJar struct {
	epoch int64
	keys  [2]hash.Hash // of even and odd epochs
	draw  func([]byte)
	in    [16 + 2 + 8 + 8 + 4 + cookieTime + cookieNonce]byte
	sum   [sha256.Size]byte
}

// NewCookieJar makes a jar whose keys come from draw, which fills a slice with random bytes.
func NewCookieJar(now mono.Time, draw func([]byte)) *CookieJar {
	j := &CookieJar{epoch: epochOf(now), draw: draw}
	j.keys = [2]hash.Hash{j.newKey(), j.newKey()}
	return j
}

func epochOf(t mono.Time) int64 { return int64(t) / int64(CookieLife) }

func (j *CookieJar) newKey() hash.Hash {
	var key [sha256.Size]byte
	j.draw(key[:])
	return hmac.New(sha256.New, key[:])
}

// rotate draws the keys of the epochs that have begun.
func (j *CookieJar) rotate(now mono.Time) {
	epoch := epochOf(now)
	if epoch <= j.epoch {
		return
	}
	j.keys[epoch&1] = j.newKey()
	if epoch > j.epoch+1 {
		j.keys[epoch&1^1] = j.newKey()
	}
	j.epoch = epoch
}

// Append appends a cookie for an INIT that came at now with the nonce.
func (j *CookieJar) Append(b []byte, now mono.Time, seen Seen, nonce []byte) []byte {
	j.rotate(now)
	from := len(b)
	b = binary.BigEndian.AppendUint64(b, uint64(now))
	b = append(b, nonce[:cookieNonce]...)
	return append(b, j.mac(j.epoch, seen, b[from:])...)
}

// Valid reports whether the cookie was made here for what was seen, less than CookieLife ago, and when.
func (j *CookieJar) Valid(now mono.Time, seen Seen, cookie []byte) (made mono.Time, ok bool) {
	j.rotate(now)
	if len(cookie) != CookieLen {
		return 0, false
	}
	made = mono.Time(binary.BigEndian.Uint64(cookie))
	if made < 0 || made > now || now.Sub(made) >= CookieLife {
		return 0, false
	}
	return made, hmac.Equal(j.mac(epochOf(made), seen, cookie[:cookieTime+cookieNonce]), cookie[cookieTime+cookieNonce:])
}

// CookieNonce is the nonce of the INIT that a valid cookie was made for.
func CookieNonce(cookie []byte) []byte { return cookie[cookieTime : cookieTime+cookieNonce] }

// mac is the tag over the cookie's head and what it is bound to, valid until the next call.
func (j *CookieJar) mac(epoch int64, seen Seen, head []byte) []byte {
	addr := seen.Addr.Addr().As16()
	b := append(j.in[:0], addr[:]...)
	b = binary.BigEndian.AppendUint16(b, seen.Addr.Port())
	b = append(b, seen.ClientID[:]...)
	b = append(b, seen.ServerID[:]...)
	b = binary.BigEndian.AppendUint32(b, seen.Version)
	b = append(b, head...)
	key := j.keys[epoch&1]
	key.Reset()
	key.Write(b)
	return key.Sum(j.sum[:0])[:cookieMAC]
}
