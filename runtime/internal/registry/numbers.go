package registry

import "fmt"

const (
	// numberMax bounds how many protocols of a connection have numbers.
	numberMax = 1024
	// numberSize is how many bytes the uvarint of a number takes at most.
	numberSize = 2
)

// Dialed makes the headers of one connection's streams, at its dialing end. A
// protocol, which P stands for, gets a number with its first stream. From when the peer is known to have
// read a header with both, the number alone is said. The zero value is ready.
type Dialed[P comparable] struct{ known map[P]*Dialable }

// Dialable is a protocol that streams of one connection are opened with.
type Dialable struct {
	id        protocolID
	number    uint64 // 0: it has none
	confirmed bool
}

// Of returns what Append needs for the protocol p with this name and fingerprint of 64 hexadecimal digits.
func (d *Dialed[P]) Of(p P, name, fingerprint string) (*Dialable, error) {
	if known, found := d.known[p]; found {
		return known, nil
	}
	id, err := identify(name, fingerprint)
	if err != nil {
		return nil, err
	}
	made := &Dialable{id: id}
	if d.known == nil {
		d.known = make(map[P]*Dialable)
	}
	if n := uint64(len(d.known)) + 1; n <= numberMax {
		made.number = n
		d.known[p] = made
	}
	return made, nil
}

// Append appends the header of a new stream to dst.
func (p *Dialable) Append(dst, note []byte) ([]byte, error) {
	switch {
	case len(note) > NoteMax:
		return dst, fmt.Errorf("session: a note of %d bytes to a new session of %s, and the limit is %d", len(note), p.id.name, NoteMax)
	case p.confirmed:
		return appendShort(dst, p.number, note), nil
	}
	return appendHeader(dst, &p.id, p.number, note), nil
}

// Confirm says that the peer has answered on a stream of the protocol, and so has read its header.
func (p *Dialable) Confirm() { p.confirmed = p.number > 0 }

// Accepted finds out what serves the streams of one connection, at its listening
// end: it knows what their headers may say by number. The zero value is ready.
type Accepted[H any] struct{ numbered map[uint64]numbered[H] }

type numbered[H any] struct {
	id      protocolID
	handler H
}

// Find returns the handler for the protocol that a peer's header asks for, and the header's note, which shares
// its memory. If there is none, found is false, and refusal is the reason with which the
// carrier aborts the stream, with the code session.AbortMismatch: the fingerprints that r
// serves under the name, separated by commas.
func (a *Accepted[H]) Find(r *Registry[H], header []byte) (handler H, note []byte, refusal string, found bool) {
	h, err := ParseHeader(header)
	if err != nil {
		return handler, nil, "", false
	}
	before, known := a.numbered[h.Number]
	if h.Name == nil {
		return before.handler, h.Note, "", known
	}
	id := protocolID{string(h.Name), h.Fingerprint}
	if known && before.id != id {
		return handler, nil, "", false // the peer contradicts itself
	}
	handler, refusal, found = r.find(&id)
	if found && h.Number > 0 && !known {
		if a.numbered == nil {
			a.numbered = make(map[uint64]numbered[H])
		}
		a.numbered[h.Number] = numbered[H]{id, handler}
	}
	return handler, h.Note, refusal, found
}
