package session

import "time"

// GenVersion1 is the version of the contract between generated files and this package. Each generated file
// refers to the version that it was written for, so a file that is too old or too new for the runtime in go.mod
// does not compile.
const GenVersion1 = 1

// Fingerprint identifies what a protocol means: the SHA-256 hash, in hexadecimal, of the canonical text of its
// automaton. Two peers talk only if their fingerprints are equal.
type Fingerprint string

func (f Fingerprint) valid() bool {
	for i := range len(f) {
		if c := f[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(f) == 64
}

// Protocol describes a generated protocol: its identity, and its automaton, of which each role sees its own
// side. Generated packages hold one for each protocol. It must not be modified.
type Protocol struct {
	// Name is "<package>.<Protocol>".
	Name        string
	Fingerprint Fingerprint
	// Roles are the two roles; the first one dials.
	Roles [2]string
	// States are the places of the protocol, beginning with the initial one and ending with End.
	States []State
	// Messages are the steps between them; those that leave one state are adjacent.
	Messages []Message
}

// State is one place of a protocol.
type State struct {
	// Name is the place's name: what follows protocol and role in the name of the generated type.
	Name string
	// If is the condition of an `if`, which sends nothing: Then and Else are the states that its two sides lead
	// to. It is empty elsewhere.
	If         string
	Then, Else int
	// Pos is the position of the `if` in the schema, "file:line:column".
	Pos string
}

// Message is one message at one place of a protocol.
type Message struct {
	Label string
	// Number is the label's number on the wire.
	Number uint64
	// Sender is the index in Roles of the role that sends it.
	Sender int
	// State is the index of the state that the message leaves, Next that of the state it leads to.
	State, Next int
	// Params are the parameters as the schema writes them: "amount int64".
	Params []string
	// Where is the text of the predicate; empty if there is none.
	Where string
	// Within is the receiver's time limit; zero if there is none.
	Within time.Duration
	// Pos is the position in the schema, "file:line:column".
	Pos string
}

// DialerSendsFirst reports whether every session of the protocol begins with a message of the role that dials.
// If so, a carrier holds the header of the stream back until that message; otherwise it sends the header at
// once.
func (p *Protocol) DialerSendsFirst() bool { return tableOf(p).dialerSendsFirst }
