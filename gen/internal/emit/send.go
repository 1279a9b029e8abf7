package emit

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// pull writes the assignments that take variables out of the state s into locals, and
// what late does of one that may not be in yet. Parameters stand where they are.
func (r *role) pull(p *automaton.Place, s string, env *environment, uses, params []*check.Var, late func(v *check.Var) []jen.Code) []jen.Code {
	var to, from, code []jen.Code
	for _, v := range kept(p) {
		switch {
		case !slices.Contains(uses, v) || slices.Contains(params, v):
		case r.late[p][v]:
			code = append(code, late(v)...)
		default:
			to = append(to, jen.Id(env.of[v]))
			from = append(from, jen.Id(s).Dot(r.held[p].of[v]))
			env.declared[v] = true
		}
	}
	if len(to) == 0 {
		return code
	}
	return append(one(jen.List(to...).Op(":=").List(from...)), code...)
}

// values are the pairs of name and value that an error about a predicate shows.
func (r *role) values(env *environment, m *automaton.Message) []jen.Code {
	var list []jen.Code
	vars := slices.Clone(m.Params)
	if m.Where != nil {
		vars = m.Where.Vars
	}
	for _, v := range vars {
		list = append(list, jen.Lit(v.Name), jen.Id(env.of[v]))
	}
	return list
}

// usesOf are the variables that taking m in or sending it needs, beside its own parameters.
func usesOf(m *automaton.Message) []*check.Var {
	uses := needed(m.Target)
	if m.Where != nil {
		uses = append(slices.Clone(uses), m.Where.Vars...)
	}
	return uses
}

// holds reports whether the state behind t may share memory with the variable.
func (r *role) holds(t automaton.Target, v *check.Var) bool {
	if slices.Contains(kept(t.To), v) {
		return true
	}
	for _, let := range t.Lets {
		for i, e := range let.Exprs {
			if slices.Contains(e.Vars, v) && !r.plain(let.Vars[i].Type) {
				return true
			}
		}
	}
	return false
}

// send writes a Send method.
func (r *role) send(p *automaton.Place, m *automaton.Message) {
	typ, next := r.typeOf(p), r.typeOf(m.To)
	uses := usesOf(m)
	env := r.environment(p, m.Params)
	s, ctx, out, err, ahead := env.scope.Pick("s"), env.scope.Pick("ctx"), env.scope.Pick("out"), env.scope.Pick("err"), env.scope.Pick("next")
	in := ""
	failed := jen.Id(next).Values()
	if m.To == p {
		failed = jen.Id(s)
	}
	pulled := r.pull(p, s, env, uses, m.Params, func(v *check.Var) []jen.Code {
		if m.Where == nil || !slices.Contains(m.Where.Vars, v) {
			return r.passOn(p, s, env)(v)
		}
		if in == "" {
			in = env.scope.Pick("in")
		}
		return []jen.Code{
			jen.List(jen.Id(env.of[v]), jen.Id(in)).Op(":=").Id(s).Dot(r.held[p].of[v]).Dot("Get").Call(),
			jen.If(jen.Op("!").Id(in)).Block(jen.Return(failed.Clone(), jen.Id(out).Dot("Pending").Call())),
		}
	})

	refuse := one(jen.Return(failed.Clone(), jen.Id(out).Dot("Refuse").Call(r.values(env, m)...)))
	give := func() jen.Code {
		return jen.If(jen.Id(err).Op("!=").Nil()).Block(jen.Return(failed.Clone(), jen.Id(err)))
	}
	body := []jen.Code{
		jen.List(jen.Id(out), jen.Id(err)).Op(":=").Id(s).Dot(r.held[p].step).Dot("BeginSend").Call(jen.Id(r.moves[m])),
		give(),
	}
	body = append(body, pulled...)
	var test []jen.Code
	if m.Where != nil {
		test = one(jen.If(jen.Op("!").Id(r.wheres[m]).Call(env.args(m.Where.Vars)...)).Block(refuse...))
	}
	r.outbound, r.avoid = out, env.scope
	encode := r.fields(func() (all []jen.Code) {
		for i, v := range m.Params {
			all = append(all, r.encode(out, v.Name, i+1, v.Type, false)...)
		}
		return all
	})
	r.outbound, r.avoid = "", nil
	// Values that may not be what their encoding decodes to are read back before anything is done with them.
	if slices.ContainsFunc(m.Params, func(v *check.Var) bool {
		return r.holds(m.Target, v) && !r.plain(v.Type) || slices.Contains(uses, v) && !r.exact(v.Type)
	}) {
		sent := env.scope.Pick("sent")
		var params []jen.Code
		for _, v := range m.Params {
			if slices.Contains(uses, v) || m.Where == nil && len(m.Target.Lets) > 0 {
				params = append(params, jen.Id(v.Name))
			} else {
				params = append(params, jen.Id("_"))
			}
		}
		body = append(append(body, encode...),
			jen.List(jen.Id(sent), jen.Id(err)).Op(":=").Id(out).Dot("Sent").Call(),
			give(),
			jen.List(params...).Op("=").Id(r.decoders[m]).Call(jen.Id(sent)),
		)
		body = append(body, test...)
	} else {
		body = append(append(body, test...), encode...)
	}
	way := r.target(env, m.Target, ahead, refuse)
	body = append(body, way.before...)
	body = append(body,
		jen.List(jen.Id(ahead), jen.Id(err)).Op(":=").Id(out).Dot("Send").Call(jen.Id(ctx)),
		give(),
		jen.Return(way.state, jen.Nil()),
	)

	r.f.Line().Add(r.sendDoc(p, m))
	r.f.Func().Params(jen.Id(s).Id(typ)).Id("Send"+m.Label).
		Params(append([]jen.Code{jen.Id(ctx).Qual("context", "Context")}, r.params(m.Params)...)...).
		Params(jen.Id(next), jen.Error()).Block(body...)
}

func (r *role) sendDoc(p *automaton.Place, m *automaton.Message) jen.Code {
	first := fmt.Sprintf("Send%s sends %s.", m.Label, m.Label)
	comment := trimDoc(m.Source.Doc)
	if m.Where == nil {
		return doc(first, comment)
	}
	pending := ""
	if slices.ContainsFunc(m.Where.Vars, func(v *check.Var) bool { return r.late[p][v] }) {
		pending = "While a value that this needs is deferred, it is refused with session.ErrPending."
	}
	return doc(first+" It is refused with a *session.ContractError, and the step not consumed, unless", "\t"+m.Where.Text, pending, comment)
}
