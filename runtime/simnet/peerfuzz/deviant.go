package peerfuzz

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sessgen/sessgen/runtime/session"
)

// deviation is the one way in which a peer leaves the protocol.
type deviation int

const (
	conforming deviation = iota
	wrongLabel
	badPayload
	otherValues
	earlyEnd
	abort
	extraMessage
	late
	deviations                          // what a peer of a protocol has
	badNote        deviation = iota - 1 // what it says of a call before its first message is no encoding
	callDeviations deviation = iota - 1 // what a peer of calls has
)

var deviationNames = [callDeviations]string{
	conforming: "keeps to the protocol", wrongLabel: "another label", badPayload: "a payload that is no encoding",
	otherValues: "other values", earlyEnd: "an early end", abort: "an abort", extraMessage: "a message twice", late: "a message too late",
	badNote: "metadata that are none",
}

// deviant is what a peer does, once, to one message of its own.
type deviant struct {
	role  int
	story *story
	kind  deviation
	at    int // the message of the peer's that it happens to, from 0

	mu     sync.Mutex // guards what follows: the program under test may make several calls at once
	source *source
	sent   int
	done   bool // it has happened
}

func newDeviant(role int, s *source, told *story, kinds deviation) *deviant {
	d := &deviant{role: role, source: s, story: told}
	if !s.exhausted() {
		d.kind = deviation(s.byte() % byte(kinds))
		d.at = int(s.byte() % 16)
	}
	return d
}

// over reports whether the peer has deviated.
func (d *deviant) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// deviantStream is the peer's end of a session. It is a carrier that changes what passes.
type deviantStream struct {
	session.Stream
	*deviant
	protocol *session.Protocol
}

// now reports whether the deviation is about to happen to what the peer says next. The lock is held.
func (d *deviantStream) now() bool {
	if d.kind == conforming || d.done || d.sent != d.at {
		return false
	}
	d.done = true
	d.story.add("%s is about to deviate: %s", d.protocol.Roles[d.role], deviationNames[d.kind])
	return true
}

// turn is what becomes of the message that the peer sends next: a deviation, and what it needs.
func (d *deviantStream) turn(message []byte) (kind deviation, changed []byte, a session.Abort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	happens := d.now()
	d.sent++
	if !happens {
		return conforming, message, a
	}
	switch d.kind {
	case wrongLabel:
		message = d.relabel(message)
	case badPayload:
		message = d.spoil(message)
	case otherValues:
		message = d.revalue(message)
	case abort:
		a = session.Abort{Code: session.AbortCode(d.source.byte() % 0x20), Reason: d.source.text()}
	}
	return d.kind, message, a
}

// Send implements session.Stream.
func (d *deviantStream) Send(ctx context.Context, message []byte, last bool) error {
	kind, message, a := d.turn(message)
	switch kind {
	case earlyEnd:
		return d.Stream.CloseSend()
	case abort:
		d.Stream.Abort(a)
		return context.Cause(d.Stream.Context())
	case extraMessage:
		if err := d.Stream.Send(ctx, message, false); err != nil {
			return err
		}
	case late:
		select {
		case <-time.After(d.tooLate()):
		case <-d.Stream.Context().Done():
		}
	}
	err := d.Stream.Send(ctx, message, last)
	if err == nil {
		d.tell(d.role, message)
	}
	return err
}

// CloseSend implements session.Stream. A deviation that no message was left for
// becomes one behind the last.
func (d *deviantStream) CloseSend() error {
	if message := d.behind(); message != nil {
		_ = d.Stream.Send(context.Background(), message, true)
	}
	return d.Stream.CloseSend()
}

// behind is a message behind the last one, if that is what the peer deviates by.
func (d *deviantStream) behind() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kind != extraMessage || d.done || d.at < d.sent {
		return nil
	}
	d.done = true
	d.story.add("%s deviates: a message behind the end", d.protocol.Roles[d.role])
	return d.relabel(nil)
}

// Recv implements session.Stream.
func (d *deviantStream) Recv(ctx context.Context) (message []byte, arrived time.Time, err error) {
	message, arrived, err = d.Stream.Recv(ctx)
	if err == nil {
		d.tell(1-d.role, message)
	}
	return message, arrived, err
}

