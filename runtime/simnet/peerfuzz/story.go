package peerfuzz

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sessgen/sessgen/runtime/session"
)

// story is what happened in a run, for people.
type story struct {
	mu    sync.Mutex
	lines []string
	steps int
}

// storyMax bounds how many steps are shown: the last ones.
const storyMax = 40

// add adds a line, and says how many there were.
func (s *story) add(format string, args ...any) (steps int) {
	line := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps++
	s.lines = append(s.lines, line)
	if len(s.lines) > storyMax {
		s.lines = s.lines[1:]
	}
	return s.steps
}

func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.Join(s.lines, "\n\t")
	if s.steps > len(s.lines) {
		text = fmt.Sprintf("… %d steps before\n\t%s", s.steps-len(s.lines), text)
	}
	return "the conversation:\n\t" + text
}

// spelled is a message as people write it: its label and the values of its parameters.
func spelled(p *session.Protocol, sender int, message []byte) string {
	number, n := cut(message)
	if n == 0 {
		return "a message without a label"
	}
	for i := range p.Messages {
		m := &p.Messages[i]
		if m.Number != number || m.Sender != sender {
			continue
		}
		fields, ok := fieldsOf(message[n:])
		if !ok {
			return fmt.Sprintf("%s with a payload that is no encoding: %x", m.Label, shortened(string(message[n:])))
		}
		values := make([]string, len(m.Params))
		for i, param := range m.Params {
			name, of, _ := strings.Cut(param, " ")
			values[i] = name + ": " + value(of, fields[protowire.Number(i+1)])
		}
		return m.Label + "(" + strings.Join(values, ", ") + ")"
	}
	for i := range p.Messages {
		if p.Messages[i].Number == number {
			return p.Messages[i].Label + ", which is not its own to send"
		}
	}
	return fmt.Sprintf("a message of the label %d, which there is not", number)
}

// fieldsOf takes a payload apart: of each number the last field, without its tag.
func fieldsOf(payload []byte) (fields map[protowire.Number][]byte, ok bool) {
	fields = map[protowire.Number][]byte{}
	for len(payload) > 0 {
		number, _, size := protowire.ConsumeField(payload)
		if size < 0 {
			return nil, false
		}
		_, tag := cut(payload)
		fields[number] = payload[tag:size]
		payload = payload[size:]
	}
	return fields, true
}

// value is a parameter's value, of a type that the schema writes so; of what has parts, its size.
func value(of string, field []byte) string {
	number, _ := protowire.ConsumeVarint(field)
	switch of {
	case "bool":
		return strconv.FormatBool(number != 0)
	case "int", "int32", "int64":
		return strconv.FormatInt(int64(number), 10)
	case "uint", "uint32", "uint64":
		return strconv.FormatUint(number, 10)
	case "float32":
		bits, _ := protowire.ConsumeFixed32(field)
		return fmt.Sprint(math.Float32frombits(bits))
	case "float64":
		bits, _ := protowire.ConsumeFixed64(field)
		return fmt.Sprint(math.Float64frombits(bits))
	case "string":
		text, _ := protowire.ConsumeString(field)
		return strconv.Quote(shortened(text))
	}
	if len(field) == 0 {
		return "{}"
	}
	if inside, n := protowire.ConsumeBytes(field); n == len(field) {
		return fmt.Sprintf("{%d bytes}", len(inside))
	}
	return "{" + strconv.FormatUint(number, 10) + "}"
}

// shortened is text without what is too much to show.
func shortened(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
