package emit

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// acceptance is the statements that take in a message that arrived: from the
// payload to the state behind it. fail makes the return of an error.
func (r *role) acceptance(p *automaton.Place, m *automaton.Message, env *environment, in, err, ahead, s string, fail func(jen.Code) jen.Code) (body []jen.Code, state *jen.Statement) {
	uses := usesOf(m)
	pulled := r.pull(p, s, env, uses, m.Params, func(v *check.Var) []jen.Code {
		// What was put off is in: it came before.
		return one(jen.List(jen.Id(env.of[v]), jen.Id("_")).Op(":=").Id(s).Dot(r.held[p].of[v]).Dot("Get").Call())
	})
	refuse := one(fail(jen.Id(in).Dot("Violated").Call(r.values(env, m)...)))
	body = pulled
	if m.Where != nil {
		body = append(body, jen.If(jen.Op("!").Id(r.wheres[m]).Call(env.args(m.Where.Vars)...)).Block(refuse...))
	}
	// What the caller gets is the caller's, so what the state keeps is a copy.
	for _, v := range m.Params {
		if r.holds(m.Target, v) && r.mutable(v.Type) {
			name := env.scope.Pick("kept" + upperFirst(v.Name))
			body = append(body, jen.Id(name).Op(":=").Id(v.Name))
			body = append(body, r.unshare(name, v.Type)...)
			env.of[v] = name
		}
	}
	way := r.target(env, m.Target, ahead, refuse)
	body = append(body, way.before...)
	body = append(body,
		jen.List(jen.Id(ahead), jen.Id(err)).Op(":=").Id(in).Dot("Accept").Call(),
		jen.If(jen.Id(err).Op("!=").Nil()).Block(fail(jen.Id(err))),
	)
	return body, way.state
}

func upperFirst(s string) string { return string(s[0]-'a'+'A') + s[1:] }

// recv writes the methods of a place where one label arrives.
func (r *role) recv(p *automaton.Place, m *automaton.Message) {
	typ := r.typeOf(p)
	env := r.environment(p, m.Params)
	s, ctx, in, next, ok, err := env.scope.Pick("s"), env.scope.Pick("ctx"), env.scope.Pick("in"), env.scope.Pick("next"), env.scope.Pick("ok"), env.scope.Pick("err")
	ahead := env.scope.Pick("ahead")
	step := jen.Id(s).Dot(r.held[p].step)

	var values []jen.Code
	for _, v := range m.Params {
		values = append(values, jen.Id(v.Name))
	}
	give := func(tail ...jen.Code) jen.Code { return jen.Return(append(slices.Clone(values), tail...)...) }
	// A failure that consumes nothing gives the same state back, where that has the type.
	unmoved := jen.Id(next)
	if m.To == p {
		unmoved = jen.Id(s)
	}
	results := append(r.params(m.Params), jen.Id(next).Id(r.typeOf(m.To)))
	accept := "accept" + m.Label

	r.f.Line().Add(r.recvDoc(m))
	r.f.Func().Params(jen.Id(s).Id(typ)).Id("Recv"+m.Label).Params(jen.Id(ctx).Qual("context", "Context")).
		Params(append(slices.Clone(results), jen.Id(err).Error())...).Block(
		jen.List(jen.Id(in), jen.Id(err)).Op(":=").Add(step.Clone()).Dot("Recv").Call(jen.Id(ctx), jen.Id(r.states[p])),
		jen.If(jen.Id(err).Op("!=").Nil()).Block(give(unmoved.Clone(), jen.Id(err))),
		jen.Return(jen.Id(s).Dot(accept).Call(jen.Id(in))),
	)

	r.f.Line().Add(doc(fmt.Sprintf("TryRecv%s is Recv%s without the wait: ok is false, and the step not consumed, if nothing has arrived yet.", m.Label, m.Label)))
	r.f.Func().Params(jen.Id(s).Id(typ)).Id("TryRecv"+m.Label).Params().
		Params(append(slices.Clone(results), jen.Id(ok).Bool(), jen.Id(err).Error())...).Block(
		jen.List(jen.Id(in), jen.Id(ok), jen.Id(err)).Op(":=").Add(step.Clone()).Dot("TryRecv").Call(jen.Id(r.states[p])),
		jen.If(jen.Op("!").Id(ok)).Block(give(unmoved.Clone(), jen.False(), jen.Id(err))),
		jen.List(append(slices.Clone(values), jen.Id(next), jen.Id(err))...).Op("=").Id(s).Dot(accept).Call(jen.Id(in)),
		give(jen.Id(next), jen.Id(err).Op("==").Nil(), jen.Id(err)),
	)

	fail := func(err jen.Code) jen.Code { return give(jen.Id(next), err) }
	var body []jen.Code
	if len(m.Params) > 0 {
		body = append(body, jen.List(values...).Op("=").Id(r.decoders[m]).Call(jen.Op("&").Id(in).Dot("Decoder")))
	}
	accepted, state := r.acceptance(p, m, env, in, err, ahead, s, fail)
	body = append(body, accepted...)
	r.f.Line().Func().Params(jen.Id(s).Id(typ)).Id(accept).Params(jen.Id(in).Op("*").Qual(sessionPath, "Inbound")).
		Params(append(slices.Clone(results), jen.Id(err).Error())...).Block(append(body, give(state, jen.Nil()))...)
	if m.Deferrable {
		r.putOff(p, m, accept)
	}
}

