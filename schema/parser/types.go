package parser

import (
	"go/token"
	"go/types"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// typeBehind reads the type of what has the names. As in C, some write it first.
func (p *parser) typeBehind(names []*ast.Ident) ast.Type {
	t := p.parseType()
	named, ok := t.(*ast.Named)
	if !ok || named.Package != nil || len(names) != 1 || !isScalar(names[0].Name) || isScalar(named.Name.Name) {
		return t
	}
	p.report(diag.Syntax, names[0].Pos(), p.last(), "the name comes first: %s %s", named.Name.Name, names[0].Name)
	names[0], named.Name = named.Name, names[0]
	return named
}

// isScalar reports whether the name is that of one of Go's own types.
func isScalar(name string) bool {
	_, ok := types.Universe.Lookup(name).(*types.TypeName)
	return ok
}

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
