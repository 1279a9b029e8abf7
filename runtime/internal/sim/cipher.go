package sim

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/sessgen/sessgen/runtime/internal/handshake"
)

// The fast lane's handshake has flights of the sizes of TLS 1.3's (X25519, a small Ed25519 certificate) at
// TLS's levels, and keys that are numbers. Its packets are as large as those of
// AES-GCM, and the check behind them tells forgeries; they hide nothing.
const (
	clientHelloLen = 304
	serverHelloLen = 90
	serverProofLen = 610 // EncryptedExtensions, Certificate, CertificateVerify, Finished
	clientProofLen = 36  // Finished
	stubTagLen     = 16
)

// stubDriver is one end's handshake in the fast lane.
type stubDriver struct {
	client bool
	half   uint64 // this end's share of the key
	peers  uint64
	params []byte
	in     [handshake.Levels][]byte
	done   [handshake.Levels]bool
}

// flightOf is a flight: its length in two bytes, the share of the key, the transport parameters, and zeros up to size.
func flightOf(size int, half uint64, params []byte) []byte {
	b := make([]byte, 12, max(size, 12+len(params)))
	binary.BigEndian.PutUint16(b, uint16(cap(b)))
	binary.BigEndian.PutUint64(b[2:], half)
	binary.BigEndian.PutUint16(b[10:], uint16(len(params)))
	b = append(b, params...)
	return b[:cap(b)]
}

// Start implements handshake.Driver.
func (d *stubDriver) Start(params []byte) []handshake.Message {
	d.params = params
	if !d.client {
		return nil
	}
	return []handshake.Message{handshake.Send{Level: handshake.Initial, Data: flightOf(clientHelloLen, d.half, params)}}
}

// Handle implements handshake.Driver.
func (d *stubDriver) Handle(level handshake.Level, data []byte) []handshake.Message {
	in := append(d.in[level], data...)
	d.in[level] = in
	if len(in) < 12 || len(in) < int(binary.BigEndian.Uint16(in)) {
		return nil
	}
	size, params := int(binary.BigEndian.Uint16(in)), int(binary.BigEndian.Uint16(in[10:]))
	if d.done[level] || len(in) != size || size < 12+params || level == handshake.Application {
		return []handshake.Message{handshake.Failed{Err: fmt.Errorf("sim: flight out of turn")}}
	}
	d.done[level] = true
	theirs := in[12 : 12+params]
	switch {
	case !d.client && level == handshake.Initial:
		d.peers = binary.BigEndian.Uint64(in[2:])
		app := d.keys(handshake.Application)
		return []handshake.Message{
			handshake.Send{Level: handshake.Initial, Data: flightOf(serverHelloLen, d.half, nil)},
			d.keys(handshake.Handshake),
			handshake.PeerParameters{Data: theirs},
			handshake.Send{Level: handshake.Handshake, Data: flightOf(serverProofLen, d.half, d.params)},
			handshake.Keys{Level: handshake.Application, Sealer: app.Sealer},
		}
	case level == handshake.Initial:
		d.peers = binary.BigEndian.Uint64(in[2:])
		return []handshake.Message{d.keys(handshake.Handshake)}
	case d.client:
		return []handshake.Message{
			handshake.PeerParameters{Data: theirs},
			handshake.Send{Level: handshake.Handshake, Data: flightOf(clientProofLen, d.half, nil)},
			d.keys(handshake.Application),
			handshake.Complete{},
			handshake.Over{},
		}
	default:
		app := d.keys(handshake.Application)
		return []handshake.Message{handshake.Keys{Level: handshake.Application, Opener: app.Opener}, handshake.Complete{}, handshake.Over{}}
	}
}

// Close implements handshake.Driver.
func (d *stubDriver) Close() {}

func (d *stubDriver) keys(level handshake.Level) handshake.Keys {
	client, server := d.half, d.peers
	if !d.client {
		client, server = server, client
	}
	toServer := stubKey(roll(client, server, uint64(level), 0).state)
	toClient := stubKey(roll(client, server, uint64(level), 1).state)
	if d.client {
		return handshake.Keys{Level: level, Sealer: toServer, Opener: toClient}
	}
	return handshake.Keys{Level: level, Sealer: toClient, Opener: toServer}
}

// stubKey protects the packets of one level and direction in the fast lane.
type stubKey uint64

// Overhead implements handshake.Sealer and handshake.Opener.
func (k stubKey) Overhead() int { return stubTagLen }

// Seal implements handshake.Sealer.
func (k stubKey) Seal(dst, header, payload []byte, pn uint64) []byte {
	tag := k.tag(header, payload, pn)
	dst = append(dst, payload...)
	dst = binary.LittleEndian.AppendUint64(dst, tag)
	return binary.LittleEndian.AppendUint64(dst, ^tag)
}

// Open implements handshake.Opener.
func (k stubKey) Open(dst, header, sealed []byte, pn uint64) ([]byte, bool) {
	n := len(sealed) - stubTagLen
	if n < 0 {
		return dst, false
	}
	tag := k.tag(header, sealed[:n], pn)
	if binary.LittleEndian.Uint64(sealed[n:]) != tag || binary.LittleEndian.Uint64(sealed[n+8:]) != ^tag {
		return dst, false
	}
	return append(dst, sealed[:n]...), true
}

func (k stubKey) tag(header, payload []byte, pn uint64) uint64 {
	h := uint64(k) ^ pn*0x9e3779b97f4a7c15
	return mix(mix(h, header), payload)
}

// mix folds b into h, sixteen bytes at a time.
func mix(h uint64, b []byte) uint64 {
	h ^= uint64(len(b)) * 0xff51afd7ed558ccd
	if len(b) >= 16 {
		second := bits.ReverseBytes64(h) // a processor makes both products at the same time
		for ; len(b) >= 16; b = b[16:] {
			h = (h ^ binary.LittleEndian.Uint64(b)) * 0xbf58476d1ce4e5b9
			second = (second ^ binary.LittleEndian.Uint64(b[8:])) * 0x94d049bb133111eb
			h ^= h >> 29
			second ^= second >> 31
		}
		h ^= bits.RotateLeft64(second, 23)
	}
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * 0xbf58476d1ce4e5b9
		h ^= h >> 29
	}
	var rest [8]byte
	copy(rest[:], b)
	h = (h ^ binary.LittleEndian.Uint64(rest[:])) * 0x94d049bb133111eb
	return h ^ h>>32
}
