package emit

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// passOn is what pull does of a late variable where nothing asks for its value: the
// next state holds what this one does.
func (r *role) passOn(p *automaton.Place, s string, env *environment) func(v *check.Var) []jen.Code {
	return func(v *check.Var) []jen.Code {
		env.late[v] = jen.Id(s).Dot(r.held[p].of[v])
		return nil
	}
}

// pending is the names of a pending value's type, of its fields, and of the type that takes its message in.
type pending struct {
	typ, taker string
	core, at   string
	of         map[*check.Var]string
}

// putOff writes the method that puts m off, and the pending value that receives it
// later. accept is the method of the state that takes m in.
func (r *role) putOff(p *automaton.Place, m *automaton.Message, accept string) {
	typ := r.typeOf(p)
	scope := names.Scope{}
	n := &pending{typ: typ + "Pending", taker: r.taken.Pick(names.Private(typ) + "Taker"), of: map[*check.Var]string{}}
	for _, v := range m.Params {
		n.of[v] = scope.Pick(v.Name)
	}
	n.core, n.at = scope.Pick("pending"), scope.Pick("at")
	r.deferMethod(p, m, n)

	fields := []jen.Code{jen.Id(n.core).Qual(sessionPath, "Pending"), jen.Id(n.at).Id(typ)}
	for _, v := range m.Params {
		fields = append(fields, jen.Id(n.of[v]).Add(r.goType(v.Type)))
	}
	r.f.Line().Add(doc(fmt.Sprintf(
		"%s is the %s that Defer%s deferred: receive it once, with Recv or TryRecv, before or after other deferred messages. "+
			"Until it has been received they use the session as a step does: if one races with a step in another goroutine, one of the two gets session.ErrStateUsed.",
		n.typ, m.Label, m.Label)))
	r.f.Type().Id(n.typ).Struct(fields...)
	r.pendingRecv(m, n)
	r.pendingTryRecv(m, n)
	r.takerType(m, n, accept)
}

// deferMethod writes the method that puts m off.
func (r *role) deferMethod(p *automaton.Place, m *automaton.Message, n *pending) {
	env := r.environment(p, nil)
	s, pend, next, err := env.scope.Pick("s"), env.scope.Pick("pending"), env.scope.Pick("next"), env.scope.Pick("err")
	uses := needed(m.Target)
	pulled := r.pull(p, s, env, uses, m.Params, r.passOn(p, s, env))
	for _, v := range m.Params {
		env.late[v] = jen.Qual(sessionPath, "Awaited").Call(
			jen.Op("&").Id(pend).Dot(n.core), jen.Op("&").Id(pend).Dot(n.of[v]))
	}
	way := r.target(env, m.Target, next, nil)
	to := r.typeOf(m.To)
	body := []jen.Code{
		jen.Id(pend).Op(":=").Op("&").Id(n.typ).Values(jen.Id(n.at).Op(":").Id(s)),
		jen.List(jen.Id(next), jen.Id(err)).Op(":=").Id(s).Dot(r.held[p].step).Dot("Defer").Call(
			jen.Id(r.moves[m]), jen.Op("&").Id(pend).Dot(n.core), jen.Parens(jen.Op("*").Id(n.taker)).Call(jen.Id(pend))),
		jen.If(jen.Id(err).Op("!=").Nil()).Block(jen.Return(jen.Id(pend), jen.Id(to).Values(), jen.Id(err))),
	}
	body = append(append(body, pulled...), way.before...)
	r.f.Line().Add(doc(fmt.Sprintf(
		"Defer%s defers receiving %s: the next state is available at once, and what it sends overtakes the %s, which the pending value receives later. "+
			"Whatever is received next receives it first, and checks it then. At most 64 may be deferred at a time: session.ErrTooManyPending.",
		m.Label, m.Label, m.Label)))
	r.f.Func().Params(jen.Id(s).Id(r.typeOf(p))).Id("Defer"+m.Label).Params().
		Params(jen.Op("*").Id(n.typ), jen.Id(to), jen.Error()).
		Block(append(body, jen.Return(jen.Id(pend), way.state, jen.Nil()))...)
}

