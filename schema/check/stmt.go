package check

import (
	"fmt"
	"slices"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// message checks a message, and binds its parameters.
func (w *walker) message(s *ast.Message, sc *scope) *Message {
	c := w.c
	sender, receiver := w.role(s.Sender), w.role(s.Receiver)
	if sender >= 0 && sender == receiver {
		c.report(diag.SelfSend, s.Receiver, "%s sends to itself", s.Receiver.Name).Suggestion =
			"did you mean " + w.source.made.Roles[1-sender] + "?"
		sender = -1
	}
	c.wellFormed(s.Label, "label", false, true)
	m := &Message{Decl: c.decl(s.Label, s.Doc, w.file()), Sender: sender, LabelPos: c.position(s.Label.Pos())}
	m.Pos = c.position(s.Sender.Pos())
	m.Params = w.params(s.Params, sc)
	for _, clause := range s.Clauses {
		switch clause.Keyword {
		case "where":
			m.Where = w.scope(*sc).condition(clause.Expr)
		case "within":
			m.Within = w.within(clause.Expr, *sc)
		case "as":
			m.As, m.AsPos = w.as(clause.Name), c.position(clause.Name.Pos())
		}
	}
	if sender < 0 || receiver < 0 {
		return nil
	}
	return m
}

func (w *walker) scope(sc scope) *exprScope {
	made := w.c.scope(w.file(), sc.variables())
	made.lost, made.bound = sc.lost, w.bound
	return made
}

func (w *walker) params(params []*ast.Param, sc *scope) []*Var {
	var made []*Var
	for _, p := range params {
		t := w.c.typ(p.Type)
		for _, id := range p.Names {
			made = append(made, w.bind(sc, id, t))
		}
	}
	return made
}

// as checks the name that an as gives to a place.
func (w *walker) as(id *ast.Ident) string {
	if id == nil || !w.c.wellFormed(id, "state", false, true) || w.reserved(id) {
		return ""
	}
	return id.Name
}

// named checks a statement that names the state of the one behind it.
func (w *walker) named(s *ast.State, behind []ast.Stmt) {
	if w.c.wellFormed(s.Name, "state", false, true) {
		w.reserved(s.Name)
	}
	if len(behind) == 0 {
		w.c.report(diag.BadAs, firstToken(s), "state names the state of the next statement, and this block has none")
	} else if again, ok := behind[0].(*ast.State); ok {
		w.c.report(diag.BadAs, again.Name, "this state has a name already: %s", s.Name.Name)
	}
}

// reserved reports whether the name is one that every protocol has already.
func (w *walker) reserved(id *ast.Ident) bool {
	if id.Name == "Start" || id.Name == "End" {
		w.c.report(diag.ReservedName, id, "%s is the name of a state that every protocol has", id.Name)
		return true
	}
	return false
}

// choice checks a choice: how its branches begin, and what each goes on with.
func (w *walker) choice(s *ast.Choice, sc scope, p paths) (Stmt, flow) {
	c := w.c
	made := &Choice{Chooser: w.role(s.Role), Pos: c.position(s.Pos())}
	if len(s.Branches) < 2 && !slices.Contains(s.Branches[0].Stmts, nil) {
		c.reportSpan(diag.ChoiceBranches, s.Pos(), s.Role.End(), "a choice of one branch is none").Suggestion = "add a branch with or { … }"
	}
	labels := map[string]*ast.Ident{}
	var after flow
	for i, b := range s.Branches {
		label := w.start(b, made.Chooser)
		if label != nil {
			if before, taken := labels[label.Name]; taken {
				c.report(diag.BranchLabel, label, "another branch begins with %s already", label.Name).Relate(before.Pos(), "it begins here")
			} else {
				labels[label.Name] = label
			}
		}
		stmts, f := w.block(b, sc, p)
		made.Branches = append(made.Branches, stmts)
		if i == 0 {
			after = f
		} else {
			after = join(after, f)
		}
	}
	return made, after
}

// start checks how a branch begins, and returns the label by which it is told from the others.
func (w *walker) start(b *ast.Block, chooser int) *ast.Ident {
	c := w.c
	if len(b.Stmts) == 0 {
		c.report(diag.BranchStart, b, "an empty branch: nothing would tell the other role that it was taken")
		return nil
	}
	switch s := b.Stmts[0].(type) {
	case *ast.State:
		c.report(diag.BranchStart, firstToken(s), "the branches of a choice begin in one state").Suggestion = "name it before the choice"
		return nil
	case *ast.Message:
		if i := slices.Index(w.source.made.Roles[:], s.Sender.Name); i >= 0 && chooser >= 0 && i != chooser {
			c.report(diag.BranchStart, s.Sender, "%s decides here, so the branch begins with a message of %s",
				w.source.made.Roles[chooser], w.source.made.Roles[chooser])
			return nil
		}
		return s.Label
	case *ast.Do:
		return w.startOf(s, chooser)
	case nil:
		return nil
	default:
		c.report(diag.BranchStart, firstToken(s), "a branch begins with a message, which tells the other role that it was taken")
	}
	return nil
}

// startOf checks a branch that begins with another protocol.
func (w *walker) startOf(s *ast.Do, chooser int) *ast.Ident {
	swapped := len(s.Roles) == 2 && s.Roles[0].Name == w.source.made.Roles[1]
	for depth := 0; ; depth++ {
		p := w.c.protocols[s.Name.Name]
		if p == nil || depth > len(w.c.protocols) {
			return nil // reported where the do is checked
		}
		other := w.c.asts[p].decl
		begin := slices.IndexFunc(other.Body.Stmts, func(s ast.Stmt) bool { _, names := s.(*ast.State); return !names })
		if begin < 0 || len(other.Roles) != 2 {
			return nil
		}
		switch first := other.Body.Stmts[begin].(type) {
		case *ast.Message:
			sender := slices.IndexFunc(other.Roles, func(r *ast.Ident) bool { return r.Name == first.Sender.Name })
			if swapped {
				sender = 1 - sender
			}
			if chooser >= 0 && sender != chooser {
				w.c.report(diag.BranchStart, s.Name, "%s decides here, and %s begins with a message of the other role",
					w.source.made.Roles[chooser], p.Name).Relate(first.Sender.Pos(), "the message")
				return nil
			}
			return &ast.Ident{NamePos: s.Name.Pos(), Name: first.Label.Name}
		case nil:
			return nil
		case *ast.Do:
			swapped = swapped != (len(first.Roles) == 2 && first.Roles[0].Name == other.Roles[1].Name)
			s = &ast.Do{Span: s.Span, Name: &ast.Ident{NamePos: s.Name.Pos(), Name: first.Name.Name}, Roles: s.Roles}
		default:
			w.c.report(diag.BranchStart, s.Name, "a branch begins with a message, and %s does not", p.Name).Relate(first.Pos(), "it begins with this")
			return nil
		}
	}
}

// rec checks a recursion.
func (w *walker) rec(s *ast.Rec, sc scope, p paths) (Stmt, flow) {
	c := w.c
	made := &Rec{Decl: c.decl(s.Name, s.Doc, w.file())}
	if c.wellFormed(s.Name, "recursion", false, true) && !w.reserved(s.Name) {
		for _, r := range sc.recs {
			if r.made.Name == s.Name.Name {
				c.report(diag.Shadow, s.Name, "a recursion around this one is called %s already", s.Name.Name).Relate(r.pos, "it is this one")
			}
		}
	}
	outer := w.scope(sc)
	inner := scope{vars: sc.vars, lost: sc.lost || s.Lost, recs: append(slices.Clip(sc.recs), &recursion{made, s.Name.Pos(), s.Lost})}
	for _, param := range s.Params {
		t := c.typ(param.Type)
		init := outer.value(param.Init, t)
		made.Vars = append(made.Vars, w.bind(&inner, param.Name, t))
		made.Init = append(made.Init, init)
	}
	if len(s.Body.Stmts) == 0 {
		w.faulty = true
		c.report(diag.Unguarded, s.Body, "a recursion without a message")
	}
	inside := paths{silent: p.silent, unguarded: append(slices.Clip(p.unguarded), made)}
	var f flow
	made.Body, f = w.block(s.Body, inner, inside)
	f.unguarded = slices.DeleteFunc(slices.Clone(f.unguarded), func(r *Rec) bool { return r == made })
	return made, f
}

// jump checks a continue.
func (w *walker) jump(s *ast.Continue, sc scope, p paths) Stmt {
	c := w.c
	var to *recursion
	var names []string
	for _, r := range sc.recs {
		names = append(names, r.made.Name)
		if r.made.Name == s.Name.Name {
			to = r
		}
	}
	if to == nil {
		if !sc.lost {
			suggest(c.report(diag.BadContinue, s.Name, "no recursion around this is called %s", s.Name.Name), s.Name.Name, names)
		}
		return nil
	}
	if slices.Contains(p.unguarded, to.made) {
		w.faulty = true
		c.reportSpan(diag.Unguarded, s.Pos(), s.Name.End(), "%s goes round without a message: it would spin forever", s.Name.Name).Relate(to.pos, "from here")
	}
	made := &Continue{Rec: to.made, Pos: c.position(s.Pos())}
	if to.lost {
		return made
	}
	if len(s.Args) != len(to.made.Vars) {
		c.reportSpan(diag.BadContinue, s.Pos(), s.End(), "%s takes %s, and here are %d", s.Name.Name, count(len(to.made.Vars), "value"), len(s.Args)).
			Relate(to.pos, "it is declared here")
		return made
	}
	sc2 := w.scope(sc)
	for i, arg := range s.Args {
		made.Args = append(made.Args, sc2.value(arg, to.made.Vars[i].Type))
	}
	return made
}

// conditional checks an if.
func (w *walker) conditional(s *ast.If, sc scope, p paths) (Stmt, flow) {
	expr := w.scope(sc)
	made := &If{Cond: expr.condition(s.Cond), Pos: w.c.position(s.Pos())}
	if made.Cond != nil {
		w.c.noFloats(s.Cond, made.Cond.Info)
	}
	var then, other flow
	made.Then, then = w.block(s.Then, sc, p)
	switch e := s.Else.(type) {
	case *ast.If:
		var nested Stmt
		nested, other = w.conditional(e, sc, p)
		made.Else = []Stmt{nested}
	case *ast.Block:
		made.Else, other = w.block(e, sc, p)
	default:
		other = flow{paths: p, falls: true}
	}
	if len(s.Then.Stmts) == 0 && len(made.Else) == 0 {
		w.c.reportSpan(diag.EmptyBlock, s.Pos(), s.Cond.End(), "both sides of this if are empty")
	}
	return made, join(then, other)
}

// do checks the use of another protocol.
func (w *walker) do(s *ast.Do, sc scope, p paths) (Stmt, flow) {
	c := w.c
	through := flow{falls: true}
	w.speaks = true
	first, second := -1, -1
	if len(s.Roles) == 2 {
		first, second = w.role(s.Roles[0]), w.role(s.Roles[1])
		if first >= 0 && first == second {
			c.report(diag.Roles, s.Roles[1], "both roles of %s would be %s", s.Name.Name, s.Roles[1].Name)
			first = -1
		}
	} else {
		c.reportSpan(diag.Roles, s.Name.Pos(), s.End(), "do takes the two roles that play, and gets %d", len(s.Roles))
	}
	as := w.as(s.As)
	other := c.protocols[s.Name.Name]
	if other == nil {
		if n, declared := c.names[s.Name.Name]; declared {
			c.report(diag.Unknown, s.Name, "%s is %s, and not a protocol", s.Name.Name, article(n.what))
		} else {
			c.unknown(s.Name, "protocol", s.Name.Name, c.protocolNames())
		}
		return nil, through
	}
	source := c.asts[other]
	if source.state == underWay {
		c.report(diag.DoCycle, s.Name, "%s would do itself; recursion is rec and continue", s.Name.Name).Relate(source.decl.Name.Pos(), s.Name.Name+" is declared here")
		return nil, through
	}
	c.protocol(source)
	if source.silent {
		through.paths = p
	}
	through.falls = source.ends
	if first < 0 || second < 0 {
		return nil, through
	}
	return &Do{Protocol: other, Swapped: first == 1, As: as, Pos: c.position(s.Pos()), Depth: len(sc.vars)}, through
}

func (c *checker) protocolNames() []string {
	var names []string
	for _, p := range c.schema.Protocols {
		names = append(names, p.Name)
	}
	return names
}

// count is n of what, in words.
func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
