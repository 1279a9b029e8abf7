package format

import (
	"bytes"
	"go/format"
	goparser "go/parser"
	"go/scanner"
	"go/token"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
)

// lexeme is a token or a comment of a file.
type lexeme struct {
	offset int
	tok    token.Token
	text   string
	// breaks is how many line ends the author put before it; glued: no space either.
	breaks int
	glued  bool
	// expr is set inside an expression: the spacing there is settled in glued. first is set for its first token.
	expr, first bool
	// param is set between the parentheses of a message, an rpc, a rec or a continue.
	param bool
}

func (l lexeme) is(texts ...string) bool {
	for _, t := range texts {
		if l.text == t && l.tok != token.STRING && l.tok != token.COMMENT {
			return true
		}
	}
	return false
}

// lex reads the tokens and comments of a text; automatic semicolons are left out.
func lex(source []byte) []lexeme {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(source))
	s.Init(file, source, nil, scanner.ScanComments)
	var all []lexeme
	end := 0
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return all
		}
		if tok == token.SEMICOLON && lit == "\n" {
			continue
		}
		if lit == "" || tok.IsOperator() {
			lit = tok.String()
		}
		at := file.Offset(pos)
		between := source[end:at]
		all = append(all, lexeme{
			offset: at, tok: tok, text: strings.TrimRight(lit, " \t\r"),
			breaks: bytes.Count(between, []byte("\n")), glued: len(between) == 0,
		})
		end = at + len(lit)
	}
}

// tokens are those of a file, with the spacing of its expressions as gofmt has it.
func tokens(fset *token.FileSet, tree *ast.File) []lexeme {
	all := lex(tree.Source)
	file := fset.File(tree.Package)
	i := 0
	for _, e := range expressions(tree) {
		from, to := file.Offset(e.From), file.Offset(e.To)
		for i < len(all) && all[i].offset < from {
			i++
		}
		j := i
		plain := true
		for j < len(all) && all[j].offset < to {
			all[j].expr = true
			plain = plain && all[j].tok != token.COMMENT
			j++
		}
		if i == j {
			continue
		}
		if tidy := lex([]byte(gofmt(e.Text))); plain && len(tidy) == j-i {
			for k := range tidy {
				all[i+k].glued = tidy[k].glued
			}
		}
		all[i].first, all[i].glued = true, false
		i = j
	}
	parens := 0
	for i := range all {
		switch l := &all[i]; {
		case l.expr:
		case l.is("("):
			parens++
		case l.is(")"):
			parens--
		}
		all[i].param = parens > 0
	}
	return all
}

// gofmt is an expression as gofmt writes it on one line, or as it is.
func gofmt(text string) string {
	tree, err := goparser.ParseExpr(strings.Join(strings.Fields(text), " "))
	if err != nil {
		return text
	}
	var b bytes.Buffer
	if err := format.Node(&b, token.NewFileSet(), tree); err != nil {
		return text
	}
	return b.String()
}

// expressions are the Go expressions of a file, in their order.
func expressions(tree *ast.File) []*ast.Expr {
	var all []*ast.Expr
	clauses := func(list []*ast.Clause) {
		for _, c := range list {
			if c.Expr != nil {
				all = append(all, c.Expr)
			}
		}
	}
	var block func(b *ast.Block)
	var stmt func(s ast.Stmt)
	stmt = func(s ast.Stmt) {
		switch s := s.(type) {
		case *ast.Message:
			clauses(s.Clauses)
		case *ast.Choice:
			for _, b := range s.Branches {
				block(b)
			}
		case *ast.Rec:
			for _, p := range s.Params {
				all = append(all, p.Init)
			}
			block(s.Body)
		case *ast.Continue:
			all = append(all, s.Args...)
		case *ast.If:
			all = append(all, s.Cond)
			block(s.Then)
			switch e := s.Else.(type) {
			case *ast.If:
				stmt(e)
			case *ast.Block:
				block(e)
			}
		}
	}
	block = func(b *ast.Block) {
		for _, s := range b.Stmts {
			stmt(s)
		}
	}
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.Const:
			all = append(all, d.Value)
		case *ast.Protocol:
			block(d.Body)
		case *ast.Service:
			for _, r := range d.RPCs {
				clauses(r.Clauses)
			}
		}
	}
	return all
}
