package session

// Decoder walks the protobuf fields of a message. The first fault is kept and
// ends the walk. What it returns does not share the message's memory.
type Decoder struct{ _ []byte }

// Next moves to the next field, past the value of the last one if it was not read.
func (d *Decoder) Next() bool { panic("skeleton") }

// Field is the number of the field that Next found.
func (d *Decoder) Field() int { panic("skeleton") }

// Enter begins the embedded message that is the field's value; Next is false at its end. Leave(outer) goes back.
func (d *Decoder) Enter() (outer int) { panic("skeleton") }

// Leave ends what Enter began.
func (d *Decoder) Leave(outer int) { panic("skeleton") }

func (d *Decoder) Int64() int64   { panic("skeleton") }
func (d *Decoder) Uint64() uint64 { panic("skeleton") }
func (d *Decoder) Text() string   { panic("skeleton") }

// Enum reads a value of an enumeration with the given number of members.
func (d *Decoder) Enum(members int) int32 { panic("skeleton") }
