package parser

import (
	"bytes"
	goast "go/ast"
	"go/scanner"
	"go/token"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// lexeme is one token of Go's.
type lexeme struct {
	pos token.Pos
	tok token.Token
	lit string // as written; "\n" for an automatic semicolon
}

func (l lexeme) end() token.Pos {
	if l.tok == token.SEMICOLON && l.lit == "\n" {
		return l.pos
	}
	return l.pos + token.Pos(len(l.text()))
}

// text is the token as written.
func (l lexeme) text() string {
	if l.lit != "" {
		return l.lit
	}
	return l.tok.String()
}

// continues holds the words before which an automatic semicolon is dropped.
var continues = map[string]bool{
	"where": true, "as": true, "within": true, "requires": true,
	"ensures": true, "idempotent": true, "or": true, "else": true,
}

// scan splits a file into tokens and comments.
func scan(file *token.File, source []byte, diags *diag.List) (lexemes []lexeme, comments []*ast.Comment, illegal map[int]bool) {
	illegal = map[int]bool{}
	remark := 0  // the line of what was meant as a comment
	cut := false // the rest of the file went into a string or a comment
	var s scanner.Scanner
	s.Init(file, source, func(at token.Position, message string) {
		if at.Line == remark { // a comment as other languages have it, of which all is said
			return
		}
		pos := file.Pos(min(at.Offset, file.Size()))
		d := diags.Add(diag.Diagnostic{Code: diag.BadToken, Pos: pos, End: pos + 1, Message: message})
		switch {
		case bytes.HasPrefix(source[min(at.Offset, len(source)):], []byte("→")):
			d.Suggestion = "did you mean ->?"
		case strings.HasSuffix(message, "'?'"):
			d.Suggestion = "an optional value is of a type *T"
		case strings.HasSuffix(message, "'#'"):
			d.Suggestion, remark = "a comment begins with //", at.Line
		case message == "illegal rune literal" || message == "more than one character in rune literal":
			d.Suggestion = "text stands in double quotes"
		case message == "raw string literal not terminated" || message == "comment not terminated":
			cut = true
		}
	}, scanner.ScanComments)

	endLine := -1 // the line on which the last comment ends, if it began one
	for {
		pos, tok, lit := s.Scan()
		switch {
		case tok == token.COMMENT:
			line := file.PositionFor(pos, false).Line
			c := &goast.Comment{Slash: pos, Text: lit}
			first := alone(source, file.Offset(pos))
			if n := len(comments); n > 0 && line == endLine+1 && first {
				comments[n-1].List = append(comments[n-1].List, c)
			} else {
				comments = append(comments, &ast.Comment{List: []*goast.Comment{c}})
			}
			endLine = -1 // a comment behind something goes on in no other
			if first {
				endLine = file.PositionFor(c.End(), false).Line
			}
			continue
		case tok == token.ILLEGAL:
			illegal[file.PositionFor(pos, false).Line] = true // the scanner has said so
			continue
		case continues[lit] && len(lexemes) > 0 && (tok == token.IDENT || tok == token.ELSE):
			if last := lexemes[len(lexemes)-1]; last.tok == token.SEMICOLON && last.lit == "\n" {
				lexemes = lexemes[:len(lexemes)-1]
			}
		}
		if tok == token.EOF {
			pos = file.Pos(len(bytes.TrimRight(source, " \t\r\n")))
			if n := len(lexemes); n > 0 {
				pos = min(pos, lexemes[n-1].end())
			}
			if cut {
				illegal[file.PositionFor(pos, false).Line] = true
			}
			return append(lexemes, lexeme{pos, tok, lit}), comments, illegal
		}
		lexemes = append(lexemes, lexeme{pos, tok, lit})
	}
}

// alone reports whether only space stands before offset on its line.
func alone(source []byte, offset int) bool {
	for offset--; offset >= 0 && source[offset] != '\n'; offset-- {
		if c := source[offset]; c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}
