package ast

import "go/token"

// Decl is a declaration: *Const, *Struct, *Enum, *Union, *Extern, *Protocol or *Service.
type Decl interface {
	Node
	decl()
}

type (
	// Import is one import: import name "path". Name is nil if the file gives no name.
	Import struct {
		Span
		Doc  *Comment
		Name *Ident
		Path *String
	}

	// Const is one constant: const Name Type = Value. Type is nil if there is none.
	Const struct {
		Span
		Doc   *Comment
		Name  *Ident
		Type  *Expr
		Value *Expr
	}

	// Struct is a payload type: struct Name { fields }.
	Struct struct {
		Span
		Doc      *Comment
		Name     *Ident
		Fields   []*Field
		Reserved []*Number // beside the fields, by position
		Partial  bool      // a field could not be read
	}

	// Field is one or several fields of one type: A, B Type = n.
	Field struct {
		Span
		Doc    *Comment
		Names  []*Ident
		Type   Type
		Number *Number // nil if it is not written
	}

	// Enum is an enumeration: enum Name { Members }.
	Enum struct {
		Span
		Doc     *Comment
		Name    *Ident
		Members []*Member
		Partial bool // a member could not be read
	}

	// Union is one of several structs: union Name { Members }.
	Union struct {
		Span
		Doc      *Comment
		Name     *Ident
		Members  []*Member
		Reserved []*Number
		Partial  bool // a member could not be read
	}

	// Member is a member of an enum or a union, with its number if one is written.
	Member struct {
		Span
		Doc    *Comment
		Name   *Ident
		Number *Number
	}

	// Extern is a Go type from outside the schema: extern Name = "path".GoName.
	Extern struct {
		Span
		Doc    *Comment
		Name   *Ident
		Path   *String
		GoName *Ident
	}

	// Protocol is a protocol between two roles.
	Protocol struct {
		Span
		Doc   *Comment
		Name  *Ident
		Roles []*Ident // as written: two, if the schema is right
		Body  *Block
	}

	// Service is a set of rpcs.
	Service struct {
		Span
		Doc     *Comment
		Name    *Ident
		RPCs    []*RPC
		Partial bool // an rpc could not be read
	}

	// RPC is one rpc: rpc Name(request) -> (reply) clauses.
	RPC struct {
		Span
		Doc                        *Comment
		Name                       *Ident
		StreamRequest, StreamReply bool
		Request, Reply             []*Param
		Clauses                    []*Clause
	}
)

func (*Const) decl()    {}
func (*Struct) decl()   {}
func (*Enum) decl()     {}
func (*Union) decl()    {}
func (*Extern) decl()   {}
func (*Protocol) decl() {}
func (*Service) decl()  {}

// Type is the type of a payload as written: *Named, *List, *Map or *Optional.
type Type interface {
	Node
	typ()
}

type (
	// Named is a type by name: int64, Line, time.Time (Package is time).
	Named struct {
		Package *Ident // nil if there is none
		Name    *Ident
	}

	// List is []Elem.
	List struct {
		Span
		Elem Type
	}

	// Map is map[Key]Elem.
	Map struct {
		Span
		Key, Elem Type
	}

	// Optional is *Elem.
	Optional struct {
		Span
		Elem Type
	}
)

// Pos is where the name begins.
func (n *Named) Pos() token.Pos {
	if n.Package != nil {
		return n.Package.Pos()
	}
	return n.Name.Pos()
}

// End is where the name ends.
func (n *Named) End() token.Pos { return n.Name.End() }

// String returns the name as written.
func (n *Named) String() string {
	if n.Package != nil {
		return n.Package.Name + "." + n.Name.Name
	}
	return n.Name.Name
}

func (*Named) typ()    {}
func (*List) typ()     {}
func (*Map) typ()      {}
func (*Optional) typ() {}
