// Package diag holds what sessgen says about a schema: diagnostics with a stable
// code, a tight place, and the words of the language's user.
package diag

import (
	"cmp"
	"go/token"
	"slices"
)

// Severity is how bad it is.
type Severity uint8

// The severities. Only errors keep a schema from being used.
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
	// Code names the rule that was broken; Explain tells about it.
	Code     Code
	Severity Severity
	// Pos and End delimit what is wrong, for the caret.
	Pos, End token.Pos
	// Message is one sentence, lower case, without a full stop.
	Message string
	// Related are other places that matter.
	Related []Related
	// Suggestion is what to do, if there is something to suggest.
	Suggestion string
}

// Related is another place, and what is there.
type Related struct {
	Pos     token.Pos
	Message string
}

// List collects diagnostics. The zero value is ready.
type List struct {
	all []Diagnostic
}

// Add adds d, unless one with the same code is there at the same place already.
func (l *List) Add(d Diagnostic) {
	for _, have := range l.all {
		if have.Pos == d.Pos && have.Code == d.Code {
			return
		}
	}
	l.all = append(l.all, d)
}

// HasErrors reports whether an error is among the diagnostics.
func (l *List) HasErrors() bool {
	return slices.ContainsFunc(l.all, func(d Diagnostic) bool { return d.Severity == Error })
}

// Len is the number of diagnostics.
func (l *List) Len() int { return len(l.all) }

// Sorted returns the diagnostics in the order of their places.
func (l *List) Sorted() []Diagnostic {
	all := slices.Clone(l.all)
	slices.SortStableFunc(all, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos, b.Pos), cmp.Compare(a.Code, b.Code))
	})
	return all
}
