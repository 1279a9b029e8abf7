package session

import (
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"unicode/utf8"
)

// ContractError means that the program itself tried to send a message whose predicate is false. Nothing was
// sent, and the step is as it was.
type ContractError struct {
	// Protocol, Role and Label identify the message: "bank.Bank", "Client", "Deposit".
	Protocol, Role, Label string
	// Where is the predicate, and Pos its position in the schema, "file:line:column".
	Where, Pos string
	// Values are the values that the predicate was evaluated on.
	Values []Value
}

func (e *ContractError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "session: %s %s must not send %s", e.Protocol, e.Role, e.Label)
	describeFault(&b, FalsePredicate, e.Where, e.Pos, e.Values)
	return b.String()
}

// Rule is a rule that a peer can break. Its number is the AbortCode by which the other end learns of it.
type Rule uint64

// The rules.
const (
	// UnexpectedLabel: the message is none of those allowed here.
	UnexpectedLabel Rule = 0x10 + iota
	// MalformedPayload: the message's payload is not an encoding of its parameters.
	MalformedPayload
	// FalsePredicate: the message's predicate, over what both ends know, is false.
	FalsePredicate
	// TooLate: the message did not arrive within its time limit.
	TooLate
	// EndedEarly: the peer said that nothing more would come, although the protocol was not finished.
	EndedEarly
)

func (r Rule) known() bool { return UnexpectedLabel <= r && r <= EndedEarly }

// String describes in words what was broken.
func (r Rule) String() string {
	switch r {
	case UnexpectedLabel:
		return "unexpected message"
	case MalformedPayload:
		return "malformed payload"
	case FalsePredicate:
		return "false predicate"
	case TooLate:
		return "too late"
	case EndedEarly:
		return "ended early"
	}
	return fmt.Sprintf("rule %#x", uint64(r))
}

// PeerError means that one role broke the protocol, which ended the session. Both ends get one. It unwraps to
// net.ErrClosed.
type PeerError struct {
	// Protocol is "<package>.<Protocol>", and Role the role that broke it.
	Protocol, Role string
	// Rule is the rule that was broken.
	Rule Rule
	// Label is the message's label; empty if no message of the protocol is concerned.
	Label string
	// Detail says more about a malformed payload.
	Detail string
	// Where is the message's predicate, if that is false, and Pos the message's position in the schema,
	// "file:line:column".
	Where, Pos string
	// Values are the values that the predicate was evaluated on. Only the end that found it false has them.
	Values []Value
	// Remote reports that the peer found the fault, so Role is this end's own.
	Remote bool
}

func (e *PeerError) Error() string {
	var b strings.Builder
	b.WriteString("session: ")
	if e.Remote {
		b.WriteString("the peer says that ")
	}
	fmt.Fprintf(&b, "%s %s broke the protocol", e.Protocol, e.Role)
	if e.Label != "" {
		fmt.Fprintf(&b, " at %s", e.Label)
	}
	describeFault(&b, e.Rule, e.Where, e.Pos, e.Values)
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	return b.String()
}

// Timeout reports whether the peer was too late.
func (e *PeerError) Timeout() bool { return e.Rule == TooLate }

// Unwrap lets errors.Is find net.ErrClosed.
func (e *PeerError) Unwrap() error { return net.ErrClosed }

// Value is a variable of a predicate and the value it had.
type Value struct {
	Name  string
	Value any
}

// String returns "name = value", with the value shortened to fit a line.
func (v Value) String() string { return v.Name + " = " + describeValue(v.Value) }

// Values returns the Values of alternating names and values, as generated code lists them.
func Values(of ...any) []Value {
	list := make([]Value, 0, len(of)/2)
	for i := 0; i+1 < len(of); i += 2 {
		name, _ := of[i].(string)
		list = append(list, Value{Name: name, Value: of[i+1]})
	}
	return list
}

// describeFault says where the message is in the schema, which rule it breaks, and how.
func describeFault(b *strings.Builder, rule Rule, where, pos string, values []Value) {
	if pos != "" {
		fmt.Fprintf(b, " (%s)", pos)
	}
	fmt.Fprintf(b, ": %s", rule)
	if where != "" {
		fmt.Fprintf(b, ": %s", where)
	}
	for i, v := range values {
		b.WriteString([]string{" with ", ", "}[min(i, 1)])
		b.WriteString(v.String())
	}
}

// describedMax bounds how much of a value, which a peer may have sent, is shown on a line.
const describedMax = 64

func describeValue(value any) string {
	switch v := value.(type) {
	case string:
		if len(v) > describedMax {
			return fmt.Sprintf("%q… (%d bytes)", v[:describedMax], len(v))
		}
		return fmt.Sprintf("%q", v)
	case []byte:
		if len(v) > describedMax/2 {
			return fmt.Sprintf("0x%s… (%d bytes)", hex.EncodeToString(v[:describedMax/2]), len(v))
		}
		return "0x" + hex.EncodeToString(v)
	}
	text := fmt.Sprintf("%+v", value)
	if len(text) > describedMax {
		end := describedMax
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		return text[:end] + "…"
	}
	return text
}
