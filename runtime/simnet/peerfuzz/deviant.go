package peerfuzz

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
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
	deviations
)

var deviationNames = [deviations]string{
	conforming: "keeps to the protocol", wrongLabel: "another label", badPayload: "a payload that is no encoding",
	otherValues: "other values", earlyEnd: "an early end", abort: "an abort", extraMessage: "a message twice", late: "a message too late",
}

// deviant is the peer's end of a session. It is a carrier that changes what passes.
type deviant struct {
	session.Stream
	protocol *session.Protocol
	role     int
	source   *source
	story    *story

	kind deviation
	at   int // the message of the peer's that it happens to, from 0
	sent int
	done bool // it has happened
}

// Send implements session.Stream.
func (d *deviant) Send(ctx context.Context, message []byte, last bool) error {
	n := d.sent
	d.sent++
	if d.kind == conforming || n != d.at || d.done {
		return d.Stream.Send(ctx, message, last)
	}
	d.done = true
	d.story.add("%s is about to deviate: %s", d.protocol.Roles[d.role], deviationNames[d.kind])
	switch d.kind {
	case wrongLabel:
		return d.Stream.Send(ctx, d.relabel(message), last)
	case badPayload:
		return d.Stream.Send(ctx, d.spoil(message), last)
	case otherValues:
		return d.Stream.Send(ctx, d.revalue(message), last)
	case earlyEnd:
		return d.Stream.CloseSend()
	case abort:
		a := session.Abort{Code: session.AbortCode(d.source.byte() % 0x20), Reason: d.source.text()}
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
	return d.Stream.Send(ctx, message, last)
}

// CloseSend implements session.Stream. A deviation that no message was left for
// becomes one behind the last.
func (d *deviant) CloseSend() error {
	if d.kind == extraMessage && !d.done && d.at >= d.sent {
		d.done = true
		d.story.add("%s deviates: a message behind the end", d.protocol.Roles[d.role])
		_ = d.Stream.Send(context.Background(), d.relabel(nil), true)
	}
	return d.Stream.CloseSend()
}

// Observe implements session.Observer.
func (d *deviant) Observe(p *session.Protocol, role, message int) {
	m := &p.Messages[message]
	verb := "receives"
	if m.Sender == role {
		verb = "sends"
	}
	d.story.add("%s %s %s", p.Roles[role], verb, m.Label)
	if d.story.steps >= stepsMax {
		d.Stream.Abort(session.Abort{Code: session.AbortCanceled})
	}
}

// Defer implements session.Observer. A conforming peer takes what comes.
func (d *deviant) Defer(*session.Protocol, int, int) {}

// Ended implements session.Observer.
func (d *deviant) Ended(p *session.Protocol, role int, err error) {
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
func (d *deviant) relabel(message []byte) []byte {
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
func (d *deviant) tooLate() time.Duration {
	wait := time.Minute
	for i := range d.protocol.Messages {
		wait = max(wait, d.protocol.Messages[i].Within)
	}
	return wait + time.Second
}
