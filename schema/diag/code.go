package diag

// Code is the stable name of a rule: it never changes its meaning.
type Code string

// The rules of lexis and grammar.
const (
	BadFile     Code = "file"       // not UTF-8, a NUL byte, too large
	BadToken    Code = "token"      // a character or literal that Go's scanner refuses
	Syntax      Code = "syntax"     // something else was expected here
	BadExpr     Code = "expression" // not a Go expression, or one that is refused
	BadDuration Code = "duration"   // not a duration, or not a positive one
	TooDeep     Code = "nesting"    // blocks in blocks in blocks
	BadName     Code = "name"       // a name in the wrong case, with an underscore, or a keyword
)
