// Package diag holds what sessgen says about a schema: diagnostics with a stable code, a precise position, and
// the vocabulary of the language's users. It collects the diagnostics of one run and prints them.
package diag

import "go/token"

// Severity is how serious a diagnostic is.
type Severity uint8

// The severities. Only errors prevent a schema from being used.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one thing wrong with a schema.
type Diagnostic struct {
	// Code names the rule that was broken; Explain describes it.
	Code     Code
	Severity Severity
	// Pos and End delimit what is wrong, for the caret. Without End it is one character.
	Pos, End token.Pos
	// Message is one sentence, lower case, without a full stop.
	Message string
	// Related are other places that matter.
	Related []Related
	// Suggestion is what to do instead, if anything. It is printed after the message and a semicolon.
	Suggestion string
}

// Related is another place, and what is there.
type Related struct {
	Pos     token.Pos
	Message string
}

// Relate adds another place that matters, and returns d.
func (d *Diagnostic) Relate(pos token.Pos, message string) *Diagnostic {
	d.Related = append(d.Related, Related{pos, message})
	return d
}

// Text returns the message with the suggestion.
func (d *Diagnostic) Text() string {
	if d.Suggestion == "" {
		return d.Message
	}
	return d.Message + "; " + d.Suggestion
}
