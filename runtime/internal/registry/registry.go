// Package registry finds out which protocol a stream is for. It is the one place
// where the carriers (the transport, the simulated network, the in-memory pipe)
// write and read the header of a stream, and look up who serves it.
package registry

import (
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
)

// Registry holds what serves each protocol: H is what a carrier keeps for one.
// The zero value is empty and ready. It may be used from any number of goroutines.
type Registry[H any] struct {
	mu     sync.RWMutex
	served map[string][]*entry[H] // by name; one entry for each fingerprint
}

type entry[H any] struct {
	id      protocolID
	handler H
}

// Add registers handler for the protocol with this name and fingerprint, 64
// hexadecimal digits. It panics if that is registered already, or is no identity
// of a protocol: either is a fault of the program, and shows at its start.
func (r *Registry[H]) Add(name, fingerprint string, handler H) {
	id, err := identify(name, fingerprint)
	if err != nil {
		panic(err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if find(r.served[name], id.fingerprint) != nil {
		panic(fmt.Sprintf("session: protocol %s (fingerprint %s) is registered twice", name, fingerprint))
	}
	if r.served == nil {
		r.served = make(map[string][]*entry[H])
	}
	r.served[name] = append(r.served[name], &entry[H]{id, handler})
}

// refusedMax bounds a refusal: fingerprints of 64 digits, with commas, fit in the
// 1,024 bytes that the reason of an abort may have.
const refusedMax = 15

// Find returns the handler of the protocol with this name and fingerprint; refusal is as that of Accepted.
func (r *Registry[H]) Find(name, fingerprint string) (handler H, refusal string, found bool) {
	id, err := identify(name, fingerprint)
	if err != nil {
		return handler, "", false
	}
	e, refusal := r.find(id.name, id.fingerprint)
	if e == nil {
		return handler, refusal, false
	}
	return e.handler, "", true
}

// find returns the entry with this identity; nil if there is none, and what a refusal says.
func (r *Registry[H]) find(name string, fingerprint [fingerprintSize]byte) (e *entry[H], refusal string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	served := r.served[name]
	if e = find(served, fingerprint); e != nil {
		return e, ""
	}
	var digits []string
	for _, e := range served[:min(len(served), refusedMax)] {
		digits = append(digits, hex.EncodeToString(e.id.fingerprint[:]))
	}
	return nil, strings.Join(digits, ",")
}

func find[H any](served []*entry[H], fingerprint [fingerprintSize]byte) *entry[H] {
	for _, e := range served {
		if e.id.fingerprint == fingerprint {
			return e
		}
	}
	return nil
}
