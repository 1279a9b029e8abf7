package registry

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// The sizes of a header, in bytes.
const (
	nameMax         = 255
	fingerprintSize = 32

	// HeaderMax is the size of the longest header.
	HeaderMax = 2 + nameMax + fingerprintSize
)

// Header is how a stream begins: it says which protocol its session speaks.
//
//	length of the name  uvarint, 1 to 255, in as few bytes as hold it
//	name                UTF-8, "<package>.<Protocol>"
//	fingerprint         32 bytes
type Header struct {
	Name        []byte
	Fingerprint [fingerprintSize]byte
}

// AppendHeader appends the header for the protocol with this name and
// fingerprint, 64 hexadecimal digits, to dst.
func AppendHeader(dst []byte, name, fingerprint string) ([]byte, error) {
	if !validName([]byte(name)) {
		return dst, fmt.Errorf("session: %q cannot name a protocol: a name is 1 to %d bytes of UTF-8", name, nameMax)
	}
	digest, err := parseFingerprint(fingerprint)
	if err != nil {
		return dst, fmt.Errorf("session: protocol %s: %w", name, err)
	}
	dst = binary.AppendUvarint(dst, uint64(len(name)))
	dst = append(dst, name...)
	return append(dst, digest[:]...), nil
}

var errHeader = errors.New("session: malformed header of a stream")

// ParseHeader takes apart a header that a peer sent. The name shares its memory.
func ParseHeader(header []byte) (Header, error) {
	length, n := binary.Uvarint(header)
	padded := n == 2 && length < 0x80 // two bytes for what one can hold
	if n <= 0 || n > 2 || padded {
		return Header{}, errHeader
	}
	rest := header[n:]
	if length > nameMax || uint64(len(rest)) != length+fingerprintSize {
		return Header{}, errHeader
	}
	h := Header{Name: rest[:length:length]}
	copy(h.Fingerprint[:], rest[length:])
	if !validName(h.Name) {
		return Header{}, errHeader
	}
	return h, nil
}

func validName(name []byte) bool {
	return 0 < len(name) && len(name) <= nameMax && utf8.Valid(name)
}

func parseFingerprint(digits string) (digest [fingerprintSize]byte, err error) {
	if len(digits) != hex.EncodedLen(fingerprintSize) {
		return digest, fmt.Errorf("its fingerprint has %d hexadecimal digits, not %d", len(digits), hex.EncodedLen(fingerprintSize))
	}
	if _, err := hex.Decode(digest[:], []byte(digits)); err != nil {
		return digest, fmt.Errorf("its fingerprint is not hexadecimal: %w", err)
	}
	return digest, nil
}
