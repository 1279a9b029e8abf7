// Package automaton builds the automaton of a protocol: its places, the messages between them, and the
// variables live in each. A binary session has one automaton; each role sees it with its own sends and
// receives, so the two projections are dual by construction.
package automaton

import (
	"go/token"

	"github.com/sessgen/sessgen/schema/check"
)

// Automaton is the automaton of one protocol, with every `do` inlined.
type Automaton struct {
	Protocol *check.Protocol
	// Name is "<package>.<Protocol>".
	Name string
	// Places are in source order: the initial one first, the final one, End, last.
	Places []*Place
	// Enter says how the variables of the initial place get their first values.
	Enter Target
	// Labels are the labels, indexed by their number on the wire.
	Labels []string
	// Fingerprint is SHA-256 of the canonical text, in hexadecimal.
	Fingerprint string
}

// PlaceKind says what a place offers.
type PlaceKind uint8

// The kinds of place.
const (
	// Final offers nothing: the protocol is complete.
	Final PlaceKind = iota
	// Communication offers one message, or a choice of several, all from Sender.
	Communication
	// Conditional goes on to Then or Else without a message.
	Conditional
)

// Place is one state of the automaton: one Go type for each role.
type Place struct {
	Index int
	// Name is what follows the prefix in Go: "Account", "AfterWithdraw", "End".
	Name string
	// Aliases are further names: "Start" for the initial place if that has another name, and the outer recs
	// whose head it also is.
	Aliases []string
	Kind    PlaceKind
	// Sender is the index of the role that sends, at a Communication.
	Sender   int
	Messages []*Message
	// Cond, Then and Else belong to a Conditional.
	Cond       *check.Expr
	Then, Else Target
	// Vars are the variables live here, in the order of their binding: those that something later uses and, at
	// the head of a rec, the rec's own. Outer are live too, but not visible: they belong to a protocol that
	// runs this one by `do`.
	Vars, Outer []*check.Var
	// Rec is the rec whose head this is; nil elsewhere.
	Rec *check.Rec
	// State is the statement that names this place, nil if there is none.
	State *check.State
	// Behind is the message that this place directly follows; nil if there is none or several.
	Behind *Message
	// Pos is the position of what the place offers.
	Pos token.Position

	frame  *frame
	naming naming
	heads  []heading // the recs whose heads this is, the innermost last
	first  string    // the first label in source order from here on
}

// Message is one message that leaves a place.
type Message struct {
	// Source is the statement; Source.Sender is an index in its own protocol's roles, Sender in the
	// automaton's.
	Source *check.Message
	Label  string
	Number int
	Sender int
	Params []*check.Var
	Where  *check.Expr
	From   *Place
	// Deferrable reports whether the receiver may defer the message and go on.
	Deferrable bool
	Target

	frame *frame
}

// Target is the place that a step leads to, and how the variables live there get their values.
type Target struct {
	To *Place
	// Lets are applied one after the other; variables that are not rebound keep their value.
	Lets []Let
}

// Let binds Vars to the values of Exprs, all at once, as a continue or the head of a rec does.
type Let struct {
	Vars  []*check.Var
	Exprs []*check.Expr

	frame *frame
}
