package emit

import (
	"go/ast"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// environment is the names of the variables in a function.
type environment struct {
	scope names.Scope
	of    map[*check.Var]string
	// declared are those that have been given a value.
	declared map[*check.Var]bool
	// late are those that have no name, since they may not be in yet: what a state holds of them.
	late map[*check.Var]*jen.Statement
}

// environment makes that of a step from a place: its parameters and what the place holds.
func (p *protocol) environment(place *automaton.Place, params []*check.Var) *environment {
	env := &environment{scope: names.NewScope(p.lower...), of: map[*check.Var]string{}, declared: map[*check.Var]bool{}, late: map[*check.Var]*jen.Statement{}}
	for _, v := range params {
		env.of[v], env.scope[v.Name], env.declared[v] = v.Name, true, true
	}
	if place != nil {
		for _, v := range kept(place) {
			if _, is := env.of[v]; !is {
				env.of[v] = env.scope.Pick(v.Name)
			}
		}
	}
	return env
}

// declare makes sure that v has a name, and reports whether it had no value yet.
func (env *environment) declare(v *check.Var) (fresh bool) {
	if env.of[v] == "" {
		env.of[v] = env.scope.Pick(v.Name)
	}
	fresh = !env.declared[v]
	env.declared[v] = true
	return fresh
}

// args are variables as arguments.
func (env *environment) args(vars []*check.Var) (list []jen.Code) {
	for _, v := range vars {
		list = append(list, jen.Id(env.of[v]))
	}
	return list
}

// letKey names what is bound at a place of the schema: the first of its expressions.
type letKey struct {
	to   *automaton.Place
	expr *check.Expr
}

// step is the way to a target: what is computed before the message is sent or accepted, and the state behind it.
type step struct {
	before []jen.Code
	state  *jen.Statement
	// uses are the variables that it takes from the state before.
	uses []*check.Var
}

// target writes the way to t. The variables that it needs have names in env. If
// something on the way may panic, refuse is what is done then.
func (r *role) target(env *environment, t automaton.Target, stepName string, refuse []jen.Code) *step {
	made := &step{uses: needed(t)}
	sound := r.sounds[t.To]
	direct := map[*check.Var]jen.Code{} // values that go into the state as they are
	for i, let := range t.Lets {
		later := neededBy(t, i+1)
		switch {
		case !r.inline(env, let):
			made.before = append(made.before, r.callLet(env, t.To, let, later, refuse)...)
		case i == len(t.Lets)-1 && sound == "":
			for k, v := range let.Vars {
				direct[v] = r.raw(let.Exprs[k])
			}
		default:
			made.before = append(made.before, r.bindLet(env, let, later)...)
		}
	}
	if sound != "" && refuse != nil {
		made.before = append(made.before, jen.If(jen.Op("!").Id(sound).Call(env.args(r.deciding(t.To))...)).Block(refuse...))
	}
	held := r.held[t.To]
	values := []jen.Code{jen.Id(held.step).Op(":").Id(stepName)}
	for _, v := range kept(t.To) {
		value := direct[v]
		switch {
		case value != nil:
		case env.late[v] != nil:
			value = env.late[v].Clone()
		case r.late[t.To][v]:
			value = jen.Qual(sessionPath, "Known").Call(jen.Id(env.of[v]))
		default:
			value = jen.Id(env.of[v])
		}
		values = append(values, jen.Id(held.of[v]).Op(":").Add(value))
	}
	made.state = jen.Id(r.typeOf(t.To)).Values(values...)
	return made
}

// needed are the variables that must have values for the target to be reached.
func needed(t automaton.Target) []*check.Var { return neededBy(t, 0) }

// neededBy is needed from the i-th let on.
func neededBy(t automaton.Target, i int) []*check.Var {
	vars := kept(t.To)
	for k := len(t.Lets) - 1; k >= i; k-- {
		let := t.Lets[k]
		vars = slices.DeleteFunc(vars, func(v *check.Var) bool { return slices.Contains(let.Vars, v) })
		for _, e := range let.Exprs {
			for _, v := range e.Vars {
				if !slices.Contains(vars, v) {
					vars = append(vars, v)
				}
			}
		}
	}
	return vars
}

// inline reports whether the values can be written where they are used.
func (r *protocol) inline(env *environment, let automaton.Let) bool {
	for _, e := range let.Exprs {
		if e.MayPanic {
			return false
		}
		for _, v := range e.Vars {
			if env.of[v] != v.Name {
				return false
			}
		}
	}
	return true
}

// bindLet binds variables to values, all at once; those that nothing needs any more are left out.
func (r *role) bindLet(env *environment, let automaton.Let, later []*check.Var) []jen.Code {
	var to, values []jen.Code
	fresh := false
	for i, v := range let.Vars {
		if !slices.Contains(later, v) {
			continue
		}
		fresh = env.declare(v) || fresh
		to = append(to, jen.Id(env.of[v]))
		value := r.raw(let.Exprs[i])
		if constantOf(let.Exprs[i]) && v.Type.Kind != check.Int && v.Type.Kind != check.String && v.Type.Kind != check.Bool {
			value = r.goType(v.Type).Call(value)
		}
		values = append(values, value)
	}
	switch {
	case len(to) == 0:
		return nil
	case fresh:
		return one(jen.List(to...).Op(":=").List(values...))
	}
	return one(jen.List(to...).Op("=").List(values...))
}

func constantOf(e *check.Expr) bool {
	tv, ok := e.Info.Types[e.Tree]
	if ok && tv.Value != nil {
		return true
	}
	_, literal := ast.Unparen(e.Tree).(*ast.BasicLit)
	return literal
}

// callLet has a function compute the values that cannot be written where they are used.
func (r *role) callLet(env *environment, to *automaton.Place, let automaton.Let, later []*check.Var, refuse []jen.Code) []jen.Code {
	name := r.letFunction(to, let)
	args := env.args(varsOf(let.Exprs))
	var results []jen.Code
	fresh := false
	for _, v := range let.Vars {
		if !slices.Contains(later, v) {
			results = append(results, jen.Id("_"))
			continue
		}
		fresh = env.declare(v) || fresh
		results = append(results, jen.Id(env.of[v]))
	}
	holds := "_"
	if mayPanic(let.Exprs) {
		if refuse != nil {
			holds, fresh = env.scope.Pick("ok"), true
		}
		results = append(results, jen.Id(holds))
	}
	assign := "="
	if fresh {
		assign = ":="
	}
	code := one(jen.List(results...).Op(assign).Id(name).Call(args...))
	if holds != "_" {
		code = append(code, jen.If(jen.Op("!").Id(holds)).Block(refuse...))
	}
	return code
}

func mayPanic(exprs []*check.Expr) bool {
	return slices.ContainsFunc(exprs, func(e *check.Expr) bool { return e.MayPanic })
}

// varsOf are the variables that expressions use, in the order of their binding.
func varsOf(exprs []*check.Expr) []*check.Var {
	var vars []*check.Var
	for _, e := range exprs {
		for _, v := range e.Vars {
			if !slices.Contains(vars, v) {
				vars = append(vars, v)
			}
		}
	}
	slices.SortStableFunc(vars, func(a, b *check.Var) int { return a.Depth - b.Depth })
	return vars
}
