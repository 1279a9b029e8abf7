package parser

import (
	"go/token"
	"strconv"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// parseFile = package { import } { declaration } .
func (p *parser) parseFile(f *ast.File) {
	p.attempt(func() {
		f.Package = p.peek().pos
		f.Doc = p.doc(f.Package)
		p.word("package")
		f.Ident = p.ident("the package's name")
		p.terminate()
	}, p.skipDecl)
	for !p.at(token.EOF) {
		word, name, found := p.peek(), p.peekAt(1), len(f.Decls)
		if p.attempt(func() { p.parseTop(f) }, p.skipDecl) || len(f.Decls) > found {
			continue
		}
		if word.tok == token.IDENT || word.tok == token.STRUCT || word.tok == token.CONST && name.tok == token.IDENT {
			f.Lost = append(f.Lost, name.lit)
		} else {
			f.Lost = append(f.Lost, "")
		}
	}
}

func (p *parser) parseTop(f *ast.File) {
	l := p.peek()
	doc := p.doc(l.pos)
	switch {
	case l.tok == token.SEMICOLON:
		p.advance()
		return
	case l.tok == token.IMPORT:
		if len(f.Decls) > 0 {
			p.report(diag.Syntax, l.pos, l.end(), "imports come before the declarations")
		}
		p.group(func(from token.Pos, doc *ast.Comment) {
			f.Imports = append(f.Imports, p.parseImport(from, doc))
		}, doc)
	case l.tok == token.CONST:
		p.group(func(from token.Pos, doc *ast.Comment) {
			f.Decls = append(f.Decls, p.parseConst(from, doc))
		}, doc)
	case l.tok == token.STRUCT:
		f.Decls = append(f.Decls, p.parseStruct(doc))
	case p.atWord("enum"):
		f.Decls = append(f.Decls, p.parseEnum(doc))
	case p.atWord("union"):
		f.Decls = append(f.Decls, p.parseUnion(doc))
	case p.atWord("extern"):
		f.Decls = append(f.Decls, p.parseExtern(doc))
	case p.atWord("protocol"):
		d := p.parseProtocol(doc)
		f.Decls = append(f.Decls, d)
	case p.atWord("service"):
		f.Decls = append(f.Decls, p.parseService(doc))
	default:
		d := "import, const, struct, enum, union, extern, protocol or service"
		if s := diag.Closest(l.text(), declWords); s != "" {
			p.say(diag.Diagnostic{
				Code: diag.Syntax, Pos: l.pos, End: l.end(),
				Message:    "expected " + d + ", found " + describe(l),
				Suggestion: "did you mean " + s + "?",
			})
			panic(bail{})
		}
		p.expected(d)
	}
	p.terminate()
}

var declWords = []string{"import", "const", "struct", "enum", "union", "extern", "protocol", "service"}

// terminate reads the end of a declaration or statement.
func (p *parser) terminate() {
	if p.at(token.SEMICOLON) {
		p.advance()
		return
	}
	if !p.at(token.RBRACE) && !p.at(token.EOF) {
		p.expected("the end of the line or a semicolon")
	}
}

// skipDecl moves to what may be the next declaration: one of its words at the beginning of a line.
func (p *parser) skipDecl() {
	for !p.at(token.EOF) {
		if p.atDecl() {
			return
		}
		p.advance()
	}
}

// atDecl reports whether the next token looks like the beginning of a declaration:
// one of its words in the first column.
func (p *parser) atDecl() bool {
	return p.atWord(declWords...) && p.column(p.peek().pos) == 1
}

func (p *parser) column(pos token.Pos) int { return p.file.PositionFor(pos, false).Column }

// group = keyword ( item | "(" { item ";" } ")" ) .
func (p *parser) group(item func(from token.Pos, doc *ast.Comment), doc *ast.Comment) {
	from := p.advance().pos
	if !p.at(token.LPAREN) {
		item(from, doc)
		return
	}
	p.advance()
	for !p.at(token.RPAREN) {
		item(p.peek().pos, p.doc(p.peek().pos))
		if !p.at(token.RPAREN) {
			p.expect(token.SEMICOLON, "the end of the line or a semicolon")
		}
	}
	p.advance()
}

func (p *parser) parseImport(from token.Pos, doc *ast.Comment) *ast.Import {
	d := &ast.Import{Doc: doc}
	if p.at(token.IDENT) {
		d.Name = p.ident("a name")
	}
	d.Path = p.str("an import path in quotes")
	d.Span = ast.Span{From: from, To: p.last()}
	return d
}

func (p *parser) str(what string) *ast.String {
	l := p.expect(token.STRING, what)
	value, err := strconv.Unquote(l.lit)
	if err != nil {
		p.report(diag.BadToken, l.pos, l.end(), "not a string literal")
	}
	return &ast.String{From: l.pos, Text: l.lit, Value: value}
}

func (p *parser) parseConst(from token.Pos, doc *ast.Comment) *ast.Const {
	d := &ast.Const{Doc: doc, Name: p.ident("the constant's name")}
	if !p.at(token.ASSIGN) {
		d.Type = p.parseExpr("a type or =", inType)
	}
	p.expect(token.ASSIGN, "= and the constant's value")
	d.Value = p.parseExpr("the constant's value", inValue)
	d.Span = ast.Span{From: from, To: p.last()}
	return d
}

// body = "{" { item ";" } "}" . It reports whether it could read every item.
func (p *parser) body(item func()) (all bool) {
	open := p.expect(token.LBRACE, "{")
	all = true
	for !p.at(token.RBRACE) && !p.at(token.EOF) && !p.atDecl() {
		if p.at(token.SEMICOLON) {
			p.advance()
			continue
		}
		all = p.attempt(func() {
			item()
			p.terminate()
		}, p.skipStmt) && all
	}
	if l := p.peek(); l.tok != token.RBRACE {
		p.say(diag.Diagnostic{
			Code: diag.Syntax, Pos: l.pos, End: max(l.end(), l.pos+1), Message: "expected }, found " + describe(l),
			Related: []diag.Related{{Pos: open.pos, Message: "this { is not closed"}},
		})
		p.gaveUp = p.at(token.EOF)
		panic(bail{})
	}
	p.advance()
	return all
}

// skipStmt moves behind the statement that could not be read, and behind the blocks that belong to it.
func (p *parser) skipStmt() {
	for depth := 0; !p.atDecl(); p.advance() {
		switch p.peek().tok {
		case token.EOF:
			return
		case token.LBRACE:
			depth++
		case token.RBRACE:
			if depth == 0 {
				return
			}
			depth--
		case token.SEMICOLON:
			if depth == 0 {
				p.advance()
				return
			}
		}
	}
}

func (p *parser) parseStruct(doc *ast.Comment) *ast.Struct {
	d := &ast.Struct{Doc: doc}
	d.From = p.advance().pos
	d.Name = p.ident("the struct's name")
	d.Partial = !p.body(func() {
		if p.atReserved() {
			d.Reserved = append(d.Reserved, p.parseReserved()...)
			return
		}
		f := &ast.Field{Doc: p.doc(p.peek().pos)}
		f.From = p.peek().pos
		f.Names = p.names("a field")
		f.Type = p.parseType()
		f.Number = p.parseNumber()
		f.To = p.last()
		d.Fields = append(d.Fields, f)
	})
	d.To = p.last()
	return d
}

// atReserved tells "reserved 4" from a member or field called reserved.
func (p *parser) atReserved() bool { return p.atWord("reserved") && p.peekAt(1).tok == token.INT }

func (p *parser) parseReserved() (numbers []*ast.Number) {
	p.advance()
	for {
		l := p.expect(token.INT, "a field number")
		numbers = append(numbers, &ast.Number{From: l.pos, Text: l.lit})
		if !p.at(token.COMMA) {
			return numbers
		}
		p.advance()
	}
}

func (p *parser) parseNumber() *ast.Number {
	if !p.at(token.ASSIGN) {
		return nil
	}
	p.advance()
	l := p.expect(token.INT, "a field number")
	return &ast.Number{From: l.pos, Text: l.lit}
}

func (p *parser) names(what string) []*ast.Ident {
	names := []*ast.Ident{p.ident(what)}
	for p.at(token.COMMA) {
		p.advance()
		names = append(names, p.ident(what))
	}
	return names
}

func (p *parser) parseEnum(doc *ast.Comment) *ast.Enum {
	d := &ast.Enum{Doc: doc}
	d.From = p.advance().pos
	d.Name = p.ident("the enumeration's name")
	d.Members, _, d.Partial = p.members(false)
	d.To = p.last()
	return d
}

func (p *parser) parseUnion(doc *ast.Comment) *ast.Union {
	d := &ast.Union{Doc: doc}
	d.From = p.advance().pos
	d.Name = p.ident("the union's name")
	d.Members, d.Reserved, d.Partial = p.members(true)
	d.To = p.last()
	return d
}

func (p *parser) members(numbered bool) (members []*ast.Member, reserved []*ast.Number, partial bool) {
	partial = !p.body(func() {
		if numbered && p.atReserved() {
			reserved = append(reserved, p.parseReserved()...)
			return
		}
		m := &ast.Member{Doc: p.doc(p.peek().pos)}
		m.From = p.peek().pos
		m.Name = p.ident("a member")
		if numbered {
			m.Number = p.parseNumber()
		}
		m.To = p.last()
		members = append(members, m)
	})
	return members, reserved, partial
}

// parseExtern = "extern" name "=" "path" "." name .
func (p *parser) parseExtern(doc *ast.Comment) *ast.Extern {
	d := &ast.Extern{Doc: doc}
	d.From = p.advance().pos
	d.Name = p.ident("the extern's name")
	p.expect(token.ASSIGN, "= and a Go type, as in \"net/netip\".Addr")
	d.Path = p.str("an import path in quotes")
	p.expect(token.PERIOD, ". and the type's name")
	d.GoName = p.ident("the type's name")
	d.To = p.last()
	return d
}

func (p *parser) parseService(doc *ast.Comment) *ast.Service {
	d := &ast.Service{Doc: doc}
	d.From = p.advance().pos
	d.Name = p.ident("the service's name")
	d.Partial = !p.body(func() { d.RPCs = append(d.RPCs, p.parseRPC()) })
	d.To = p.last()
	return d
}

// parseRPC = "rpc" name [ "stream" ] params "->" [ "stream" ] params { clause } .
func (p *parser) parseRPC() *ast.RPC {
	d := &ast.RPC{Doc: p.doc(p.peek().pos)}
	d.From = p.word("rpc").pos
	d.Name = p.ident("the rpc's name")
	d.StreamRequest = p.stream()
	d.Request = p.params()
	p.arrow()
	d.StreamReply = p.stream()
	d.Reply = p.params()
	d.Clauses = p.clauses(rpcClauses...)
	d.To = p.last()
	return d
}

func (p *parser) stream() bool {
	if p.atWord("stream") {
		p.advance()
		return true
	}
	return false
}
