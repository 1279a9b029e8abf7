package emit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// state writes the type of a place, what it gives access to, and its steps.
func (r *role) state(p *automaton.Place) {
	typ := r.typeOf(p)
	r.f.seam()
	said := ""
	if p.State != nil {
		said = p.State.Doc
	}
	r.f.Line().Add(doc(r.where(p)+" "+r.leads(p), said))
	fields := []jen.Code{jen.Id(r.held[p].step).Qual(sessionPath, "Step")}
	for _, v := range kept(p) {
		field := r.goType(v.Type)
		if r.late[p][v] {
			field = jen.Qual(sessionPath, "Late").Index(field)
		}
		fields = append(fields, jen.Id(r.held[p].of[v]).Add(field))
	}
	r.f.Type().Id(typ).Struct(fields...)
	for _, alias := range p.Aliases {
		what := r.prefix + alias + " is another name of " + typ + "."
		if alias == "Start" {
			what = fmt.Sprintf("%s is where the role %s of %s begins.", r.prefix+alias, r.name, r.Protocol.Name)
		}
		r.f.Line().Add(doc(what))
		r.f.Type().Id(r.prefix + alias).Op("=").Id(typ)
	}
	r.accessors(p)
	switch {
	case p.Kind == automaton.Conditional:
		r.branch(p)
	case p.Kind == automaton.Final:
		r.close(p)
	case p.Sender == r.index:
		for _, m := range p.Messages {
			r.send(p, m)
		}
	case len(p.Messages) == 1:
		r.recv(p, p.Messages[0])
	default:
		r.choice(p)
	}
	step := r.held[p].step
	what := "Abort ends the session at both ends, unfinished."
	if p.Kind == automaton.Final {
		what = "Abort ends the session at both ends, unless both have finished."
	}
	r.f.Line().Comment("// " + what)
	r.f.Func().Params(jen.Id("s").Id(typ)).Id("Abort").Params(jen.Err().Error()).Add(brief(jen.Id("s").Dot(step).Dot("Abort").Call(jen.Err())))
	r.f.Line().Comment("// String describes the state, for people.")
	r.f.Func().Params(jen.Id("s").Id(typ)).Id("String").Params().String().Add(brief(
		jen.Return(jen.Id("s").Dot(step).Dot("Describe").Call(jen.Lit(typ))),
	))
}

// where says in words where a place is.
func (r *role) where(p *automaton.Place) string {
	typ := r.typeOf(p)
	of := fmt.Sprintf("the role %s of %s", r.name, r.Protocol.Name)
	position := " (" + at(p.Pos) + ")."
	switch {
	case p.Kind == automaton.Final:
		return typ + " is where " + of + " has finished."
	case p.Rec != nil:
		return typ + " is the head of rec " + p.Rec.Name + " for " + of + " (" + at(p.Rec.Pos) + ")."
	case p == r.Enter.To:
		return typ + " is where " + of + " begins" + position
	case p.Behind != nil:
		return typ + " is where " + of + " stands behind " + p.Behind.Label + position
	}
	return typ + " is a place of " + of + position
}

// leads says in words what a role may do at a place, and where that leads.
func (r *role) leads(p *automaton.Place) string {
	lead := func(m *automaton.Message) string {
		if m.To == p {
			return "come back here"
		}
		return "reach " + r.typeOf(m.To)
	}
	var steps []string
	switch {
	case p.Kind == automaton.Final:
		return ""
	case p.Kind == automaton.Conditional:
		return fmt.Sprintf("Branch goes on to %s if %s, and else to %s, without a message.",
			r.typeOf(p.Then.To), p.Cond.Text, r.typeOf(p.Else.To))
	case p.Sender == r.index:
		for _, m := range p.Messages {
			steps = append(steps, m.Label+" to "+lead(m))
		}
		return "Send " + series(steps, "or") + "."
	case len(p.Messages) == 1:
		text := "Receive " + p.Messages[0].Label + " to " + lead(p.Messages[0])
		if p.Messages[0].Deferrable {
			text += ", or defer it with Defer" + p.Messages[0].Label + " and go on there at once"
		}
		return text + "."
	}
	for _, m := range p.Messages {
		to := r.typeOf(m.To)
		if m.To == p {
			to = "this place again"
		}
		steps = append(steps, m.Label+", which leads to "+to)
	}
	return fmt.Sprintf("Receive one of %s: with Recv, or with Match%s.", series(steps, "and"), r.typeOf(p))
}

