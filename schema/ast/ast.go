// Package ast is the syntax tree of a .sess file: what was written, where, with every comment. It knows no rule
// of the language beyond its grammar.
//
// Positions are token.Pos of one go/token.FileSet. Read them with FileSet.PositionFor(pos, false), so that
// //line comments do not change them.
package ast

import (
	goast "go/ast"
	"go/token"
)

// Node is anything with a position in a file. End is the position after its last character.
type Node interface {
	Pos() token.Pos
	End() token.Pos
}

// File is one .sess file.
type File struct {
	// Name is the file's base name.
	Name    string
	Doc     *Comment // above the package clause
	Package token.Pos
	Ident   *Ident // the package's name
	Imports []*Import
	Decls   []Decl
	// Lost are the names of declarations that could not be read, "" for one whose name could not be read
	// either.
	Lost []string
	// Comments are all comments, in order, including those that document something.
	Comments []*Comment
	// Source is the file's text; it must not be modified.
	Source []byte
	// File maps positions to offsets and lines.
	File *token.File
}

// Pos is the position of the package clause.
func (f *File) Pos() token.Pos { return f.Package }

// End is the end of the file.
func (f *File) End() token.Pos { return token.Pos(f.File.Base() + f.File.Size()) }

// Comment is a group of comments on adjacent lines.
type Comment struct {
	List []*goast.Comment
}

// Pos is where the comment begins.
func (c *Comment) Pos() token.Pos { return c.List[0].Pos() }

// End is where the comment ends.
func (c *Comment) End() token.Pos { return c.List[len(c.List)-1].End() }

// Text returns the comment without its markers. Directives are left out.
func (c *Comment) Text() string {
	if c == nil {
		return ""
	}
	return (&goast.CommentGroup{List: c.List}).Text()
}

// Ident is a name.
type Ident struct {
	NamePos token.Pos
	Name    string
}

// Pos is where the name begins.
func (i *Ident) Pos() token.Pos { return i.NamePos }

// End is where the name ends.
func (i *Ident) End() token.Pos { return i.NamePos + token.Pos(len(i.Name)) }

// Expr is a Go expression. The positions in Tree are those of the file itself.
type Expr struct {
	Tree goast.Expr
	// From and To delimit its text.
	From, To token.Pos
	// Text is as it stands, but for a duration: 5s is 5 * time.Second.
	Text string
}

// Pos is where the expression begins.
func (e *Expr) Pos() token.Pos { return e.From }

// End is where the expression ends.
func (e *Expr) End() token.Pos { return e.To }

// Number is an integer literal: a field number.
type Number struct {
	From token.Pos
	Text string
}

// Pos is where the number begins.
func (n *Number) Pos() token.Pos { return n.From }

// End is where the number ends.
func (n *Number) End() token.Pos { return n.From + token.Pos(len(n.Text)) }

// String is a string literal with its value.
type String struct {
	From  token.Pos
	Text  string
	Value string
}

// Pos is where the literal begins.
func (s *String) Pos() token.Pos { return s.From }

// End is where the literal ends.
func (s *String) End() token.Pos { return s.From + token.Pos(len(s.Text)) }

// Span is a pair of positions that other nodes embed.
type Span struct{ From, To token.Pos }

// Pos is where the node begins.
func (s Span) Pos() token.Pos { return s.From }

// End is where the node ends.
func (s Span) End() token.Pos { return s.To }