// give is the statements that return what a pending value has received.
func (r *role) give(m *automaton.Message, n *pending, p string, tail ...jen.Code) (code []jen.Code) {
	var values []jen.Code
	for _, v := range m.Params {
		// A state may hold it too, so the caller gets a copy.
		if r.late[m.To][v] && r.mutable(v.Type) {
			code = append(code, jen.Id(v.Name).Op("=").Id(p).Dot(n.of[v]))
			code = append(code, r.unshare(v.Name, v.Type)...)
			values = append(values, jen.Id(v.Name))
			continue
		}
		values = append(values, jen.Id(p).Dot(n.of[v]))
	}
	return append(code, jen.Return(append(values, tail...)...))
}

func (r *role) pendingRecv(m *automaton.Message, n *pending) {
	scope := r.localsOf(m.Params)
	p, ctx, err := scope.Pick("p"), scope.Pick("ctx"), scope.Pick("err")
	r.avoid = scope
	defer func() { r.avoid = nil }()
	var unset []jen.Code
	for _, v := range m.Params {
		unset = append(unset, jen.Id(v.Name))
	}
	body := one(jen.If(jen.Id(err).Op(":=").Id(p).Dot(n.core).Dot("Recv").Call(jen.Id(ctx)), jen.Id(err).Op("!=").Nil()).
		Block(jen.Return(append(unset, jen.Id(err))...)))
	r.f.Line().Add(r.pendingDoc(m))
	r.f.Func().Params(jen.Id(p).Op("*").Id(n.typ)).Id("Recv").Params(jen.Id(ctx).Qual("context", "Context")).
		Params(append(r.params(m.Params), jen.Id(err).Error())...).Block(append(body, r.give(m, n, p, jen.Nil())...)...)
}

func (r *role) pendingDoc(m *automaton.Message) jen.Code {
	text := fmt.Sprintf("Recv receives the deferred %s, after whatever was deferred before it.", m.Label)
	if m.Source.Within > 0 {
		text += fmt.Sprintf(" It must arrive within %s.", m.Source.Within)
	}
	if m.Where == nil {
		return doc(text)
	}
	return doc(text+" It is a *session.PeerError, and the session over, unless", "\t"+m.Where.Text)
}

func (r *role) pendingTryRecv(m *automaton.Message, n *pending) {
	scope := r.localsOf(m.Params)
	p, ok, err := scope.Pick("p"), scope.Pick("ok"), scope.Pick("err")
	r.avoid = scope
	defer func() { r.avoid = nil }()
	var unset []jen.Code
	for _, v := range m.Params {
		unset = append(unset, jen.Id(v.Name))
	}
	body := one(jen.If(jen.List(jen.Id(ok), jen.Id(err)).Op(":=").Id(p).Dot(n.core).Dot("TryRecv").Call(), jen.Op("!").Id(ok)).
		Block(jen.Return(append(unset, jen.False(), jen.Id(err))...)))
	r.f.Line().Add(doc("TryRecv is Recv without the wait: ok is false, and nothing used, if it has not arrived yet."))
	r.f.Func().Params(jen.Id(p).Op("*").Id(n.typ)).Id("TryRecv").Params().
		Params(append(r.params(m.Params), jen.Id(ok).Bool(), jen.Id(err).Error())...).
		Block(append(body, r.give(m, n, p, jen.True(), jen.Nil())...)...)
}

// takerType writes the type through which the session has the message taken in: a method
// of its own name would be one of the pending value's.
func (r *role) takerType(m *automaton.Message, n *pending, accept string) {
	r.f.Line().Comment("// " + n.taker + " receives what was deferred.")
	r.f.Type().Id(n.taker).Id(n.typ)
	var results []jen.Code
	for _, v := range m.Params {
		results = append(results, jen.Id("p").Dot(n.of[v]))
	}
	results = append(results, jen.Id("_"), jen.Err())
	r.f.Line().Comment("// TakeIn implements session.Taker.")
	r.f.Func().Params(jen.Id("p").Op("*").Id(n.taker)).Id("TakeIn").Params(jen.Id("in").Op("*").Qual(sessionPath, "Inbound")).
		Params(jen.Err().Error()).Block(
		jen.List(results...).Op("=").Id("p").Dot(n.at).Dot(accept).Call(jen.Id("in")),
		jen.Return(jen.Err()),
	)
}
