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
		if l := p.peek(); !p.atWord("package") {
			p.say(diag.Diagnostic{
				Code: diag.Syntax, Pos: l.pos, End: max(l.end(), l.pos+1), Message: "expected \"package\", found " + describe(l),
				Suggestion: "a file begins with the name of its package, as in package bank",
			})
			panic(bail{})
		}
		p.advance()
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
	case l.tok == token.RBRACE:
		p.report(diag.Syntax, l.pos, l.end(), "no { is open that this } could close")
		panic(bail{})
	default:
		p.expectedOr("import, const, struct, enum, union, extern, protocol or service", declWord(l))
	}
	p.terminate()
}

var declWords = []string{"import", "const", "struct", "enum", "union", "extern", "protocol", "service"}

// declWord is the word that was perhaps meant where a declaration should begin.
func declWord(l lexeme) string {
	if l.text() == "type" || l.text() == "message" {
		return "struct"
	}
	return diag.Closest(l.text(), declWords)
}

// terminate reads the end of a declaration or statement.
func (p *parser) terminate() {
	switch {
	case p.at(token.SEMICOLON):
		p.advance()
	case !p.atEnd():
		p.expectedOr(endOfLine, p.clauseWord())
	}
}

// atEnd reports whether a declaration or statement may end here.
func (p *parser) atEnd() bool {
	switch p.peek().tok {
	case token.SEMICOLON, token.RBRACE, token.EOF:
		return true
	}
	// A line may have no semicolon since what it ends with is wrong, which is reported.
	return p.atOtherBlock() || p.onNewLine() && (p.atMessage() || p.lexemes[p.next-1].tok.IsKeyword())
}

// clauseWord is what was perhaps meant where a statement should end.
func (p *parser) clauseWord() string {
	switch l := p.peek(); {
	case l.tok == token.ASSIGN && p.depth == 0: // a declaration, not a condition
	case l.tok == token.ASSIGN && p.peekAt(1).tok == token.GTR && p.peekAt(1).pos == l.end():
		return ">="
	case l.tok == token.ASSIGN:
		return "=="
	case l.tok == token.COMMA:
		return ";"
	case l.text() == "and":
		return "&&"
	case p.next > 0 && p.lexemes[p.next-1].text() == "not":
		return "!"
	case l.tok == token.IDENT:
		return diag.Closest(l.text(), append(messageClauses, rpcClauses...))
	}
	return ""
}

// onNewLine reports whether the next token is the first of its line.
func (p *parser) onNewLine() bool {
	return p.next > 0 && p.line(p.peek().pos) > p.line(p.lexemes[p.next-1].pos)
}

// skipDecl moves to what may be the next declaration: one of its words, or one that was meant to be one,
// at the beginning of a line.
func (p *parser) skipDecl() {
	for ; !p.at(token.EOF) && !p.atDecl(); p.advance() {
		l := p.peek()
		if declWord(l) != "" && p.peekAt(1).tok == token.IDENT && p.column(l.pos) == 1 {
			return
		}
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
	if name := p.peek(); isScalar(d.Name.Name) && name.tok == token.IDENT && p.peekAt(1).tok == token.ASSIGN { // as in C
		p.report(diag.Syntax, d.Name.Pos(), name.end(), "the name comes first: %s %s", name.lit, d.Name.Name)
		d.Name = p.ident("the constant's name")
	}
	if !p.at(token.ASSIGN) {
		d.Type = p.parseExpr("a type or =", inType)
	}
	p.expect(token.ASSIGN, "= and the constant's value")
	if p.atDuration() {
		d.Value = p.duration()
	} else {
		d.Value = p.parseExpr("the constant's value", inValue)
	}
	d.Span = ast.Span{From: from, To: p.last()}
	return d
}

// body = "{" { item ";" } "}" . It reports whether it could read every item.
func (p *parser) body(item func()) (all bool) {
	if l := p.peek(); l.tok == token.SEMICOLON && l.lit == "\n" && p.peekAt(1).tok == token.LBRACE {
		p.advance()
		brace := p.peek()
		p.report(diag.Syntax, brace.pos, brace.end(), "{ belongs at the end of the previous line")
	}
	open := p.expect(token.LBRACE, "{")
	all = true
	for !p.at(token.RBRACE) && !p.at(token.EOF) && !p.atDecl() {
		if p.at(token.SEMICOLON) {
			p.advance()
			continue
		}
		closed := false
		all = p.attempt(func() {
			item()
			if closed = p.atOtherBlock(); !closed {
				p.terminate()
			}
		}, p.skipStmt) && all
		if closed {
			l := p.peek()
			p.say(diag.Diagnostic{
				Code: diag.Syntax, Pos: l.pos, End: l.end(), Message: "expected } before " + describe(l),
				Related: []diag.Related{{Pos: open.pos, Message: "this { is not closed"}},
			})
			return all
		}
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

// atOtherBlock reports whether the next word begins another branch of a choice around this place, or the other side of an if.
func (p *parser) atOtherBlock() bool {
	return p.choices > 0 && p.atWord("or") || p.ifs > 0 && p.atWord("else")
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
		f.Type = p.typeBehind(f.Names)
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
