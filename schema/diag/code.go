package diag

import (
	"bytes"
	"embed"
	"strings"
)

// Code is the stable name of a rule: its meaning never changes.
type Code string

// Rule is what a code stands for.
type Rule struct {
	Code Code
	// Text is the rule, in a few sentences, on one line or several.
	Text string
	// Example is the smallest schema that breaks this rule and no other; empty if it would not be small.
	Example []byte
}

// rules has a file for each code: the rule is the comment at its top, and below it
// stands the example.
//
//go:embed rules/*.sess
var rules embed.FS

// Rules returns all rules, sorted by code.
func Rules() []Rule {
	entries, err := rules.ReadDir("rules")
	if err != nil {
		panic(err) // it is in the binary
	}
	var all []Rule
	for _, e := range entries {
		r, _ := Explain(Code(strings.TrimSuffix(e.Name(), ".sess")))
		all = append(all, r)
	}
	return all
}

// Explain returns the rule that a code stands for.
func Explain(code Code) (Rule, bool) {
	file, err := rules.ReadFile("rules/" + string(code) + ".sess")
	if err != nil {
		return Rule{}, false
	}
	comment, example, _ := bytes.Cut(file, []byte("\n\n"))
	var text []string
	for line := range strings.Lines(string(comment)) {
		text = append(text, strings.TrimSpace(strings.TrimPrefix(line, "//")))
	}
	return Rule{code, strings.Join(text, "\n"), example}, true
}