func (r *role) recvDoc(m *automaton.Message) jen.Code {
	text := fmt.Sprintf("Recv%s receives %s.", m.Label, m.Label)
	if m.Source.Within > 0 {
		text += fmt.Sprintf(" It must arrive within %s.", m.Source.Within)
	}
	comment := trimDoc(m.Source.Doc)
	if m.Where == nil {
		return doc(text, comment)
	}
	return doc(text+" It is a *session.PeerError, and the session over, unless", "\t"+m.Where.Text, comment)
}

// choice writes the branches of an external choice, and the methods that receive one.
func (r *role) choice(p *automaton.Place) {
	typ := r.typeOf(p)
	branch := typ + "Branch"
	marker := "is" + branch
	var kinds []string
	for _, m := range p.Messages {
		kinds = append(kinds, article(typ+m.Label))
	}
	r.f.Line().Add(doc(fmt.Sprintf("%s is what %s receives: %s.", branch, typ, series(kinds, "or"))))
	r.f.Type().Id(branch).Interface(jen.Id(marker).Params())
	for _, m := range p.Messages {
		r.branchType(p, m)
	}
	r.f.Line()
	for _, m := range p.Messages {
		r.f.Func().Params(jen.Id(typ + m.Label)).Id(marker).Params().Block()
	}
	r.branchRecv(p)
	r.match(p)
	for _, m := range p.Messages {
		r.branchAccept(p, m)
	}
}

// branchType writes the struct of a branch.
func (r *role) branchType(p *automaton.Place, m *automaton.Message) {
	name := r.typeOf(p) + m.Label
	text := fmt.Sprintf("%s is the branch %s: its payload and the next step.", name, m.Label)
	if len(m.Params) == 0 {
		text = fmt.Sprintf("%s is the branch %s: the next step.", name, m.Label)
	}
	if m.Source.Within > 0 {
		text += fmt.Sprintf(" It must arrive within %s.", m.Source.Within)
	}
	where := ""
	if m.Where != nil {
		text += " It holds that"
		where = "\t" + m.Where.Text
	}
	r.f.Line().Add(doc(text, where, trimDoc(m.Source.Doc)))
	var fields []jen.Code
	for _, v := range m.Params {
		fields = append(fields, jen.Id(fieldName(v)).Add(r.goType(v.Type)))
	}
	r.f.Type().Id(name).Struct(append(fields, jen.Id("Next").Id(r.typeOf(m.To)))...)
}

// dispatch writes the switch over the messages of a choice; the last one is the default, since
// the session lets no other in.
func (r *role) dispatch(p *automaton.Place, in string, of func(m *automaton.Message) []jen.Code) jen.Code {
	var cases []jen.Code
	for i, m := range p.Messages {
		if i == len(p.Messages)-1 {
			cases = append(cases, jen.Default().Block(append(one(jen.Comment("// "+r.moves[m])), of(m)...)...))
			continue
		}
		cases = append(cases, jen.Case(jen.Id(r.moves[m])).Block(of(m)...))
	}
	return jen.Switch(jen.Id(in).Dot("Message").Call()).Block(cases...)
}

