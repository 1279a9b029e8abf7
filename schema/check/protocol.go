package check

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// bodies checks the protocols, each after those that it does.
func (c *checker) bodies() {
	for _, p := range c.schema.Protocols {
		c.protocol(c.asts[p])
	}
	for _, s := range c.services {
		c.service(s)
	}
}

// How far a protocol has been checked.
const (
	notBegun = iota
	underWay
	checked
)

// protocol checks a protocol once.
func (c *checker) protocol(s *protocolSource) {
	if s.state != notBegun {
		return
	}
	s.state = underWay
	defer func() { s.state = checked }()
	if !c.roles(s) {
		return
	}
	w := &walker{c: c, source: s, bound: map[string]token.Pos{}}
	bindings(s.decl.Body, w.bound)
	var f flow
	s.made.Body, f = w.block(s.decl.Body, scope{}, paths{silent: true})
	s.ends, s.silent = f.falls || w.ends || w.faulty, f.falls && f.silent || w.endsSilently
	if !w.speaks && !w.faulty {
		c.report(diag.EmptyProtocol, s.decl.Name, "protocol %s has no message", s.decl.Name.Name)
	}
}

func (c *checker) roles(s *protocolSource) bool {
	d := s.decl
	if len(d.Roles) != 2 {
		at := ast.Span{From: d.Name.Pos(), To: d.Name.End()}
		if len(d.Roles) > 0 {
			at = ast.Span{From: d.Roles[0].Pos(), To: d.Roles[len(d.Roles)-1].End()}
		}
		c.report(diag.Roles, at, "a protocol has two roles, and %s has %d", d.Name.Name, len(d.Roles))
		return false
	}
	for i, r := range d.Roles {
		c.wellFormed(r, "role", false, true)
		s.made.Roles[i] = r.Name
	}
	if d.Roles[0].Name == d.Roles[1].Name {
		c.report(diag.Roles, d.Roles[1], "the roles of a protocol are two different ones").Relate(d.Roles[0].Pos(), "the first role")
		return false
	}
	return true
}

// scope is what is visible at a place of a protocol. It is copied, not changed.
type scope struct {
	vars []binding
	recs []*recursion
	// lost: something between here and the protocol's beginning could not be read, and may have bound anything.
	lost bool
}

type binding struct {
	*Var
	pos token.Pos
}

type recursion struct {
	made *Rec
	pos  token.Pos
	lost bool // some of its parameters are not known
}

func (sc scope) variables() []*Var {
	var vars []*Var
	for _, b := range sc.vars {
		vars = append(vars, b.Var)
	}
	return vars
}

// paths is what is known of the ways that lead to a place.
type paths struct {
	// silent: one of them leads from the protocol's beginning to here without a message.
	silent bool
	// unguarded are the recursions whose heads one of them leads from to here without a message.
	unguarded []*Rec
}

// flow is how a block ends.
type flow struct {
	paths
	// falls: there is a way to what follows the block.
	falls bool
}

// join is what is known behind blocks of which one was taken.
func join(a, b flow) flow {
	switch {
	case !a.falls:
		return b
	case !b.falls:
		return a
	}
	joined := flow{falls: true, paths: paths{silent: a.silent || b.silent, unguarded: slices.Clone(a.unguarded)}}
	for _, r := range b.unguarded {
		if !slices.Contains(joined.unguarded, r) {
			joined.unguarded = append(joined.unguarded, r)
		}
	}
	return joined
}

// walker checks the body of one protocol.
type walker struct {
	c      *checker
	source *protocolSource
	// speaks: a message was found. faulty: a statement was, which may have been meant as one.
	speaks, faulty bool
	// bound says where variables are bound, also those that are visible no longer, or not yet.
	bound map[string]token.Pos
	// ends: an end can be reached; endsSilently: without a message.
	ends, endsSilently bool
}

func (w *walker) file() *ast.File { return w.source.file }

// block checks statements one after the other.
func (w *walker) block(b *ast.Block, sc scope, p paths) ([]Stmt, flow) {
	if b == nil {
		return nil, flow{paths: p, falls: true}
	}
	return w.stmts(b.Stmts, sc, p)
}

func (w *walker) stmts(stmts []ast.Stmt, sc scope, p paths) ([]Stmt, flow) {
	var made []Stmt
	f := flow{paths: p, falls: true}
	reported := false
	for i, s := range stmts {
		if s == nil {
			w.faulty, sc.lost = true, true
			f = flow{falls: true}
			continue
		}
		if !f.falls && !reported {
			reported = true
			why := "what stands before it never ends"
			switch stmts[i-1].(type) {
			case *ast.Continue:
				why = "it stands behind a continue"
			case *ast.End:
				why = "it stands behind an end"
			}
			w.c.report(diag.AfterJump, firstToken(s), "this is never reached: %s", why)
		}
		if st, ok := s.(*ast.State); ok {
			w.named(st, stmts[i+1:])
		}
		checked, after := w.stmt(s, &sc, f.paths)
		if checked != nil {
			made = append(made, checked)
		}
		if f.falls {
			f = after
		}
	}
	return made, f
}

