package emit

import (
	"fmt"
	"maps"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// functions writes what the states of both roles call: predicates, conditions,
// values that may panic, and decoders.
func (p *protocol) functions() {
	p.f.seam()
	for _, m := range p.steps {
		if m.Where == nil {
			continue
		}
		name := p.wheres[m]
		p.f.Line().Add(doc(fmt.Sprintf("%s is the predicate of %s (%s).", name, m.Label, at(m.Source.Pos))))
		p.predicate(name, m.Where)
	}
	for _, place := range p.Places {
		if place.Kind != automaton.Conditional {
			continue
		}
		name := p.conditions[place]
		p.f.Line().Add(doc(fmt.Sprintf("%s is the condition of the if at %s.", name, at(place.Pos))))
		p.predicate(name, place.Cond)
		if p.unsure(place) {
			p.sound(place)
		}
	}
	p.f.seam()
	for _, c := range p.later {
		p.f.Add(c)
	}
	for _, m := range p.steps {
		if p.decoders[m] != "" {
			p.decoder(m)
		}
	}
}

// ofRuntime reports whether package rpc decodes the message: the error of a call, whose type no schema declares.
func ofRuntime(m *automaton.Message) bool {
	for _, v := range m.Params {
		if v.Type.Named != nil && v.Type.Named.File == "" {
			return true
		}
	}
	return false
}

// params are variables as parameters of a function, with those of one type together.
func (p *protocol) params(vars []*check.Var) []jen.Code {
	var list []jen.Code
	for i := 0; i < len(vars); {
		group := []jen.Code{jen.Id(vars[i].Name)}
		k := i + 1
		for k < len(vars) && typeText(vars[k].Type) == typeText(vars[i].Type) {
			group = append(group, jen.Id(vars[k].Name))
			k++
		}
		list = append(list, jen.List(group...).Add(p.goType(vars[i].Type)))
		i = k
	}
	return list
}

// localsOf is a scope in which the variables and what their functions must not hide are taken.
func (p *protocol) localsOf(vars []*check.Var) names.Scope {
	scope := names.NewScope(p.lower...)
	for _, v := range vars {
		scope[v.Name] = true
	}
	return scope
}

// predicate writes a function that tells whether e holds; one that panics does not.
func (p *protocol) predicate(name string, e *check.Expr) {
	f := p.f.Func().Id(name).Params(p.params(e.Vars)...)
	if !e.MayPanic {
		f.Bool().Block(jen.Return(p.raw(e)))
		return
	}
	holds := p.localsOf(e.Vars).Pick("holds")
	f.Params(jen.Id(holds).Bool()).Block(
		jen.Defer().Qual(sessionPath, "FalseOnPanic").Call(jen.Op("&").Id(holds)),
		jen.Return(p.raw(e)),
	)
}

// letFunction names the function that computes what let binds, and writes it the first time.
func (p *protocol) letFunction(to *automaton.Place, let automaton.Let) string {
	key := letKey{to, let.Exprs[0]}
	if name, known := p.lets[key]; known {
		return name
	}
	name := p.taken.Pick(p.private + to.Name + "Next")
	p.lets[key] = name
	vars := varsOf(let.Exprs)
	scope := p.localsOf(vars)
	var results, values []jen.Code
	may := mayPanic(let.Exprs)
	for i, v := range let.Vars {
		result := p.goType(v.Type)
		if may {
			result = jen.Id(scope.Pick(v.Name)).Add(p.goType(v.Type))
		}
		results = append(results, result)
		values = append(values, p.raw(let.Exprs[i]))
	}
	var body []jen.Code
	if may {
		holds := scope.Pick("holds")
		results = append(results, jen.Id(holds).Bool())
		values = append(values, jen.True())
		body = append(body, jen.Defer().Qual(sessionPath, "FalseOnPanic").Call(jen.Op("&").Id(holds)))
	}
	p.later = append(p.later, jen.Line().Add(doc(fmt.Sprintf("%s computes what %s holds (%s).", name, to.Name, at(let.Exprs[0].Pos)))).Line().
		Func().Id(name).Params(p.params(vars)...).Params(results...).Block(append(body, jen.Return(values...))...))
	return name
}

// unsure reports whether the if at the place, or what it leads to without a message, may panic.
func (p *protocol) unsure(place *automaton.Place) bool {
	if place.Kind != automaton.Conditional {
		return false
	}
	if place.Cond.MayPanic {
		return true
	}
	for _, side := range []automaton.Target{place.Then, place.Else} {
		for _, let := range side.Lets {
			if mayPanic(let.Exprs) {
				return true
			}
		}
		if p.unsure(side.To) {
			return true
		}
	}
	return false
}

// deciding are the variables of a place that decide how the protocol goes on.
func (p *protocol) deciding(place *automaton.Place) []*check.Var {
	return slices.DeleteFunc(kept(place), func(v *check.Var) bool { return !p.computed[v] })
}

// sound writes the function that tells whether the if at the place can be decided, and
// what follows it computed, without a panic. It is asked before the message that leads there is accepted.
func (p *protocol) sound(place *automaton.Place) {
	name := p.sounds[place]
	vars := p.deciding(place)
	env := p.environment(nil, vars)
	// What is not visible at the place may be called like something that is.
	scope := p.localsOf(nil)
	var params []jen.Code
	for _, v := range vars {
		env.of[v] = scope.Pick(v.Name)
		params = append(params, jen.Id(env.of[v]).Add(p.goType(v.Type)))
	}
	holds := scope.Pick("holds")
	env.scope = scope
	r := &role{protocol: p}
	side := func(t automaton.Target) []jen.Code {
		inner := &environment{scope: maps.Clone(env.scope), of: maps.Clone(env.of), declared: maps.Clone(env.declared)}
		refuse := one(jen.Return(jen.False()))
		var code []jen.Code
		for i, let := range t.Lets {
			later := neededBy(t, i+1)
			if !p.unsure(t.To) && i == len(t.Lets)-1 {
				later = nil
			}
			if !p.inline(inner, let) {
				code = append(code, r.callLet(inner, t.To, let, later, refuse)...)
			} else if later != nil {
				code = append(code, r.bindLet(inner, let, later)...)
			}
		}
		if p.unsure(t.To) {
			return append(code, jen.Return(jen.Id(p.sounds[t.To]).Call(inner.args(p.deciding(t.To))...)))
		}
		return append(code, jen.Return(jen.True()))
	}
	p.f.Line().Add(doc(fmt.Sprintf("%s tells whether the if at %s can be decided without a panic.", name, at(place.Pos))))
	p.f.Func().Id(name).Params(params...).Params(jen.Id(holds).Bool()).Block(append([]jen.Code{
		jen.Defer().Qual(sessionPath, "FalseOnPanic").Call(jen.Op("&").Id(holds)),
		jen.If(p.raw(place.Cond)).Block(side(place.Then)...), // not its function, which takes a panic for false
	}, side(place.Else)...)...)
}

// decoder writes the function that reads a message's parameters.
func (p *protocol) decoder(m *automaton.Message) {
	scope := p.localsOf(m.Params)
	d := scope.Pick("d")
	p.avoid = scope
	defer func() { p.avoid = nil }()
	var numbers []int
	var bodies [][]jen.Code
	var results []jen.Code
	var tail []jen.Code
	for i, v := range m.Params {
		numbers = append(numbers, i+1)
		bodies = append(bodies, p.decode(d, v.Name, v.Type))
		results = append(results, jen.Id(v.Name))
		if v.Type.Kind == check.Union {
			tail = append(tail, jen.If(jen.Id(v.Name).Op("==").Nil()).Block(jen.Id(d).Dot("Fail").Call(jen.Lit("no "+v.Type.Named.Name))))
		}
		tail = append(tail, p.demand(d, v.Name, v.Type)...)
	}
	body := append([]jen.Code{p.decodeFields(d, numbers, bodies)}, tail...)
	p.f.Line().Func().Id(p.decoders[m]).Params(jen.Id(d).Op("*").Qual(sessionPath, "Decoder")).
		Params(p.params(m.Params)...).Block(append(body, jen.Return(results...))...)
}
