// Package registry finds out which protocol a stream is for. It is the one place
// where the carriers (the transport, the simulated network, the in-memory pipe)
// write and read the header of a stream, and look up who serves it.
package registry

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Registry holds what serves each protocol: H is what a carrier keeps for one.
// The zero value is empty and ready. It may be used from any number of goroutines.
type Registry[H any] struct {
	mu     sync.RWMutex
	served map[string][]entry[H] // by name; one entry for each fingerprint
}

type entry[H any] struct {
	fingerprint [fingerprintSize]byte
	handler     H
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
	if _, found := find(r.served[name], id.fingerprint); found {
		panic(fmt.Sprintf("session: protocol %s (fingerprint %s) is registered twice", name, fingerprint))
	}
	if r.served == nil {
		r.served = make(map[string][]entry[H])
	}
	r.served[name] = append(r.served[name], entry[H]{id.fingerprint, handler})
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
	return r.find(&id)
}

func (r *Registry[H]) find(id *protocolID) (handler H, refusal string, found bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	served := r.served[id.name]
	if handler, found := find(served, id.fingerprint); found {
		return handler, "", true
	}
	var digits []string
	for _, e := range served[:min(len(served), refusedMax)] {
		digits = append(digits, hex.EncodeToString(e.fingerprint[:]))
	}
	return handler, strings.Join(digits, ","), false
}

func find[H any](served []entry[H], fingerprint [fingerprintSize]byte) (handler H, found bool) {
	i := slices.IndexFunc(served, func(e entry[H]) bool { return e.fingerprint == fingerprint })
	if i < 0 {
		return handler, false
	}
	return served[i].handler, true
}
