// Package parser reads .sess files. It reports every mistake that it can distinguish from a consequence of an
// earlier one, and returns the tree of what it understood.
package parser

import (
	"fmt"
	"go/token"
	"slices"
	"unicode/utf8"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// MaxFile is the maximum size of a file, in bytes.
const MaxFile = 4 << 20

// maxDepth is how deep blocks and types may be nested.
const maxDepth = 100

// ParseFile parses source, the text of the file called name, and adds the file to fset. The tree shares source,
// which must not be modified afterwards. The result is never nil, and holds what could be understood; what
// could not is reported to diags.
func ParseFile(fset *token.FileSet, name string, source []byte, diags *diag.List) *ast.File {
	file := fset.AddFile(name, -1, len(source))
	tree := &ast.File{Name: name, Ident: &ast.Ident{}, Source: source, File: file}
	if !readable(file, source, diags) {
		return tree
	}
	p := &parser{file: file, source: source, diags: diags}
	p.lexemes, tree.Comments, p.illegal = scan(file, source, diags)
	p.comments = tree.Comments
	p.parseFile(tree)
	tree.Lost = append(tree.Lost, p.lost...)
	return tree
}

// readable reports whether the text is one that can be a schema at all.
func readable(file *token.File, source []byte, diags *diag.List) bool {
	refuse := func(offset int, message string) bool {
		pos := file.Pos(offset)
		diags.Add(diag.Diagnostic{Code: diag.BadFile, Pos: pos, End: pos + 1, Message: message})
		return false
	}
	if len(source) > MaxFile {
		return refuse(0, fmt.Sprintf("the file has more than %d bytes", MaxFile))
	}
	file.SetLinesForContent(source)
	if len(source) == 0 {
		file.SetLines([]int{0})
	}
	for i := 0; i < len(source); {
		r, n := utf8.DecodeRune(source[i:])
		switch {
		case r == 0:
			return refuse(i, "a NUL byte")
		case r == utf8.RuneError && n == 1:
			return refuse(i, "the text is not UTF-8")
		}
		i += n
	}
	return true
}

type parser struct {
	file     *token.File
	source   []byte
	diags    *diag.List
	lexemes  []lexeme
	next     int // index of the token to be read
	comments []*ast.Comment
	depth    int
	illegal  map[int]bool // lines in which there is something that is no token
	recs     []string     // the names of those around the place
	choices  int          // around the place: choices whose branches may go on with or,
	ifs      int          // and ifs that may go on with else
	lost     []string     // names of declarations that stand where none may
	gaveUp   bool         // nothing more is said of this file
}

// bail ends what is being parsed; sync catches it.
type bail struct{}

func (p *parser) peek() lexeme { return p.lexemes[p.next] }

func (p *parser) peekAt(n int) lexeme {
	return p.lexemes[min(p.next+n, len(p.lexemes)-1)]
}

func (p *parser) advance() lexeme {
	l := p.peek()
	if l.tok != token.EOF {
		p.next++
	}
	return l
}

// last is the end of the token that was read last.
func (p *parser) last() token.Pos {
	if p.next == 0 {
		return p.peek().pos
	}
	return p.lexemes[p.next-1].end()
}

func (p *parser) at(tok token.Token) bool { return p.peek().tok == tok }

// atWord reports whether the next token is the word, be it one of Go's keywords or ours.
func (p *parser) atWord(words ...string) bool {
	l := p.peek()
	return (l.tok == token.IDENT || l.tok.IsKeyword()) && slices.Contains(words, l.text())
}

func (p *parser) report(code diag.Code, from, to token.Pos, format string, args ...any) {
	p.say(diag.Diagnostic{Code: code, Pos: from, End: to, Message: fmt.Sprintf(format, args...)})
}

// say reports a mistake, unless it is the consequence of one that has been reported.
func (p *parser) say(d diag.Diagnostic) {
	if !p.gaveUp && !(p.illegal[p.line(d.Pos)] && (d.Code == diag.Syntax || d.Code == diag.BadExpr)) {
		p.diags.Add(d)
	}
}

// expected reports that something else should be here, and gives up the construct.
func (p *parser) expected(what string) { p.expectedOr(what, "") }

// expectedOr is expected with what was perhaps meant, if that is not empty.
func (p *parser) expectedOr(what, meant string) {
	l := p.peek()
	d := diag.Diagnostic{
		Code: diag.Syntax, Pos: l.pos, End: max(l.end(), l.pos+1),
		Message: "expected " + what + ", found " + describe(l),
	}
	if d.Suggestion = p.hint(what); meant != "" {
		d.Suggestion = "did you mean " + meant + "?"
	}
	p.say(d)
	panic(bail{})
}

func describe(l lexeme) string {
	switch {
	case l.tok == token.EOF:
		return "the end of the file"
	case l.tok == token.SEMICOLON && l.lit == "\n":
		return "the end of the line"
	}
	return fmt.Sprintf("%q", l.text())
}

func (p *parser) expect(tok token.Token, what string) lexeme {
	if !p.at(tok) {
		p.expected(what)
	}
	return p.advance()
}

func (p *parser) word(word string) lexeme {
	if !p.atWord(word) {
		p.expected(fmt.Sprintf("%q", word))
	}
	return p.advance()
}

func (p *parser) ident(what string) *ast.Ident {
	l := p.peek()
	if l.tok.IsKeyword() {
		p.report(diag.BadName, l.pos, l.end(), "%q is a keyword of Go, and cannot be a name", l.text())
		p.advance()
		return &ast.Ident{NamePos: l.pos, Name: l.text()}
	}
	p.expect(token.IDENT, what)
	return &ast.Ident{NamePos: l.pos, Name: l.lit}
}

// attempt runs parse, and reports whether it came to its end; if not, skip moves on to
// where parsing can go on.
func (p *parser) attempt(parse, skip func()) (ok bool) {
	before, depth := p.next, p.depth
	defer func() {
		switch r := recover(); r.(type) {
		case nil:
		case bail:
			ok = false
			p.depth = depth
			if p.next == before {
				p.advance()
			}
			skip()
		default:
			panic(r)
		}
	}()
	parse()
	return true
}

// enter guards against nesting that would exhaust the stack here or later.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		l := p.peek()
		p.report(diag.TooDeep, l.pos, l.end(), "nested more than %d deep", maxDepth)
		p.gaveUp = true
		p.next = len(p.lexemes) - 1
		panic(bail{})
	}
}

func (p *parser) leave() { p.depth-- }

// doc is the comment that ends on the line above pos, or nil. It belongs to what is first on a line.
func (p *parser) doc(pos token.Pos) *ast.Comment {
	i, _ := slices.BinarySearchFunc(p.comments, pos, func(c *ast.Comment, pos token.Pos) int {
		return int(c.Pos() - pos)
	})
	if i == 0 {
		return nil
	}
	c := p.comments[i-1]
	if p.line(c.End()-1)+1 != p.line(pos) || !alone(p.source, p.file.Offset(c.Pos())) || !alone(p.source, p.file.Offset(pos)) {
		return nil
	}
	return c
}

func (p *parser) line(pos token.Pos) int { return p.file.PositionFor(pos, false).Line }
