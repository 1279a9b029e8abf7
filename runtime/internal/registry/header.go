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

	// NoteMax is the size of the longest note.
	NoteMax = 8 << 10
	// HeaderMax is the size of the longest header.
	HeaderMax = 2 + nameMax + fingerprintSize + numberSize + NoteMax
)

// Header is how a stream begins: it says which protocol its session speaks, and what
// the dialing end has to tell whoever serves it.
//
//	length of the name  uvarint, 1 to 255; or 0, and name and fingerprint are left out
//	name                UTF-8, "<package>.<Protocol>"
//	fingerprint         32 bytes
//	number              uvarint: what later headers of the connection may say instead of the
//	                    name and fingerprint; 0 if nothing; with neither, which protocol it is
//	note                the rest, at most 8 KiB: not for the carrier
//
// A uvarint takes as few bytes as hold it.
type Header struct {
	Name        []byte // nil where only the number says it
	Fingerprint [fingerprintSize]byte
	Number      uint64
	Note        []byte
}

// protocolID is a protocol's identity as headers carry it.
type protocolID struct {
	name        string
	fingerprint [fingerprintSize]byte
}

// identify checks a name and a fingerprint of 64 hexadecimal digits.
func identify(name, fingerprint string) (protocolID, error) {
	if !validName([]byte(name)) {
		return protocolID{}, fmt.Errorf("session: %q cannot name a protocol: a name is 1 to %d bytes of UTF-8", name, nameMax)
	}
	digest, err := parseFingerprint(fingerprint)
	if err != nil {
		return protocolID{}, fmt.Errorf("session: protocol %s: %w", name, err)
	}
	return protocolID{name, digest}, nil
}

// Check reports what is wrong with an identity: a name of 1 to 255 bytes, and a fingerprint of 64 hexadecimal digits.
func Check(name, fingerprint string) error {
	_, err := identify(name, fingerprint)
	return err
}

// appendHeader appends a header that names the protocol, and gives it a number if that is not 0.
func appendHeader(dst []byte, id *protocolID, number uint64, note []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(id.name)))
	dst = append(dst, id.name...)
	dst = append(dst, id.fingerprint[:]...)
	dst = binary.AppendUvarint(dst, number)
	return append(dst, note...)
}

// appendShort appends a header that says the protocol's number.
func appendShort(dst []byte, number uint64, note []byte) []byte {
	dst = binary.AppendUvarint(append(dst, 0), number)
	return append(dst, note...)
}

var errHeader = errors.New("session: malformed header of a stream")

// ParseHeader takes apart a header that a peer sent. What it returns shares its memory.
func ParseHeader(header []byte) (h Header, err error) {
	length, rest, ok := cutUvarint(header)
	if !ok || length > nameMax {
		return Header{}, errHeader
	}
	if length > 0 {
		if uint64(len(rest)) < length+fingerprintSize {
			return Header{}, errHeader
		}
		h.Name, rest = rest[:length:length], rest[length:]
		rest = rest[copy(h.Fingerprint[:], rest):]
		if !validName(h.Name) {
			return Header{}, errHeader
		}
	}
	h.Number, h.Note, ok = cutUvarint(rest)
	if !ok || h.Number > numberMax || h.Number == 0 && length == 0 || len(h.Note) > NoteMax {
		return Header{}, errHeader
	}
	return h, nil
}

// cutUvarint takes a uvarint off b.
func cutUvarint(b []byte) (v uint64, rest []byte, ok bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, nil, false
	}
	return v, b[n:], true
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