// accessors write the methods that show the variables that live at a place.
func (r *role) accessors(p *automaton.Place) {
	for _, v := range p.Vars {
		name, field := names.Exported(v.Name), r.held[p].of[v]
		text := fmt.Sprintf("%s is %s.", name, r.origin(v))
		if r.late[p][v] {
			text += " It is the zero value while the message that brings it is deferred."
		}
		r.f.Line().Add(doc(text))
		f := r.f.Func().Params(jen.Id("s").Id(r.typeOf(p))).Id(name).Params().Add(r.goType(v.Type))
		copied := r.unshare("value", v.Type)
		if copied == nil && !r.late[p][v] {
			f.Add(brief(jen.Return(jen.Id("s").Dot(field))))
			continue
		}
		value := jen.Id("value").Op(":=").Id("s").Dot(field)
		if r.late[p][v] {
			value = jen.List(jen.Id("value"), jen.Id("_")).Op(":=").Id("s").Dot(field).Dot("Get").Call()
		}
		body := append([]jen.Code{value}, copied...)
		f.Block(append(body, jen.Return(jen.Id("value")))...)
	}
}

// origin says in words what a variable is.
func (r *role) origin(v *check.Var) string {
	for _, p := range r.Places {
		if p.Rec != nil && slices.Contains(p.Rec.Vars, v) {
			return fmt.Sprintf("the parameter %s of rec %s", v.Name, p.Rec.Name)
		}
		for _, m := range p.Messages {
			if slices.Contains(m.Params, v) {
				return fmt.Sprintf("the parameter %s of %s", v.Name, m.Label)
			}
		}
	}
	return "the protocol's variable " + v.Name // of a rec directly at the head of another
}

// close writes the methods of the end.
func (r *role) close(p *automaton.Place) {
	text := "Close waits until the other role has finished too."
	if r.index == 0 {
		text += " Run" + r.prefix + " does so itself."
	}
	r.f.Line().Add(doc(text))
	r.f.Func().Params(jen.Id("s").Id(r.typeOf(p))).Id("Close").Params(jen.Id("ctx").Qual("context", "Context")).Error().Add(brief(
		jen.Return(jen.Id("s").Dot(r.held[p].step).Dot("Close").Call(jen.Id("ctx"))),
	))
}

// branch writes the step of an if, which sends nothing.
func (r *role) branch(p *automaton.Place) {
	typ := r.typeOf(p)
	env := r.environment(p, nil)
	s, then, other, ok := env.scope.Pick("s"), env.scope.Pick("then"), env.scope.Pick("otherwise"), env.scope.Pick("ok")
	r.f.Line().Add(doc(fmt.Sprintf(
		"Branch goes on without a message: to then, and ok is true, if %s; else to otherwise. "+
			"The side that is not taken is a zero state, and both are if the state has been used. Branch itself uses nothing.", p.Cond.Text)))
	side := func(t automaton.Target) (body []jen.Code, state *jen.Statement) {
		inner := r.environment(p, nil)
		inner.scope = env.scope
		body = r.pull(p, s, inner, needed(t), nil, r.passOn(p, s, inner))
		way := r.target(inner, t, s+"."+r.held[p].step, nil)
		return append(body, way.before...), way.state
	}
	thenBody, thenState := side(p.Then)
	elseBody, elseState := side(p.Else)
	var args []jen.Code
	for _, v := range p.Cond.Vars {
		args = append(args, jen.Id(s).Dot(r.held[p].of[v]))
	}
	thenType, elseType := r.typeOf(p.Then.To), r.typeOf(p.Else.To)
	body := []jen.Code{
		jen.If(jen.Op("!").Id(s).Dot(r.held[p].step).Dot("Ready").Call()).Block(jen.Return(jen.Id(then), jen.Id(other), jen.False())),
		jen.If(jen.Id(r.conditions[p]).Call(args...)).Block(append(thenBody, jen.Return(thenState, jen.Id(other), jen.True()))...),
	}
	body = append(append(body, elseBody...), jen.Return(jen.Id(then), elseState, jen.False()))
	r.f.Func().Params(jen.Id(s).Id(typ)).Id("Branch").Params().
		Params(jen.Id(then).Id(thenType), jen.Id(other).Id(elseType), jen.Id(ok).Bool()).Block(body...)
}

// trimDoc is a comment of the schema as one paragraph.
func trimDoc(text string) string { return strings.Join(strings.Fields(text), " ") }