// firstToken is where a statement begins, as a caret should show it.
func firstToken(s ast.Stmt) ast.Node {
	word := func(n int) ast.Node { return ast.Span{From: s.Pos(), To: s.Pos() + token.Pos(n)} }
	switch s := s.(type) {
	case *ast.Message:
		return s.Sender
	case *ast.Choice:
		return word(len("choice"))
	case *ast.Rec:
		return word(len("rec"))
	case *ast.Continue:
		return word(len("continue"))
	case *ast.State:
		return word(len("state"))
	case *ast.If, *ast.Do:
		return word(len("if"))
	}
	return s
}

// stmt checks one statement. What it binds for those behind it, it adds to sc.
func (w *walker) stmt(s ast.Stmt, sc *scope, p paths) (Stmt, flow) {
	switch s := s.(type) {
	case *ast.Message:
		m := w.message(s, sc)
		w.speaks = true
		if m == nil {
			return nil, flow{falls: true}
		}
		return m, flow{falls: true}
	case *ast.Choice:
		return w.choice(s, *sc, p)
	case *ast.Rec:
		return w.rec(s, *sc, p)
	case *ast.Continue:
		if made := w.jump(s, *sc, p); made != nil {
			return made, flow{}
		}
		w.faulty = true
		return nil, flow{}
	case *ast.If:
		return w.conditional(s, *sc, p)
	case *ast.Do:
		return w.do(s, *sc, p)
	case *ast.State:
		return &State{w.c.decl(s.Name, s.Doc, w.file())}, flow{paths: p, falls: true}
	case *ast.End:
		w.ends = true
		w.endsSilently = w.endsSilently || p.silent
		return &End{Pos: w.c.position(s.Pos())}, flow{}
	}
	return nil, flow{paths: p, falls: true}
}

// role finds a role of the protocol, -1 if it is none.
func (w *walker) role(id *ast.Ident) int {
	if i := slices.Index(w.source.made.Roles[:], id.Name); i >= 0 {
		return i
	}
	w.faulty = true
	inCase := func(r string) bool { return strings.EqualFold(r, id.Name) && r[:1] != strings.ToUpper(r[:1]) }
	if id.Name == "" || slices.ContainsFunc(w.source.made.Roles[:], inCase) { // the role's name is reported, and meant
		return slices.IndexFunc(w.source.made.Roles[:], inCase)
	}
	d := w.c.report(diag.Unknown, id, "unknown role %s", id.Name)
	d.Relate(w.source.decl.Roles[0].Pos(), "the roles are declared here")
	suggest(d, id.Name, w.source.made.Roles[:])
	return -1
}

// bindings notes where the variables of a block are bound: of those of one name, the first.
func bindings(b *ast.Block, all map[string]token.Pos) {
	note := func(id *ast.Ident) {
		if _, known := all[id.Name]; !known {
			all[id.Name] = id.Pos()
		}
	}
	for _, s := range b.Stmts {
		switch s := s.(type) {
		case *ast.Message:
			for _, p := range s.Params {
				for _, id := range p.Names {
					note(id)
				}
			}
		case *ast.Choice:
			for _, branch := range s.Branches {
				bindings(branch, all)
			}
		case *ast.Rec:
			for _, p := range s.Params {
				note(p.Name)
			}
			bindings(s.Body, all)
		case *ast.If:
			bindings(s.Then, all)
			for side := s.Else; side != nil; {
				nested, isIf := side.(*ast.If)
				if !isIf {
					bindings(side.(*ast.Block), all)
					break
				}
				bindings(nested.Then, all)
				side = nested.Else
			}
		}
	}
}

// bind makes a variable visible from here on, also one that should have another name: it is
// what is meant where that is used.
func (w *walker) bind(sc *scope, id *ast.Ident, t *Type) *Var {
	c := w.c
	c.wellFormed(id, "variable", false, false)
	for _, b := range sc.vars {
		if b.Name == id.Name {
			c.report(diag.Shadow, id, "%s is bound already, and still visible here", id.Name).Relate(b.pos, "it is bound here")
		}
	}
	imported := func(im *Import) bool { return im.File == w.file().Name && im.Name == id.Name }
	if n, taken := c.names[id.Name]; taken {
		c.report(diag.Shadow, id, "%s is the name of %s", id.Name, article(n.what)).Relate(n.pos, "it is declared here")
	} else if types.Universe.Lookup(id.Name) != nil {
		c.report(diag.Shadow, id, "%s is a builtin of Go", id.Name)
	} else if id.Name == "time" || slices.ContainsFunc(c.schema.Imports, imported) {
		c.report(diag.Shadow, id, "%s is the name of an import", id.Name)
	}
	v := &Var{Name: id.Name, Type: t, Pos: c.position(id.Pos()), Depth: len(sc.vars)}
	sc.vars = append(slices.Clip(sc.vars), binding{v, id.Pos()})
	return v
}
