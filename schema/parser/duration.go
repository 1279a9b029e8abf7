package parser

import (
	"fmt"
	goast "go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// deadline = duration | constant .
func (p *parser) deadline() *ast.Expr {
	const what = "a duration, as in 500ms, or a constant"
	switch l := p.peek(); {
	case p.atNumber() && !slices.Contains(binary, p.peekAt(1).tok):
		return p.duration()
	case l.tok == token.LPAREN && p.peekAt(1).tok == token.INT && p.peekAt(2).tok == token.IDENT && p.peekAt(3).tok == token.RPAREN:
		p.advance()
		d := p.duration()
		to := p.advance().end()
		p.say(diag.Diagnostic{
			Code: diag.BadDuration, Pos: l.pos, End: to, Message: "a duration is written without parentheses",
			Suggestion: "did you mean " + p.text(d.From, d.To) + "?",
		})
		return d
	case l.tok == token.STRING || p.atWord(messageClauses...) || p.atWord(rpcClauses...):
		p.expected(what)
	}
	return p.parseExpr(what, inClause)
}

func (p *parser) atNumber() bool { return p.at(token.INT) || p.at(token.FLOAT) }

// atDuration reports whether a number and a unit are next, side by side.
func (p *parser) atDuration() bool {
	unit := p.peekAt(1)
	return p.atNumber() && unit.tok == token.IDENT && unit.pos == p.peek().end()
}

// duration = a number and a unit, and again, side by side: 1m30s. It becomes the Go expression that it stands for.
func (p *parser) duration() *ast.Expr {
	from := p.advance().pos
	for p.at(token.IDENT) && p.peek().pos == p.last() {
		p.advance()
	}
	to := p.last()
	text := p.text(from, to)
	value, err := time.ParseDuration(text)
	if err != nil {
		d := diag.Diagnostic{Code: diag.BadDuration, Pos: from, End: to, Message: fmt.Sprintf("%q is not a duration; write one as in 500ms", text)}
		if p.at(token.IDENT) && !p.atWord(messageClauses...) && !p.atWord(rpcClauses...) {
			unit := p.advance() // apart from its number
			name := unit.lit
			for _, u := range units {
				if strings.HasPrefix(u.long, strings.ToLower(strings.TrimSuffix(name, "s"))) && len(name) > 2 {
					name = u.short
				}
			}
			if _, err := time.ParseDuration(text + name); err == nil {
				d.Suggestion = "did you mean " + text + name + "?"
			}
		}
		p.say(d)
		return &ast.Expr{From: from, To: to, Text: text, Tree: &goast.BadExpr{From: from, To: to}}
	}
	count, unit := inUnits(value)
	return &ast.Expr{
		From: from, To: to, Text: spelled(value),
		Tree: &goast.BinaryExpr{
			X: &goast.BasicLit{ValuePos: from, Kind: token.INT, Value: count}, OpPos: from, Op: token.MUL,
			Y: &goast.SelectorExpr{X: &goast.Ident{NamePos: from, Name: "time"}, Sel: &goast.Ident{NamePos: from, Name: unit}},
		},
	}
}

// noDuration reports a duration where an expression ends at its unit.
func (p *parser) noDuration() {
	unit := p.peek()
	if p.next == 0 || unit.tok != token.IDENT || unit.pos != p.last() {
		return
	}
	number := p.lexemes[p.next-1]
	if d, err := time.ParseDuration(p.text(number.pos, unit.end())); err == nil && (number.tok == token.INT || number.tok == token.FLOAT) {
		p.say(diag.Diagnostic{
			Code: diag.BadExpr, Pos: number.pos, End: unit.end(), Message: "an expression writes a duration as Go does",
			Suggestion: "did you mean " + spelled(d) + "?",
		})
		panic(bail{})
	}
}

// units are the units of durations that people write out.
var units = []struct{ long, short string }{{"hour", "h"}, {"minute", "m"}, {"second", "s"}, {"millisecond", "ms"}, {"microsecond", "us"}}

// spelled is a duration as Go writes it: 5 * time.Second.
func spelled(d time.Duration) string {
	count, unit := inUnits(d)
	return count + " * time." + unit
}

// inUnits is a duration in the largest unit of package time that holds it whole.
func inUnits(d time.Duration) (count, unit string) {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "Hour"}, {time.Minute, "Minute"}, {time.Second, "Second"}, {time.Millisecond, "Millisecond"}, {time.Microsecond, "Microsecond"}} {
		if d != 0 && d%u.of == 0 {
			return strconv.FormatInt(int64(d/u.of), 10), u.name
		}
	}
	return strconv.FormatInt(int64(d), 10), "Nanosecond"
}
