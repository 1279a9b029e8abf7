package emit

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// role is one role of a protocol as it is written.
type role struct {
	*protocol
	index        int
	name, prefix string
	// late are the variables of a place that may not be in yet.
	late map[*automaton.Place]map[*check.Var]bool
}

// typeOf is the name of the state type of a place.
func (r *role) typeOf(p *automaton.Place) string { return r.prefix + p.Name }

// start is the name of the type where the role begins.
func (r *role) start() string { return r.prefix + "Start" }

func (r *role) end() string { return r.prefix + "End" }

// first is the state where a session begins, made of its step.
func (r *role) first(step string) *jen.Statement {
	env := r.environment(nil, nil)
	return r.target(env, r.Enter, step, nil).state
}

// body is the type of a role's body.
func (r *role) body() *jen.Statement {
	return jen.Func().Params(jen.Id("ctx").Qual("context", "Context"), jen.Id("start").Id(r.start())).
		Params(jen.Id(r.end()), jen.Error())
}

// adapt is the function that session calls, around the role's body.
func (r *role) adapt() *jen.Statement {
	return jen.Func().Params(jen.Id("ctx").Qual("context", "Context"), jen.Id("first").Qual(sessionPath, "Step")).
		Params(jen.Qual(sessionPath, "Step"), jen.Error()).Block(
		jen.List(jen.Id("end"), jen.Err()).Op(":=").Id("body").Call(jen.Id("ctx"), r.first("first")),
		jen.Return(jen.Id("end").Dot(r.endStep()), jen.Err()),
	)
}

func (r *role) endStep() string { return r.held[r.Places[len(r.Places)-1]].step }

func (r *role) run() {
	name := "Run" + r.prefix
	r.f.Line().Add(doc(fmt.Sprintf(
		"%s runs the role %s of %s in a session of its own on conn. The body can return %s only by finishing the protocol; "+
			"its context ends with the session. %s returns nil when both roles have finished, else what ended the session: "+
			"the body's error, a *session.PeerError, or the connection's.",
		name, r.name, r.Protocol.Name, article(r.end()), name)))
	r.f.Func().Id(name).Params(
		jen.Id("ctx").Qual("context", "Context"), jen.Id("conn").Qual(sessionPath, "Conn"), jen.Id("body").Add(r.body()),
	).Error().Block(
		jen.Return(jen.Qual(sessionPath, "Run").Call(jen.Id("ctx"), jen.Id("conn"), jen.Op("&").Id(r.variable), r.adapt())),
	)
}

func (r *role) open() {
	name := "Open" + r.prefix
	r.f.Line().Add(doc(fmt.Sprintf(
		"%s opens a session of %s on conn for callers who hold its states themselves. They finish with Close on %s, or with Abort on any state.",
		name, r.Protocol.Name, r.end())))
	r.f.Func().Id(name).Params(jen.Id("ctx").Qual("context", "Context"), jen.Id("conn").Qual(sessionPath, "Conn")).
		Params(jen.Id(r.start()), jen.Error()).Block(
		jen.List(jen.Id("first"), jen.Err()).Op(":=").Qual(sessionPath, "Open").Call(jen.Id("ctx"), jen.Id("conn"), jen.Op("&").Id(r.variable)),
		jen.Return(r.first("first"), jen.Err()),
	)
}

func (r *role) register() {
	name := "Register" + r.prefix
	r.f.Line().Add(doc(fmt.Sprintf(
		"%s makes srv run body as the role %s of %s, once for each session that a peer opens, each in a goroutine of its own. "+
			"The body can return %s only by finishing the protocol; its context ends with the session. An error that it returns ends the session at both ends, "+
			"as does a panic, which is logged.",
		name, r.name, r.Protocol.Name, article(r.end()))))
	r.f.Func().Id(name).Params(jen.Id("srv").Qual(sessionPath, "Registrar"), jen.Id("body").Add(r.body())).Block(
		jen.Qual(sessionPath, "Register").Call(jen.Id("srv"), jen.Op("&").Id(r.variable), r.adapt()),
	)
}
