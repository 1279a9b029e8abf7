package parser

import (
	"fmt"
	goast "go/ast"
	"go/token"
	"slices"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// parseProtocol = "protocol" name "(" role "," role ")" block .
func (p *parser) parseProtocol(doc *ast.Comment) *ast.Protocol {
	d := &ast.Protocol{Doc: doc}
	d.From = p.advance().pos
	d.Name = p.ident("the protocol's name")
	p.expect(token.LPAREN, "( and the two roles")
	d.Roles = p.names("a role")
	p.expect(token.RPAREN, ")")
	d.Body = p.parseBlock()
	d.To = p.last()
	return d
}

func (p *parser) parseBlock() *ast.Block {
	p.enter()
	defer p.leave()
	b := &ast.Block{}
	b.From = p.peek().pos
	p.body(func() {
		b.Stmts = append(b.Stmts, nil)
		b.Stmts[len(b.Stmts)-1] = p.parseStmt()
	})
	b.To = p.last()
	return b
}

func (p *parser) parseStmt() ast.Stmt {
	l, after := p.peek(), p.peekAt(1).tok
	doc := p.doc(l.pos)
	switch {
	case p.atWord("choice") && after != token.SUB:
		return p.parseChoice(doc)
	case p.atWord("rec") && after != token.SUB:
		return p.parseRec(doc)
	case l.tok == token.CONTINUE:
		return p.parseContinue()
	case l.tok == token.IF:
		return p.parseIf(doc)
	case p.atWord("do") && after != token.SUB:
		return p.parseDo(doc)
	case p.atWord("state") && after != token.SUB:
		p.advance()
		s := &ast.State{Doc: doc, Name: p.ident("the state's name")}
		s.Span = ast.Span{From: l.pos, To: p.last()}
		return s
	case p.atWord("end") && after != token.SUB:
		p.advance()
		return &ast.End{Span: ast.Span{From: l.pos, To: p.last()}}
	case l.tok == token.IDENT && slices.Contains([]token.Token{token.SUB, token.ARROW, token.ASSIGN, token.GTR, token.COLON, token.NOT}, after):
		return p.parseMessage(doc)
	}
	if after == token.IDENT && slices.Contains(declWords, l.text()) {
		p.lost = append(p.lost, p.peekAt(1).lit)
	}
	meant := ""
	switch {
	case slices.Contains(loopWords, l.text()):
		meant = "rec"
	case after == token.IDENT || after == token.LPAREN:
		meant = diag.Closest(l.text(), stmtWords)
	}
	p.expectedOr(statement, meant)
	return nil
}

var (
	stmtWords = []string{"choice", "rec", "continue", "if", "do", "state"}
	loopWords = []string{"loop", "while", "for", "repeat", "forever", "mu"} // of other languages
)

// arrow = "-" ">" , side by side.
func (p *parser) arrow() {
	if !p.atArrow(0) {
		p.expected("->")
	}
	p.advance()
	p.advance()
}

// atArrow reports whether an arrow is n tokens from here.
func (p *parser) atArrow(n int) bool {
	minus, greater := p.peekAt(n), p.peekAt(n+1)
	return minus.tok == token.SUB && greater.tok == token.GTR && greater.pos == minus.pos+1
}

// atMessage reports whether a message begins here.
func (p *parser) atMessage() bool { return p.at(token.IDENT) && p.atArrow(1) }

// parseMessage = role "->" role ":" label params { clause } .
func (p *parser) parseMessage(doc *ast.Comment) *ast.Message {
	m := &ast.Message{Doc: doc, Sender: p.ident("the sending role")}
	m.From = m.Sender.Pos()
	p.arrow()
	m.Receiver = p.ident("the receiving role")
	p.expect(token.COLON, ": and the message's label")
	m.Label = p.ident("the message's label")
	m.Params = p.params()
	// What the message binds is known, whatever its clauses are.
	p.attempt(func() { m.Clauses = p.clauses(messageClauses...) }, p.skipClauses)
	for i, c := range m.Clauses[min(1, len(m.Clauses)):] {
		if before := m.Clauses[i]; slices.Index(messageClauses, c.Keyword) < slices.Index(messageClauses, before.Keyword) {
			p.report(diag.ClauseOrder, c.From, c.From+token.Pos(len(c.Keyword)), "%q stands before %q", c.Keyword, before.Keyword)
		}
	}
	m.To = p.last()
	return m
}

// messageClauses are the clauses of a message, in their order.
var messageClauses = []string{"where", "within", "as"}

// rpcClauses are the clauses of an rpc, in any order.
var rpcClauses = []string{"requires", "ensures", "within", "idempotent"}

// skipClauses moves to the end of the statement.
func (p *parser) skipClauses() {
	for depth := 0; !p.at(token.EOF) && !p.atDecl(); p.advance() {
		switch p.peek().tok {
		case token.LBRACE:
			depth++
		case token.RBRACE:
			if depth == 0 {
				return
			}
			depth--
		case token.SEMICOLON:
			if depth == 0 {
				return
			}
		case token.IDENT:
			if depth == 0 && p.onNewLine() && p.atMessage() {
				return
			}
		}
	}
}

// params = "(" [ names type { "," names type } ] ")" , grouped as Go groups parameters.
func (p *parser) params() []*ast.Param {
	p.expect(token.LPAREN, "(")
	var params []*ast.Param
	for !p.at(token.RPAREN) {
		param := &ast.Param{}
		param.From = p.peek().pos
		param.Names = p.names("a parameter")
		param.Type = p.typeBehind(param.Names)
		param.To = p.last()
		params = append(params, param)
		if l := p.peek(); l.tok == token.SEMICOLON && l.lit == ";" && p.peekAt(1).tok == token.IDENT {
			p.say(diag.Diagnostic{Code: diag.Syntax, Pos: l.pos, End: l.end(), Message: "parameters are separated by commas", Suggestion: "did you mean ,?"})
		} else if !p.at(token.COMMA) {
			break
		}
		p.advance()
	}
	p.expect(token.RPAREN, ", or )")
	return params
}

// clauses reads the clauses of a message or an rpc, in any order.
func (p *parser) clauses(allowed ...string) []*ast.Clause {
	var clauses []*ast.Clause
	for p.atWord(allowed...) {
		l := p.advance()
		c := &ast.Clause{Keyword: l.text()}
		switch c.Keyword {
		case "where", "requires", "ensures":
			c.Expr = p.parseExpr("a condition", inClause)
		case "within":
			c.Expr = p.deadline()
		case "as":
			c.Name = p.ident("a name")
		}
		c.Span = ast.Span{From: l.pos, To: p.last()}
		for _, before := range clauses {
			if before.Keyword == c.Keyword {
				p.report(diag.Syntax, l.pos, l.end(), "a second %q: write it once", c.Keyword)
			}
		}
		clauses = append(clauses, c)
	}
	if n := len(clauses); n > 0 && clauses[n-1].Expr != nil && !p.atEnd() {
		e := clauses[n-1].Expr
		e.Tree = &goast.BadExpr{From: e.From, To: e.To} // it is half of what was meant
	}
	return clauses
}

func (p *parser) text(from, to token.Pos) string {
	return string(p.source[p.file.Offset(from):p.file.Offset(to)])
}

// parseChoice = "choice" "at" role block "or" block { "or" block } .
func (p *parser) parseChoice(doc *ast.Comment) *ast.Choice {
	c := &ast.Choice{Doc: doc}
	c.From = p.advance().pos
	if !p.atWord("at") {
		p.expected("at and the role that chooses")
	}
	p.advance()
	c.Role = p.ident("the role that chooses")
	p.choices++
	defer func() { p.choices-- }()
	c.Branches = append(c.Branches, p.parseBlock())
	for p.atWord("or") || p.ifs == 0 && p.swapped("else", "or") {
		p.advance()
		c.Branches = append(c.Branches, p.parseBlock())
	}
	c.To = p.last()
	return c
}

// swapped reports whether a block is followed, on its last line, by the word that another statement
// goes on with, and says so.
func (p *parser) swapped(word, meant string) bool {
	l := p.peek()
	if !p.atWord(word) || p.onNewLine() {
		return false
	}
	p.say(diag.Diagnostic{
		Code: diag.Syntax, Pos: l.pos, End: l.end(),
		Message: fmt.Sprintf("expected %q or the end of the line, found %s", meant, describe(l)), Suggestion: "did you mean " + meant + "?",
	})
	return true
}

// parseRec = "rec" name [ "(" name type "=" value { "," … } ")" ] block .
func (p *parser) parseRec(doc *ast.Comment) *ast.Rec {
	r := &ast.Rec{Doc: doc}
	r.From = p.advance().pos
	r.Name = p.ident("the recursion's name")
	if p.at(token.LPAREN) {
		r.Lost = !p.attempt(func() { p.recParams(r) }, p.skipToBlock)
	}
	p.recs = append(p.recs, r.Name.Name)
	defer func() { p.recs = p.recs[:len(p.recs)-1] }()
	r.Body = p.parseBlock()
	r.To = p.last()
	return r
}

func (p *parser) recParams(r *ast.Rec) {
	p.advance()
	for !p.at(token.RPAREN) {
		param := &ast.RecParam{Name: p.ident("a parameter")}
		param.From = param.Name.Pos()
		param.Type = p.parseType()
		p.expect(token.ASSIGN, "= and the parameter's first value")
		param.Init = p.parseExpr("the parameter's first value", inValue)
		param.To = p.last()
		r.Params = append(r.Params, param)
		if !p.at(token.COMMA) {
			break
		}
		p.advance()
	}
	p.expect(token.RPAREN, ", or )")
}

// skipToBlock moves on to the block that begins at the end of the line, so that mistakes in it are found as well. If there is
// none, it gives up what is being parsed.
func (p *parser) skipToBlock() {
	for !p.at(token.LBRACE) || p.line(p.peekAt(1).pos) == p.line(p.peek().pos) {
		if p.at(token.EOF) || p.onNewLine() {
			panic(bail{})
		}
		p.advance()
	}
}

// parseContinue = "continue" name [ "(" values ")" ] .
func (p *parser) parseContinue() *ast.Continue {
	c := &ast.Continue{}
	c.From = p.advance().pos
	c.Name = p.ident("the recursion's name")
	if p.at(token.LPAREN) {
		p.advance()
		for !p.at(token.RPAREN) {
			c.Args = append(c.Args, p.parseExpr("a value", inValue))
			if !p.at(token.COMMA) {
				break
			}
			p.advance()
		}
		p.expect(token.RPAREN, ", or )")
	}
	c.To = p.last()
	return c
}

// parseIf = "if" condition block [ "else" ( if | block ) ] .
func (p *parser) parseIf(doc *ast.Comment) *ast.If {
	p.enter()
	defer p.leave()
	s := &ast.If{Doc: doc}
	s.From = p.advance().pos
	s.Cond = p.parseExpr("a condition", inCondition)
	switch {
	case p.at(token.ASSIGN):
		p.expectedOr("{", p.clauseWord())
	case p.at(token.DEFINE): // an if of Go, with a statement before the condition
		p.attempt(func() { p.expected("{") }, func() {
			for !p.at(token.LBRACE) && !p.at(token.RBRACE) && !p.at(token.EOF) && !p.onNewLine() {
				p.advance()
			}
		})
		s.Cond.Tree = &goast.BadExpr{From: s.Cond.From, To: s.Cond.To}
	}
	s.Then = p.parseThen()
	if p.at(token.ELSE) || p.choices == 0 && p.swapped("or", "else") {
		p.advance()
		if p.at(token.IF) {
			s.Else = p.parseIf(nil)
		} else {
			s.Else = p.parseBlock()
		}
	}
	s.To = p.last()
	return s
}

func (p *parser) parseThen() *ast.Block {
	p.ifs++
	defer func() { p.ifs-- }()
	return p.parseBlock()
}

// parseDo = "do" name "(" role "," role ")" [ "as" name ] .
func (p *parser) parseDo(doc *ast.Comment) *ast.Do {
	d := &ast.Do{Doc: doc}
	d.From = p.advance().pos
	d.Name = p.ident("the protocol's name")
	p.expect(token.LPAREN, "( and the two roles")
	d.Roles = p.names("a role")
	p.expect(token.RPAREN, ")")
	if p.atWord("as") {
		p.advance()
		d.As = p.ident("a name")
	}
	d.To = p.last()
	return d
}