// branchRecv writes Recv and TryRecv.
func (r *role) branchRecv(p *automaton.Place) {
	typ := r.typeOf(p)
	branch := jen.Id(typ + "Branch")
	other := r.Protocol.Roles[1-r.index]
	step := r.held[p].step
	r.f.Line().Add(doc("Recv receives the branch that the role " + other + " chose."))
	r.f.Func().Params(jen.Id("s").Id(typ)).Id("Recv").Params(jen.Id("ctx").Qual("context", "Context")).Params(branch, jen.Error()).Block(
		jen.List(jen.Id("in"), jen.Err()).Op(":=").Id("s").Dot(step).Dot("Recv").Call(jen.Id("ctx"), jen.Id(r.states[p])),
		jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Nil(), jen.Err())),
		jen.Return(jen.Id("s").Dot("accept").Call(jen.Id("in"))),
	)
	r.f.Line().Add(doc("TryRecv is Recv without the wait: ok is false, and the step not consumed, if nothing has arrived yet."))
	r.f.Func().Params(jen.Id("s").Id(typ)).Id("TryRecv").Params().Params(jen.Id("branch").Add(branch), jen.Id("ok").Bool(), jen.Err().Error()).Block(
		jen.List(jen.Id("in"), jen.Id("ok"), jen.Err()).Op(":=").Id("s").Dot(step).Dot("TryRecv").Call(jen.Id(r.states[p])),
		jen.If(jen.Op("!").Id("ok")).Block(jen.Return(jen.Nil(), jen.False(), jen.Err())),
		jen.List(jen.Id("branch"), jen.Err()).Op("=").Id("s").Dot("accept").Call(jen.Id("in")),
		jen.Return(jen.Id("branch"), jen.Err().Op("==").Nil(), jen.Err()),
	)
	// A branch is put into the interface only if there is no error: one allocation at most.
	r.f.Line().Func().Params(jen.Id("s").Id(typ)).Id("accept").Params(jen.Id("in").Op("*").Qual(sessionPath, "Inbound")).Params(branch, jen.Error()).Block(
		r.dispatch(p, "in", func(m *automaton.Message) []jen.Code {
			return []jen.Code{
				jen.List(jen.Id("branch"), jen.Err()).Op(":=").Id("s").Dot("accept" + m.Label).Call(jen.Id("in")),
				jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Nil(), jen.Err())),
				jen.Return(jen.Id("branch"), jen.Nil()),
			}
		}),
	)
}

// match writes the function that does not compile with a branch missing.
func (r *role) match(p *automaton.Place) {
	typ := r.typeOf(p)
	result := "R"
	for r.taken[result] {
		result += "_"
	}
	params := []jen.Code{jen.Id("ctx").Qual("context", "Context"), jen.Id("s").Id(typ)}
	for _, m := range p.Messages {
		params = append(params, jen.Id("on"+m.Label).Func().Params(jen.Id(typ+m.Label)).Params(jen.Id(result), jen.Error()))
	}
	name := "Match" + typ
	r.f.Line().Add(doc(fmt.Sprintf(
		"%s receives the branch that the role %s chose and returns what its function returns. It does not compile with a branch missing.",
		name, r.Protocol.Roles[1-r.index])))
	r.f.Func().Id(name).Index(jen.Id(result).Any()).
		Add(jen.Custom(jen.Options{Open: "(", Close: ")", Separator: ",", Multi: true}, params...)).
		Params(jen.Id(result), jen.Error()).Block(
		jen.Var().Id("zero").Id(result),
		jen.List(jen.Id("in"), jen.Err()).Op(":=").Id("s").Dot(r.held[p].step).Dot("Recv").Call(jen.Id("ctx"), jen.Id(r.states[p])),
		jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Id("zero"), jen.Err())),
		r.dispatch(p, "in", func(m *automaton.Message) []jen.Code {
			return []jen.Code{
				jen.List(jen.Id("branch"), jen.Err()).Op(":=").Id("s").Dot("accept" + m.Label).Call(jen.Id("in")),
				jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Id("zero"), jen.Err())),
				jen.Return(jen.Id("on" + m.Label).Call(jen.Id("branch"))),
			}
		}),
	)
}

// branchAccept writes the method that takes in one branch.
func (r *role) branchAccept(p *automaton.Place, m *automaton.Message) {
	typ := r.typeOf(p)
	name := typ + m.Label
	env := r.environment(p, m.Params)
	s, in, err, next := env.scope.Pick("s"), env.scope.Pick("in"), env.scope.Pick("err"), env.scope.Pick("next")
	fail := func(err jen.Code) jen.Code { return jen.Return(jen.Id(name).Values(), err) }
	var body, values []jen.Code
	for _, v := range m.Params {
		values = append(values, jen.Id(v.Name))
	}
	if len(m.Params) > 0 {
		body = append(body, jen.List(values...).Op(":=").Id(r.decoders[m]).Call(jen.Op("&").Id(in).Dot("Decoder")))
	}
	accepted, state := r.acceptance(p, m, env, in, err, next, s, fail)
	body = append(body, accepted...)
	var fields []jen.Code
	for _, v := range m.Params {
		fields = append(fields, jen.Id(fieldName(v)).Op(":").Id(v.Name))
	}
	fields = append(fields, jen.Id("Next").Op(":").Add(state))
	literal := jen.Id(name).Values(fields...)
	if len(fields) > 1 {
		literal = jen.Id(name).Add(lines(fields...))
	}
	r.f.Line().Func().Params(jen.Id(s).Id(typ)).Id("accept"+m.Label).Params(jen.Id(in).Op("*").Qual(sessionPath, "Inbound")).
		Params(jen.Id(name), jen.Error()).Block(append(body, jen.Return(literal, jen.Nil()))...)
}
