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
type Dialed[P comparable] struct {
	known []dialed[P]     // in the order of their numbers, from 1
	index map[P]*Dialable // nil while known is short: an idle connection holds as little as can be
}

type dialed[P comparable] struct {
	is P
	*Dialable
}

// indexed is how many protocols are looked up one by one.
const indexed = 8

// Dialable is a protocol that streams of one connection are opened with.
type Dialable struct {
	id        protocolID
	number    uint64 // 0: it has none
	confirmed bool
}

// Of returns what Append needs for the protocol p with this name and fingerprint of 64 hexadecimal digits.
func (d *Dialed[P]) Of(p P, name, fingerprint string) (*Dialable, error) {
	if known := d.lookup(p); known != nil {
		return known, nil
	}
	id, err := identify(name, fingerprint)
	if err != nil {
		return nil, err
	}
	made := &Dialable{id: id}
	if n := uint64(len(d.known)) + 1; n <= numberMax {
		made.number = n
		d.add(p, made)
	}
	return made, nil
}

func (d *Dialed[P]) lookup(p P) *Dialable {
	if d.index != nil {
		return d.index[p]
	}
	for _, k := range d.known {
		if k.is == p {
			return k.Dialable
		}
	}
	return nil
}

func (d *Dialed[P]) add(p P, made *Dialable) {
	d.known = append(d.known, dialed[P]{p, made})
	switch {
	case d.index != nil:
		d.index[p] = made
	case len(d.known) > indexed:
		d.index = make(map[P]*Dialable, 2*indexed)
		for _, k := range d.known {
			d.index[k.is] = k.Dialable
		}
	}
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
type Accepted[H any] struct {
	numbered []*entry[H] // the one of number n at n-1, nil where none was given it
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
	before := a.of(h.Number)
	switch {
	case before != nil && (h.Name == nil || string(h.Name) == before.id.name && h.Fingerprint == before.id.fingerprint):
		return before.handler, h.Note, "", true
	case before != nil || h.Name == nil:
		return handler, nil, "", false // the peer contradicts itself, or names nothing
	}
	e, refusal := r.find(string(h.Name), h.Fingerprint)
	if e == nil {
		return handler, h.Note, refusal, false
	}
	if h.Number > 0 {
		a.number(h.Number, e)
	}
	return e.handler, h.Note, "", true
}

func (a *Accepted[H]) of(number uint64) *entry[H] {
	if number == 0 || number > uint64(len(a.numbered)) {
		return nil
	}
	return a.numbered[number-1]
}

// number gives e a number, of at most numberMax.
func (a *Accepted[H]) number(number uint64, e *entry[H]) {
	if more := int(number) - len(a.numbered); more > 0 {
		a.numbered = append(a.numbered, make([]*entry[H], more)...)
	}
	a.numbered[number-1] = e
}
