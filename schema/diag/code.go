package diag

import (
	"cmp"
	"slices"
)

// Code is the stable name of a rule: it never changes its meaning.
type Code string

// Rule is what a code stands for.
type Rule struct {
	Code Code
	// Text is the rule, in a few sentences.
	Text string
	// Example is the smallest schema that breaks it, and no other; empty where it would not be small.
	Example string
}

// Rules are all rules, by code.
func Rules() []Rule {
	rules := slices.Concat(syntaxRules, staticRules, warningRules)
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Code, b.Code) })
	return rules
}

// Explain finds the rule that a code stands for.
func Explain(code Code) (Rule, bool) {
	for _, r := range Rules() {
		if r.Code == code {
			return r, true
		}
	}
	return Rule{}, false
}
