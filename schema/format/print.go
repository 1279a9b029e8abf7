package format

import (
	"go/token"
	"strings"
)

// print writes the tokens.
func print(all []lexeme) []byte {
	var b strings.Builder
	levels := levelsOf(all)
	for i, l := range all {
		switch {
		case i == 0:
		case l.breaks > 0:
			b.WriteString("\n")
			if l.breaks > 1 {
				b.WriteString("\n")
			}
			b.WriteString(strings.Repeat(" ", levels[i]*indent))
		case spaced(all, i):
			b.WriteString(" ")
		}
		b.WriteString(l.text)
	}
	if len(all) > 0 {
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// levelsOf are how far the line of each token is indented, if it begins one: by the blocks around
// it, one more where it goes on with a statement, and one more yet with a clause that began a line.
func levelsOf(all []lexeme) []int {
	levels := make([]int, len(all))
	depth, parens := 0, 0
	below := false     // the clause that goes on began a line itself
	var before *lexeme // the last token that is no comment
	for i := range all {
		l := &all[i]
		if !l.expr && l.is("}") {
			depth--
		}
		levels[i] = depth
		goesOn := parens > 0 && !l.is(")") || before != nil && !begins(*before) && !l.is(")") || isClause(all, beyondComments(all, i))
		if goesOn && !l.is("}") {
			levels[i]++
		}
		switch {
		case isClause(all, i):
			below = l.breaks > 0
		case l.expr && below:
			levels[i]++
		case !goesOn:
			below = false
		}
		switch {
		case l.tok == token.COMMENT:
			continue
		case l.is("(", "["):
			parens++
		case l.is(")", "]"):
			parens--
		case !l.expr && l.is("{"):
			depth++
		}
		before = l
	}
	return levels
}

// beyondComments is the index of the first token from i on that is no comment, if there is one.
func beyondComments(all []lexeme, i int) int {
	for k := i; k < len(all); k++ {
		if all[k].tok != token.COMMENT {
			return k
		}
	}
	return i
}

// begins reports whether a new statement begins on the line behind the token: Go's rule
// for automatic semicolons, and the beginning of a block.
func begins(l lexeme) bool {
	return l.tok == token.IDENT || l.tok.IsLiteral() || l.tok == token.CONTINUE || l.is(")", "]", "}", ";") || l.is("{") && !l.expr
}

// spaced reports whether a space stands before a token in its line.
func spaced(all []lexeme, i int) bool {
	l, before := all[i], all[i-1]
	switch {
	case before.tok == token.COMMENT && l.is(",", ")", "}") && !l.first:
		return l.is("}")
	case l.tok == token.COMMENT || before.tok == token.COMMENT:
		return true
	case before.is("{") && l.is("}"):
		return false
	case l.expr && !l.first:
		return !l.glued
	case before.is("("), before.is("["), before.is("."), l.is(",", ")", "]", ".", ";", ":"):
		return false
	case l.is(">") && before.is("-"), before.is("*"), before.is("]"):
		return false
	case l.is("("):
		return before.is(">", "stream", "or", "if") || beginsGroup(all, i)
	case l.is("["):
		return !before.is("map", "*")
	case l.tok == token.IDENT && l.glued && (before.tok == token.INT || before.tok == token.FLOAT):
		return false // 500ms
	}
	return true
}

// beginsGroup reports whether the token is the parenthesis that opens a group of constants or imports.
func beginsGroup(all []lexeme, i int) bool {
	return i > 0 && all[i].is("(") && (all[i-1].tok == token.CONST || all[i-1].tok == token.IMPORT)
}
