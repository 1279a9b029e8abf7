package ast

import "go/token"

// Block is { statements }.
type Block struct {
	Span
	Stmts []Stmt // nil for one that could not be read
}

// Stmt is a statement: *Message, *Choice, *Rec, *Continue, *If, *Do, *State or *End.
type Stmt interface {
	Node
	stmt()
}

type (
	// Message is one message: A -> B: Label(params) clauses.
	Message struct {
		Span
		Doc              *Comment
		Sender, Receiver *Ident
		Label            *Ident
		Params           []*Param
		Clauses          []*Clause
	}

	// Param is one or several parameters of one type: a, b Type.
	Param struct {
		Span
		Names []*Ident
		Type  Type
	}

	// Choice is a choice: choice at Role { … } or { … }.
	Choice struct {
		Span
		Doc      *Comment
		Role     *Ident
		Branches []*Block
	}

	// Rec is a recursion: rec Name(params) { … }.
	Rec struct {
		Span
		Doc    *Comment
		Name   *Ident
		Params []*RecParam
		// Lost: one of the parameters could not be read.
		Lost bool
		Body *Block
	}

	// RecParam is a parameter of a recursion: name Type = Init.
	RecParam struct {
		Span
		Name *Ident
		Type Type
		Init *Expr
	}

	// Continue goes back: continue Name(args).
	Continue struct {
		Span
		Name *Ident
		Args []*Expr
	}

	// If is if Cond { … } else { … }. Else is nil, a *Block or, for else if, another *If.
	If struct {
		Span
		Doc  *Comment
		Cond *Expr
		Then *Block
		Else Node
	}

	// Do runs another protocol: do Name(Roles) as As.
	Do struct {
		Span
		Doc   *Comment
		Name  *Ident
		Roles []*Ident
		As    *Ident // nil if there is none
	}

	// State names the state that the next statement stands at: state Name.
	State struct {
		Span
		Doc  *Comment
		Name *Ident
	}

	// End ends the protocol.
	End struct{ Span }
)

func (*Message) stmt()  {}
func (*Choice) stmt()   {}
func (*Rec) stmt()      {}
func (*Continue) stmt() {}
func (*If) stmt()       {}
func (*Do) stmt()       {}
func (*State) stmt()    {}
func (*End) stmt()      {}

// Clause is a clause of a message or an rpc.
type Clause struct {
	Span
	// Keyword is where, within, as, requires, ensures or idempotent.
	Keyword string
	Expr    *Expr  // of where, requires, ensures, within
	Name    *Ident // of as
}

// KeywordEnd returns the end of the clause's keyword.
func (c *Clause) KeywordEnd() token.Pos { return c.From + token.Pos(len(c.Keyword)) }
