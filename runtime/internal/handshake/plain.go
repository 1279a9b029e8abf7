package handshake

import (
	"encoding/binary"
	"errors"
)

// KeyHalfLen is the size of what each end puts into the key of a plaintext connection.
const KeyHalfLen = 16

// The message of each end: its kind, the length of what follows, its half of the key, its transport parameters.
const (
	helloClient = 1
	helloServer = 2
	helloHead   = 3
	helloMax    = 4096
)

var (
	errHello = errors.New("handshake: not a hello")
	errExtra = errors.New("handshake: more than a hello")
)

// Plain is the handshake of a plaintext connection. The key of the packets' tags is made of a half from each
// end, and both are sent in the clear.
type Plain struct {
	client   bool
	half     [KeyHalfLen]byte
	params   []byte
	received []byte
	done     bool
}

// NewPlainClient makes the dialing end's handshake. half is drawn at random.
func NewPlainClient(half [KeyHalfLen]byte) *Plain { return &Plain{client: true, half: half} }

// NewPlainServer makes the listening end's handshake. half is drawn at random.
func NewPlainServer(half [KeyHalfLen]byte) *Plain { return &Plain{half: half} }

// Start begins the handshake with this end's transport parameters.
func (p *Plain) Start(params []byte) []Message {
	p.params = params
	if p.client {
		return []Message{Send{Initial, p.hello(helloClient)}}
	}
	return nil
}

func (p *Plain) hello(kind byte) []byte {
	b := []byte{kind}
	b = binary.BigEndian.AppendUint16(b, uint16(KeyHalfLen+len(p.params)))
	b = append(b, p.half[:]...)
	return append(b, p.params...)
}

// Handle takes in the peer's bytes of the Initial level; there are no others.
func (p *Plain) Handle(level Level, data []byte) []Message {
	if level != Initial || p.done {
		return []Message{Failed{Err: errExtra}}
	}
	p.received = append(p.received, data...)
	kind := byte(helloClient)
	if p.client {
		kind = helloServer
	}
	switch b := p.received; {
	case len(b) > 0 && b[0] != kind:
		return []Message{Failed{Err: errHello}}
	case len(b) < helloHead:
		return nil
	}
	length := int(binary.BigEndian.Uint16(p.received[1:]))
	switch n := len(p.received) - helloHead; {
	case length < KeyHalfLen || length > helloMax:
		return []Message{Failed{Err: errHello}}
	case n > length:
		return []Message{Failed{Err: errExtra}}
	case n < length:
		return nil
	}
	p.done = true
	theirs := p.received[helloHead : helloHead+KeyHalfLen]
	params := p.received[helloHead+KeyHalfLen:]
	p.received = nil
	if p.client {
		ours, peers := applicationKeys(p.half[:], theirs)
		return []Message{PeerParameters{params}, Keys{Application, ours, peers}, Complete{}, Over{}}
	}
	peers, ours := applicationKeys(theirs, p.half[:])
	return []Message{Send{Initial, p.hello(helloServer)}, PeerParameters{params}, Keys{Application, ours, peers}, Complete{}, Over{}}
}

// Close does nothing: there is nothing to give up.
func (p *Plain) Close() {}

func applicationKeys(clientHalf, serverHalf []byte) (client, server *Tag) {
	secret := append(append([]byte(nil), clientHalf...), serverHalf...)
	return newTags(secret, "application")
}
