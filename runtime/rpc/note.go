package rpc

import (
	"errors"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The note of a call is a message of protocol buffers. Fields with other numbers are skipped.
//
//	message Note {
//	  uint64 timeout_us = 1;        // what is left of the call's time; absent: what the method says
//	  repeated Entry metadata = 2;
//	  message Entry { string key = 1; string value = 2; }
//	}
const (
	noteTimeout  protowire.Number = 1
	noteMetadata protowire.Number = 2
	entryKey     protowire.Number = 1
	entryValue   protowire.Number = 2
)

// appendNote appends the note of a call to dst; timeout is not sent if it is zero.
func appendNote(dst []byte, timeout time.Duration, md Metadata) []byte {
	if timeout > 0 {
		dst = protowire.AppendTag(dst, noteTimeout, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(max(timeout/time.Microsecond, 1)))
	}
	for _, p := range md.pairs {
		dst = protowire.AppendTag(dst, noteMetadata, protowire.BytesType)
		size := protowire.SizeTag(entryKey) + protowire.SizeBytes(len(p.key)) + protowire.SizeTag(entryValue) + protowire.SizeBytes(len(p.value))
		dst = protowire.AppendVarint(dst, uint64(size))
		dst = protowire.AppendString(protowire.AppendTag(dst, entryKey, protowire.BytesType), p.key)
		dst = protowire.AppendString(protowire.AppendTag(dst, entryValue, protowire.BytesType), p.value)
	}
	return dst
}

var errNote = errors.New("malformed note of a call")

// timeoutMax bounds the time that a peer may give a call: beyond it, the call has no limit.
const timeoutMax = 100 * 365 * 24 * time.Hour

// parseNote takes a note apart. Zero means that it has no time limit.
func parseNote(note []byte) (timeout time.Duration, md Metadata, err error) {
	for len(note) > 0 {
		number, kind, n := protowire.ConsumeTag(note)
		if n < 0 {
			return 0, Metadata{}, errNote
		}
		note = note[n:]
		switch {
		case number == noteTimeout && kind == protowire.VarintType:
			var us uint64
			us, n = protowire.ConsumeVarint(note)
			timeout = 0
			if us <= uint64(timeoutMax/time.Microsecond) {
				timeout = time.Duration(us) * time.Microsecond
			}
		case number == noteMetadata && kind == protowire.BytesType:
			var entry []byte
			if entry, n = protowire.ConsumeBytes(note); n >= 0 {
				p, ok := parseEntry(entry)
				if !ok {
					return 0, Metadata{}, errNote
				}
				md.Add(p.key, p.value)
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, note)
		}
		if n < 0 {
			return 0, Metadata{}, errNote
		}
		note = note[n:]
	}
	return timeout, md, nil
}

func parseEntry(entry []byte) (p pair, ok bool) {
	for len(entry) > 0 {
		number, kind, n := protowire.ConsumeTag(entry)
		if n < 0 {
			return pair{}, false
		}
		entry = entry[n:]
		var text string
		if kind == protowire.BytesType && (number == entryKey || number == entryValue) {
			text, n = protowire.ConsumeString(entry)
			if number == entryKey {
				p.key = text
			} else {
				p.value = text
			}
		} else {
			n = protowire.ConsumeFieldValue(number, kind, entry)
		}
		if n < 0 {
			return pair{}, false
		}
		entry = entry[n:]
	}
	return p, utf8.ValidString(p.key) && utf8.ValidString(p.value)
}