// TryRecv implements session.Stream.
func (d *deviantStream) TryRecv() (message []byte, arrived time.Time, ok bool, err error) {
	message, arrived, ok, err = d.Stream.TryRecv()
	if ok {
		d.tell(1-d.role, message)
	}
	return message, arrived, ok, err
}

// tell adds a message to the story, and ends a conversation that has become too long.
func (d *deviantStream) tell(sender int, message []byte) {
	if d.story.add("%s sends %s", d.protocol.Roles[sender], spelled(d.protocol, sender, message)) >= stepsMax {
		d.Stream.Abort(session.Abort{Code: session.AbortCanceled})
	}
}

// Observe implements session.Observer.
func (d *deviantStream) Observe(*session.Protocol, int, int) {}

// Defer implements session.Observer. A conforming peer takes what comes.
func (d *deviantStream) Defer(*session.Protocol, int, int) {}

// Ended implements session.Observer.
func (d *deviantStream) Ended(p *session.Protocol, role int, err error) {
	if err != nil {
		d.story.add("%s ends with: %v", p.Roles[role], err)
	}
}

// cut reads the number that bytes begin with, and how long it is: 0 if there is none.
func cut(b []byte) (number uint64, size int) {
	number, size = binary.Uvarint(b)
	return number, max(size, 0)
}

// relabel gives a message the number of another label, or of none.
func (d *deviantStream) relabel(message []byte) []byte {
	number, n := cut(message)
	other := d.protocol.Messages[d.source.below(len(d.protocol.Messages))].Number
	if n > 0 && other == number {
		other = uint64(len(d.protocol.Messages)) + uint64(d.source.byte())
	}
	return append(binary.AppendUvarint(nil, other), message[n:]...)
}

// spoil makes bytes of a payload that are, most of the time, no encoding.
func (d *deviant) spoil(message []byte) []byte {
	spoiled := slices.Clone(message)
	_, n := cut(spoiled)
	switch d.source.byte() % 4 {
	case 0: // cut short
		return spoiled[:n+d.source.below(len(spoiled)-n+1)]
	case 1: // bits flipped
		for i := n; i < len(spoiled); i++ {
			spoiled[i] ^= d.source.byte()
		}
	case 2: // a length beyond the end
		return append(spoiled, 0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)
	}
	return append(spoiled, d.source.bytes()...)
}

// revalue makes a payload that is well-formed, with another value in each field:
// most of the time the predicate does not hold for them.
func (d *deviant) revalue(message []byte) []byte {
	_, n := cut(message)
	out, rest := slices.Clone(message[:n]), message[n:]
	for len(rest) > 0 {
		number, typ, size := protowire.ConsumeField(rest)
		if size < 0 {
			break
		}
		if d.source.byte()%4 > 0 { // else it stands as the zero value: absent
			out = d.field(out, number, typ, rest[:size])
		}
		rest = rest[size:]
	}
	return out
}

func (d *deviant) field(out []byte, number protowire.Number, typ protowire.Type, field []byte) []byte {
	switch typ {
	case protowire.VarintType:
		return protowire.AppendVarint(protowire.AppendTag(out, number, typ), uint64(d.source.integer()))
	case protowire.BytesType:
		_, tag := cut(field)
		value, _ := protowire.ConsumeBytes(field[tag:])
		value = append(slices.Clone(value), value...) // twice as long
		if d.source.byte()%2 == 0 {
			value = []byte(d.source.text())
		}
		return protowire.AppendBytes(protowire.AppendTag(out, number, typ), value)
	case protowire.Fixed64Type:
		return protowire.AppendFixed64(protowire.AppendTag(out, number, typ), math.Float64bits(d.source.float()))
	case protowire.Fixed32Type:
		return protowire.AppendFixed32(protowire.AppendTag(out, number, typ), math.Float32bits(float32(d.source.float())))
	}
	return append(out, field...)
}

// tooLate is a second longer than any time limit of the protocol.
func (d *deviantStream) tooLate() time.Duration {
	wait := time.Minute
	for i := range d.protocol.Messages {
		wait = max(wait, d.protocol.Messages[i].Within)
	}
	return wait + time.Second
}
