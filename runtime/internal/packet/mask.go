package packet

// Header protection: where a version is not plaintext, the lowest bits of the first byte of a HANDSHAKE or SHORT
// packet and its number are XORed with a mask that follows from the packet's own bytes (RFC 9001 §5.4).
const (
	// MaskLen is the length of a mask in bytes: one for the first byte, four for the longest number.
	MaskLen = 5
	// SampleLen is the length of what a mask is made of.
	SampleLen = 16
	// MinMasked is the least length of packet number and sealed payload together, so that there is a sample. RFC 9001
	// §5.4.2: "in sampling packet ciphertext for header protection, the Packet Number field is assumed to be 4 bytes
	// long"; what is shorter is padded.
	MinMasked = sampleAt + SampleLen

	sampleAt = 4
	// The bits of the first byte that are hidden: those behind the type, and for SHORT the key phase too.
	longHidden  = 0x0f
	shortHidden = 0x3f
)

// MaxMaskedHeader is the length of the longest header that may be masked.
const MaxMaskedHeader = 1 + 4 + 2*IDLen + 8 + 4

// Sample returns what the mask of a Masked packet is made of. RFC 9001 §5.4.2: "An endpoint
// MUST discard packets that are not long enough to contain a complete sample."
func (h *Header) Sample() (sample []byte, ok bool) {
	if len(h.Sealed) < MinMasked {
		return nil, false
	}
	return h.Sealed[sampleAt:MinMasked], true
}

// Unmask takes the mask off. The datagram stays as it is: Raw is then a view of buf, which has
// MaxMaskedHeader bytes. It reports whether the unused bits are zero; who asks must open the packet
// first, or the answer's time would tell (RFC 9001 §9.5).
func (h *Header) Unmask(mask [MaskLen]byte, buf []byte) (clean bool) {
	at := len(h.Raw)
	hidden, unused := byte(longHidden), byte(longUnused)
	if h.Type == Short {
		hidden, unused = shortHidden, shortUnused
	}
	buf = append(buf[:0], h.Raw...)
	buf[0] ^= mask[0] & hidden
	h.KeyPhase = h.Type == Short && buf[0]&phaseBit != 0
	h.NumberLen = int(buf[0]&numberMask) + 1
	for i, c := range h.Sealed[:h.NumberLen] {
		buf = append(buf, c^mask[1+i])
	}
	h.Number = parseNumber(buf[at:])
	h.Raw, h.Sealed, h.Masked = buf, h.Sealed[h.NumberLen:], false
	return buf[0]&unused == 0
}

// SampleOf is the sample of a sealed packet, whose number begins at numberAt.
func SampleOf(sealed []byte, numberAt int) []byte {
	return sealed[numberAt+sampleAt : numberAt+MinMasked]
}

// ApplyMask hides the header of a sealed packet, whose number of numberLen bytes begins at numberAt.
func ApplyMask(sealed []byte, numberAt, numberLen int, mask [MaskLen]byte) {
	hidden := byte(shortHidden)
	if IsLong(sealed) {
		hidden = longHidden
	}
	sealed[0] ^= mask[0] & hidden
	for i := range numberLen {
		sealed[numberAt+i] ^= mask[1+i]
	}
}
