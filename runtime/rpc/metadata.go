package rpc

import (
	"iter"
	"strings"
	"unicode/utf8"
)

// Metadata is what a caller tells a handler beside the request: keys, each with any number of values, both any
// UTF-8 text. Keys are case-insensitive. The zero value is empty and ready to use. The keys, values and time
// limit of a call take at most session.NoteMax bytes; a call with more fails with ResourceExhausted. A Metadata
// must not be used by several goroutines at once.
type Metadata struct{ pairs []pair }

type pair struct{ key, value string }

// Add adds a value to key.
func (m *Metadata) Add(key, value string) {
	m.pairs = append(m.pairs, pair{strings.ToLower(key), value})
}

// Set makes value the only one of key.
func (m *Metadata) Set(key, value string) {
	m.Del(key)
	m.Add(key, value)
}

// Del removes key.
func (m *Metadata) Del(key string) {
	key = strings.ToLower(key)
	kept := m.pairs[:0:0]
	for _, p := range m.pairs {
		if p.key != key {
			kept = append(kept, p)
		}
	}
	m.pairs = kept
}

// Get returns the first value of key, or "" if there is none.
func (m Metadata) Get(key string) string {
	for v := range m.Values(key) {
		return v
	}
	return ""
}

// Values returns the values of key, in the order in which they were added.
func (m Metadata) Values(key string) iter.Seq[string] {
	key = strings.ToLower(key)
	return func(yield func(string) bool) {
		for _, p := range m.pairs {
			if p.key == key && !yield(p.value) {
				return
			}
		}
	}
}

// All returns all keys and values, in the order in which they were added.
func (m Metadata) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, p := range m.pairs {
			if !yield(p.key, p.value) {
				return
			}
		}
	}
}

// Len returns the number of values.
func (m Metadata) Len() int { return len(m.pairs) }

// valid reports whether it can be sent.
func (m Metadata) valid() bool {
	for _, p := range m.pairs {
		if !utf8.ValidString(p.key) || !utf8.ValidString(p.value) {
			return false
		}
	}
	return true
}
