package diag

// The rules of lexis and grammar.
const (
	TooMany     Code = "too-many"     // more findings than are shown
	BadFile     Code = "file"         // not UTF-8, a NUL byte, too large
	BadToken    Code = "token"        // a character or literal that Go's scanner refuses
	Syntax      Code = "syntax"       // something else was expected here
	BadExpr     Code = "expression"   // not a Go expression
	BareLiteral Code = "bare-literal" // a composite literal where its brace begins a block
	ClauseOrder Code = "clause-order" // as before where
	BadDuration Code = "duration"     // not a duration, or not a positive one
	TooDeep     Code = "nesting"      // blocks in blocks in blocks
	BadName     Code = "name"         // a name in the wrong case, with an underscore, or a keyword
)
