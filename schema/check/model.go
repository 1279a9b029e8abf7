// Package check turns parsed schema files into a checked schema: names resolved, types known, predicates
// type-checked by go/types. It reports every error that it can find.
package check

import (
	goast "go/ast"
	"go/token"
	"go/types"
	"time"
)

// Schema is a checked package of .sess files. It is complete only if checking found no error.
type Schema struct {
	Package string
	// Doc is the comment above the package clause of the first file that has one.
	Doc string
	// Files are the base names of the files, sorted; each becomes one Go file.
	Files []string
	// Imports are the imports of all files, in the order of files and within them of the source.
	Imports   []*Import
	Consts    []*Const
	Types     []*Named
	Protocols []*Protocol
	Services  []*Service
	// Go is the schema as go/types sees it: constants, types and imports, for predicates.
	Go *types.Package
}

// Decl is what every declaration of a schema has in common.
type Decl struct {
	Name string
	// Doc is the comment above it, without comment markers; empty if there is none.
	Doc string
	// File is the base name of the file; Pos is the position of the name.
	File string
	Pos  token.Position
}

// Import is an import of one file. Name is the name that the file's expressions use.
type Import struct {
	Decl
	Path string
	// Explicit reports whether the file gives the name.
	Explicit bool

	pkg *types.Package // nil if it could not be had
}

// Const is a constant: its type, nil if none is written, and its value, both as an expression and evaluated.
type Const struct {
	Decl
	Type, Expr *Expr
	Value      *types.Const
}

// Kind is the kind of a payload type.
type Kind uint8

// The kinds. From Struct on, Type.Named says which type it is.
const (
	Invalid Kind = iota
	Bool
	Int
	Int32
	Int64
	Uint
	Uint32
	Uint64
	Float32
	Float64
	String
	Bytes
	Time
	Duration
	List     // Elem
	Map      // Key, Elem
	Optional // Elem
	Struct
	Enum
	Union
	Extern
)

// Type is the type of a parameter, a field or a variable.
type Type struct {
	Kind      Kind
	Key, Elem *Type
	Named     *Named
	// Go is the type as go/types sees it.
	Go types.Type
}

// String returns the type as a schema writes it.
func (t *Type) String() string {
	switch t.Kind {
	case List:
		return "[]" + t.Elem.String()
	case Map:
		return "map[" + t.Key.String() + "]" + t.Elem.String()
	case Optional:
		return "*" + t.Elem.String()
	case Struct, Enum, Union, Extern:
		return t.Named.Name
	case Bytes:
		return "[]byte"
	}
	return typeName(t.Go)
}

// Named is a declared payload type.
type Named struct {
	Decl
	Kind Kind
	// Fields of a struct.
	Fields []*Field
	// Members of an enum (the first is 0) or, by name of a struct, of a union.
	Members []*Member
	// Reserved are the numbers that no field, or no member of a union, may have, sorted and without duplicates.
	Reserved []int
	// Path and GoName name the Go type of an extern; Proto reports whether it is a proto.Message.
	Path, GoName string
	Proto        bool

	goType types.Type
}

// Go returns the type as go/types sees it.
func (n *Named) Go() types.Type { return n.goType }

// Field is a field of a struct, with its protobuf number.
type Field struct {
	Decl
	Type   *Type
	Number int
}

// Member is a member of an enum, with its number, or of a union.
type Member struct {
	Decl
	Number int
	Struct *Named // of a union
}

// Var is a variable of a protocol: a parameter of a message or of a rec. Depth is how many variables
// of the protocol are visible where it is bound.
type Var struct {
	Name  string
	Type  *Type
	Pos   token.Position
	Depth int
}

// Expr is a checked Go expression: a predicate, a condition, an initialiser or an argument.
type Expr struct {
	// Text is the source as written, on one line.
	Text string
	Tree goast.Expr
	Info *types.Info
	// Vars are the variables that it uses, in the order of their binding.
	Vars []*Var
	// Imports are the imports that it uses. These, and the constants and types it uses, resolve through Info.
	Imports []*Import
	// MayPanic is true unless evaluation certainly cannot panic.
	MayPanic bool
	Pos      token.Position
}

// Protocol is a checked protocol, whose body is a tree.
type Protocol struct {
	Decl
	Roles [2]string
	Body  []Stmt
}

// Stmt is one of *Message, *Choice, *Rec, *Continue, *If, *Do, *State, *End.
type Stmt interface{ stmt() }

type (
	// Message is one message.
	Message struct {
		Decl         // Name is the label, Pos that of the sending role
		Sender   int // index in Roles
		Params   []*Var
		Where    *Expr // nil if there is none
		Within   time.Duration
		As       string
		LabelPos token.Position
		AsPos    token.Position // of the name behind as
	}
	// Choice is decided by the role Chooser.
	Choice struct {
		Chooser  int
		Branches [][]Stmt
		Pos      token.Position
	}
	// Rec is a recursion; Init holds the first value of each of Vars.
	Rec struct {
		Decl
		Vars []*Var
		Init []*Expr
		Body []Stmt
	}
	// Continue goes back to the head of Rec.
	Continue struct {
		Rec  *Rec
		Args []*Expr
		Pos  token.Position
	}
	// If continues with Then if Cond holds, otherwise with Else (nil if there is none).
	If struct {
		Cond       *Expr
		Then, Else []Stmt
		Pos        token.Position
	}
	// Do runs Protocol here. Swapped means that its first role is our second. Depth is how many variables are
	// visible around it.
	Do struct {
		Protocol *Protocol
		Swapped  bool
		As       string
		Pos      token.Position
		Depth    int
	}
	// State names the state of the statement behind it.
	State struct{ Decl }
	// End ends the protocol.
	End struct{ Pos token.Position }
)

func (*Message) stmt()  {}
func (*Choice) stmt()   {}
func (*Rec) stmt()      {}
func (*Continue) stmt() {}
func (*If) stmt()       {}
func (*Do) stmt()       {}
func (*State) stmt()    {}
func (*End) stmt()      {}

// Service is a checked service.
type Service struct {
	Decl
	RPCs []*RPC
}

// RPC is one rpc of a service. Its protocol is Protocol.
type RPC struct {
	Decl
	Request, Reply             []*Var
	StreamRequest, StreamReply bool
	Requires, Ensures          *Expr
	Within                     time.Duration
	Idempotent                 bool
	Protocol                   *Protocol
}
