package parser

import (
	"go/token"

	"github.com/sessgen/sessgen/schema/ast"
)

// parseType = name | name "." name | "[" "]" type | "map" "[" type "]" type | "*" type .
func (p *parser) parseType() ast.Type {
	p.enter()
	defer p.leave()
	l := p.peek()
	switch l.tok {
	case token.LBRACK:
		p.advance()
		p.expect(token.RBRACK, "]; lists have no fixed length")
		elem := p.parseType()
		return &ast.List{Span: ast.Span{From: l.pos, To: p.last()}, Elem: elem}
	case token.MUL:
		p.advance()
		elem := p.parseType()
		return &ast.Optional{Span: ast.Span{From: l.pos, To: p.last()}, Elem: elem}
	case token.MAP:
		p.advance()
		p.expect(token.LBRACK, "[ and the key's type")
		key := p.parseType()
		p.expect(token.RBRACK, "]")
		elem := p.parseType()
		return &ast.Map{Span: ast.Span{From: l.pos, To: p.last()}, Key: key, Elem: elem}
	case token.IDENT:
		t := &ast.Named{Name: p.ident("a type")}
		if p.at(token.PERIOD) {
			p.advance()
			t.Package, t.Name = t.Name, p.ident("a type")
		}
		return t
	}
	p.expected("a type")
	return nil
}
