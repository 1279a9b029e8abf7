package parser

import (
	"go/token"
	"slices"
	"strings"
)

// hint is what was perhaps meant where the parser expected what and found something else; empty if nobody can tell.
// It knows what people bring from Go and from other schema languages.
func (p *parser) hint(what string) string {
	l, next := p.peek(), p.peekAt(1)
	before, beforeThat := p.behind(1), p.behind(2)
	line := l.tok == token.SEMICOLON && l.lit == "\n"
	switch what {
	case "(":
		switch {
		case beforeThat.tok == token.COLON && before.tok == token.IDENT && p.paramsFollow():
			return "the parameters come right behind the label"
		case beforeThat.tok == token.COLON && before.tok == token.IDENT:
			return "did you mean " + before.lit + "()?"
		case before.tok == token.GTR && l.tok == token.IDENT:
			return "the values of a reply have names, as in (value " + l.lit + ")"
		}
	case ": and the message's label":
		if l.tok == token.IDENT {
			return "did you mean " + before.lit + ": " + l.lit + "?"
		}
		return "a message has a label, as in A -> B: Label()"
	case "->":
		switch {
		case (l.tok == token.ASSIGN || l.tok == token.SUB) && next.tok == token.GTR:
			return "did you mean ->?"
		case l.tok == token.ARROW && next.tok == token.IDENT:
			return "the sender comes first: " + next.lit + " -> " + before.lit
		case l.text() == "returns":
			return "did you mean ->?"
		case line:
			return "an rpc has a reply, which may be empty: -> ()"
		}
	case "at and the role that chooses":
		if role := l; role.tok == token.IDENT {
			if next.tok == token.IDENT {
				role = next
			}
			return "did you mean choice at " + role.lit + "?"
		}
	case "{":
		switch {
		case l.text() == "choice" && before.text() == "or":
			return "the next branch is or { … }"
		case l.tok == token.DEFINE:
			return "an if has only a condition: messages and recs bind variables"
		case l.tok == token.ASSIGN && beforeThat.text() == "union":
			return "did you mean union " + before.lit + " { A; B }?"
		case l.tok == token.LPAREN && beforeThat.text() == "service":
			return "a service has no roles: Client and Server are given"
		}
	case "the recursion's name":
		if n := len(p.recs); n > 0 && before.tok == token.CONTINUE {
			return "did you mean continue " + p.recs[n-1] + "?"
		}
	case "a type":
		switch {
		case l.tok == token.COLON:
			return "there is no colon between a name and its type"
		case l.tok == token.DEFINE:
			return "a parameter has a type, as in " + before.lit + " int = 0"
		case l.tok == token.RPAREN || l.tok == token.COMMA:
			if name := before.lit; !isScalar(name) && name == strings.ToLower(name) {
				return "a parameter has a type, as in " + name + " int"
			}
			return "a parameter has a name and a type, as in " + strings.ToLower(before.lit[:min(1, len(before.lit))]) + " " + before.lit
		}
	case "= and the parameter's first value":
		return "a rec's parameter has a first value, as in n int = 0"
	case "[ and the key's type", "]":
		return "a map is written map[K]V"
	case ", or )":
		switch {
		case l.tok == token.LSS:
			return "a list is written []T, and a map map[K]V"
		case l.tok == token.LBRACK && next.tok == token.RBRACK:
			return "did you mean []" + before.lit + "?"
		case before.text() == "stream" || beforeThat.text() == "stream":
			return "stream comes before the parenthesis, as in stream (v string)"
		}
	case "\"rpc\"":
		switch {
		case l.tok == token.FUNC || l.text() == "method":
			return "did you mean rpc?"
		case l.tok == token.IDENT && next.tok == token.LPAREN:
			return "did you mean rpc " + l.lit + "?"
		}
	case endOfLine:
		return p.hintAtEnd(l, before)
	case statement:
		return p.hintAtStart(l)
	}
	return ""
}

// paramsFollow reports whether there are parameters further on in the line, and not where they belong.
func (p *parser) paramsFollow() bool {
	for n := 0; ; n++ {
		switch l := p.peekAt(n); {
		case l.tok == token.EOF || l.tok == token.SEMICOLON:
			return false
		case l.tok == token.LPAREN && p.peekAt(n+1).tok == token.IDENT && p.peekAt(n+2).tok == token.IDENT:
			return true
		}
	}
}

// hintAtEnd is a hint where a declaration or a statement should end.
func (p *parser) hintAtEnd(l, before lexeme) string {
	switch word := l.text(); {
	case word == "as" && before.tok == token.RBRACE && p.peekAt(1).tok == token.IDENT:
		return "the state after a block is named on its own line: state " + p.peekAt(1).lit
	case word == "where" && p.depth == 0:
		return "did you mean requires?"
	case slices.Contains([]string{"elif", "elsif", "elseif"}, word):
		return "did you mean else if?"
	case slices.Contains([]string{"timeout", "deadline", "in"}, word):
		return "did you mean within?"
	case l.tok == token.ASSIGN && p.depth == 0:
		return "members have no values: they are numbered by their order"
	case l.tok == token.STRING && p.depth == 0:
		return "fields have no tags"
	}
	return ""
}

// hintAtStart is a hint where a statement should begin.
func (p *parser) hintAtStart(l lexeme) string {
	switch word := l.text(); {
	case slices.Contains(p.recs, word):
		return "did you mean continue " + word + "?"
	case l.tok == token.CASE || l.tok == token.DEFAULT || l.tok == token.SWITCH || l.tok == token.SELECT || word == "branch":
		return "the branches of a choice are choice at A { … } or { … }"
	case l.tok == token.BREAK:
		return "a branch that does not continue leaves the rec by itself"
	case l.tok == token.RETURN || word == "exit" || word == "stop":
		return "did you mean end?"
	case slices.Contains(declWords, word):
		return "a protocol contains no declarations"
	case strings.EqualFold(word, "state"):
		return "did you mean state?"
	}
	return ""
}

// behind is the n-th token before the next one.
func (p *parser) behind(n int) lexeme {
	if p.next < n {
		return lexeme{tok: token.EOF}
	}
	return p.lexemes[p.next-n]
}

// What is expected in two of the places where hints are given.
const (
	endOfLine = "the end of the line or a semicolon"
	statement = "a message (A -> B: Label()), choice, rec, continue, if, do, state or end"
)
