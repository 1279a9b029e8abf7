package session

// Encoder appends protobuf fields to a message (google.golang.org/protobuf/encoding/protowire). A
// field with its zero value is left out. The first value that cannot be encoded is kept as the error of the message.
type Encoder struct {
	buf []byte
	err error
}

// Begin opens field as an embedded message; what is appended until EndElement or
// EndField is its content.
func (e *Encoder) Begin(field int) (begin int) { panic("skeleton") }

// EndElement closes what Begin opened, an element of a list: it is written even if empty.
func (e *Encoder) EndElement(begin int) { panic("skeleton") }

// EndField closes what Begin opened; an empty message is left out.
func (e *Encoder) EndField(begin int) { panic("skeleton") }

func (e *Encoder) Int64(field int, v int64)   { panic("skeleton") }
func (e *Encoder) Uint64(field int, v uint64) { panic("skeleton") }
func (e *Encoder) Text(field int, v string)   { panic("skeleton") }
