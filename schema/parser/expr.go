package parser

import (
	"errors"
	goast "go/ast"
	goparser "go/parser"
	"go/scanner"
	"go/token"
	"slices"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// where an expression stands decides whether a { behind an operand belongs to it.
type context uint8

const (
	inValue     context = iota // { begins a composite literal
	inCondition                // { begins a block
	inClause                   // { has no place
	inType                     // ends at =
)

// maxTokens is how long an expression may be.
const maxTokens = 4096

// parseExpr reads a Go expression. It ends, outside brackets, at the first token
// that cannot continue it; then Go's own parser parses what was found.
func (p *parser) parseExpr(what string, where context) *ast.Expr {
	from, first := p.peek().pos, p.next
	if !p.extent(where) {
		if p.next > first {
			what = "an operand"
		}
		p.expected(what)
	}
	p.noDuration()
	to := p.last()
	e := &ast.Expr{From: from, To: to, Text: p.text(from, to)}
	e.Tree = p.parseGo(e)
	return e
}

// extent moves behind the expression, and reports whether there is one.
func (p *parser) extent(where context) bool {
	operand := true // an operand is expected next, not an operator
	for first := p.next; ; {
		l := p.peek()
		if p.next-first > maxTokens {
			p.report(diag.TooDeep, l.pos, l.end(), "an expression of more than %d tokens", maxTokens)
			panic(bail{})
		}
		switch {
		case p.atDecl() || operand && p.atMessage(): // what comes before is not finished, but this is no part of it
			return !operand
		case operand && (l.tok == token.IDENT || l.tok.IsLiteral()):
			p.advance()
			operand = false
		case operand && slices.Contains(unary, l.tok):
			p.advance()
		case operand && l.tok == token.LPAREN:
			p.brackets()
			operand = false
		case operand && l.tok == token.LBRACK: // the beginning of a type: []byte, [4]int
			p.brackets()
		case operand && (l.tok == token.MAP || l.tok == token.CHAN):
			p.advance()
		case operand && (l.tok == token.STRUCT || l.tok == token.INTERFACE):
			p.advance()
			if p.at(token.LBRACE) {
				p.brackets()
			}
			operand = false
		case operand && l.tok == token.FUNC:
			p.report(diag.BadExpr, l.pos, l.end(), "a function literal cannot stand in an expression of a schema")
			panic(bail{})
		case operand:
			return false
		case l.tok == token.PERIOD:
			p.advance()
			if p.at(token.LPAREN) {
				p.brackets()
			} else {
				operand = true
			}
		case l.tok == token.LBRACE && (where == inClause || where == inCondition && p.atBareLiteral()):
			p.report(diag.BareLiteral, l.pos, l.end(), "a composite literal stands in parentheses here, or its { would begin a block")
			panic(bail{})
		case l.tok == token.LPAREN || l.tok == token.LBRACK || l.tok == token.LBRACE && where == inValue:
			p.brackets()
		case slices.Contains(binary, l.tok):
			p.advance()
			operand = true
		default:
			return true
		}
	}
}

// atBareLiteral reports whether the { that is next in a condition begins a composite literal:
// behind the } that closes it, the condition goes on, or a block begins.
func (p *parser) atBareLiteral() bool {
	if p.next == 0 || p.lexemes[p.next-1].tok != token.IDENT && p.lexemes[p.next-1].tok != token.RBRACK {
		return false
	}
	depth := 0
	for i := p.next; i < len(p.lexemes); i++ {
		switch p.lexemes[i].tok {
		case token.LBRACE:
			depth++
		case token.RBRACE:
			if depth--; depth == 0 {
				after := p.lexemes[i+1].tok
				return after == token.LBRACE || after == token.PERIOD || slices.Contains(binary, after)
			}
		}
	}
	return false
}

var (
	unary  = []token.Token{token.ADD, token.SUB, token.NOT, token.XOR, token.MUL, token.AND, token.ARROW, token.TILDE}
	binary = []token.Token{
		token.ADD, token.SUB, token.MUL, token.QUO, token.REM,
		token.AND, token.OR, token.XOR, token.SHL, token.SHR, token.AND_NOT,
		token.LAND, token.LOR,
		token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ,
	}
)

// brackets moves behind the bracket that closes the one that is next.
func (p *parser) brackets() {
	open := p.peek()
	for depth := 0; ; {
		switch l := p.advance(); l.tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			if depth++; depth > maxDepth {
				p.report(diag.TooDeep, l.pos, l.end(), "nested more than %d deep", maxDepth)
				panic(bail{})
			}
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if depth--; depth == 0 {
				return
			}
		case token.EOF:
			p.report(diag.Syntax, open.pos, open.end(), "nothing closes this %q", open.text())
			panic(bail{})
		}
	}
}

// parseGo has Go's parser read the text of e, so that the tree's positions are in our file.
func (p *parser) parseGo(e *ast.Expr) goast.Expr {
	// The next file of a FileSet begins two behind the end of the last one: this one, where e begins.
	shifted := token.NewFileSet()
	if before := int(e.From) - 2; before >= 0 {
		shifted.AddFile("", 1, before)
	}
	tree, err := goparser.ParseExprFrom(shifted, "", e.Text, goparser.SkipObjectResolution)
	if err != nil {
		p.goErrors(e, err)
		return &goast.BadExpr{From: e.From, To: e.To}
	}
	return tree
}

// goErrors reports the first error of Go's parser; the others are consequences.
func (p *parser) goErrors(e *ast.Expr, err error) {
	pos, message := e.From, err.Error()
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		pos = min(e.From+token.Pos(list[0].Pos.Offset), e.To)
		message = list[0].Msg
	}
	p.report(diag.BadExpr, pos, pos+1, "not a Go expression: %s", message)
}
