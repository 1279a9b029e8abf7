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

var syntaxRules = []Rule{
	{Code: TooMany, Text: "Of very many findings, the first of a run are shown."},
	{
		Code:    BadFile,
		Text:    "A .sess file is UTF-8 text without NUL, at most 4 MiB of it. A byte order mark may stand at its very beginning only.",
		Example: "package p\n\nconst A = \"\x00\"\n",
	},
	{
		Code:    BadToken,
		Text:    "The tokens of a .sess file are Go's: names, numbers, strings, operators and comments.",
		Example: "package p\n\nconst A = 'never closed\n",
	},
	{
		Code:    Syntax,
		Text:    "A .sess file follows the grammar of the language.",
		Example: "package p\n\nprotocol P(A, B) {\n    A -> B Hello()\n}\n",
	},
	{
		Code:    BadExpr,
		Text:    "Predicates, conditions, constants, initialisers and arguments are Go expressions.",
		Example: "package p\n\nconst A = 1 +\n",
	},
	{
		Code: BareLiteral,
		Text: "A composite literal in an if or a where stands in parentheses; its brace would look like the beginning of a block.",
		Example: "package p\n\nstruct Point { X int }\n\nprotocol P(A, B) {\n" +
			"    A -> B: Move(to Point) where to != Point{}\n}\n",
	},
	{
		Code:    ClauseOrder,
		Text:    "The clauses of a message stand in the order where, within, as.",
		Example: "package p\n\nprotocol P(A, B) {\n    A -> B: Hello(n int) within 2s where n > 0\n}\n",
	},
	{
		Code:    BadDuration,
		Text:    "A duration is a number and its unit side by side, as time.ParseDuration reads them, and is longer than nothing: 500ms, 2s, 1.5h, 1h30m.",
		Example: "package p\n\nprotocol P(A, B) {\n    A -> B: Hello() within 5\n}\n",
	},
	{Code: TooDeep, Text: "Blocks, brackets and types stand at most 100 deep in each other, and an expression has at most 4096 tokens."},
	{
		Code: BadName,
		Text: "Protocols, services, rpcs, roles, labels, recs, types, members of enums and fields start with an upper-case letter, " +
			"since they become part of exported Go names; variables start with a lower-case one, constants with either. " +
			"There is no underscore in a name, and Go's keywords are no names.",
		Example: "package p\n\nstruct func { A int }\n",
	},
}
