package emit

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// service writes the targets of what serves a service and of what calls it, and the peers
// that they play.
func (f *fuzzer) service(s *check.Service, stubs []*stub) {
	if len(stubs) == 0 {
		return
	}
	out := f.file(s.File)
	server, fuzzServer := f.taken.Pick("Fuzzed"+s.Name+"Server"), f.taken.Pick("Fuzz"+s.Name+"Server")
	client, fuzzClient := f.taken.Pick("Fuzzed"+s.Name+"Client"), f.taken.Pick("Fuzz"+s.Name+"Client")
	calls, plays := f.taken.Pick("call"+s.Name), f.taken.Pick(names.Private(s.Name)+"Peer")
	var protocols []jen.Code
	for _, st := range stubs {
		protocols = append(protocols, jen.Op("&").Id(st.variable))
	}
	target := func(name, function string, args ...jen.Code) {
		out.Func().Id(name).Params(jen.Id("f").Op("*").Qual("testing", "F")).Block(
			jen.Qual(fuzzPath, function).Custom(jen.Options{Open: "(", Close: ")", Separator: ",", Multi: true},
				append([]jen.Code{jen.Custom(jen.Options{Separator: ","}, append(one(jen.Id("f")), args...)...)}, protocols...)...),
		)
	}
	register, newClient := jen.Id("Register"+s.Name), jen.Id("New"+s.Name+"Client")

	out.Line().Add(doc(fmt.Sprintf("%s makes the implementation of %s that %s calls: a new one for each input. "+
		"What it begins, t.Cleanup can end. Set it in a test file of this folder, in func init.", server, s.Name, fuzzServer)))
	out.Var().Id(server).Func().Params(jen.Id("t").Qual("testing", "TB")).Id(s.Name + "Server")
	out.Line().Add(doc(fmt.Sprintf("%s makes calls that keep to %s, and one that leaves it in one step, to what %s makes.", fuzzServer, s.Name, server)))
	target(fuzzServer, "Server", jen.Id(server), register, newClient, jen.Id(calls))

	out.Line().Add(doc(fmt.Sprintf("%s is the program that %s answers. Set it in a test file of this folder, in func init.", client, fuzzClient)))
	out.Var().Id(client).Func().Params(jen.Id("ctx").Qual("context", "Context"), jen.Id("c").Op("*").Id(s.Name+"Client")).Error()
	out.Line().Add(doc(fmt.Sprintf("%s gives answers that keep to %s, and one that leaves it in one step, to the calls of %s.", fuzzClient, s.Name, client)))
	p := jen.Id("p").Op("*").Qual(fuzzPath, "Peer")
	target(fuzzClient, "Client", jen.Id(client), newClient, register, jen.Func().Params(p).Id(s.Name+"Server").Add(
		brief(jen.Return(jen.Id(plays).Values(jen.Id("p")))),
	))

	f.calls(out, s, stubs, calls)
	out.Line().Add(doc(fmt.Sprintf("%s serves %s with whatever its contracts allow.", plays, s.Name)))
	out.Type().Id(plays).Struct(jen.Id("p").Op("*").Qual(fuzzPath, "Peer"))
	for _, st := range stubs {
		f.answers(out, st, plays)
	}
}

// calls writes the function that makes one call, any.
func (f *fuzzer) calls(out *file, s *check.Service, stubs []*stub, name string) {
	var vars []*check.Var
	for _, st := range stubs {
		vars = append(append(vars, st.rpc.Request...), st.rpc.Reply...)
	}
	scope := stubs[0].localsOf(vars)
	ctx, p, c := scope.Pick("ctx"), scope.Pick("p"), scope.Pick("c")
	body := f.call(stubs[0], scope, ctx, p, c)
	if len(stubs) > 1 {
		cases := []jen.Code{}
		for i, st := range stubs[:len(stubs)-1] {
			cases = append(cases, jen.Case(jen.Lit(i)).Block(f.call(st, scope, ctx, p, c)...))
		}
		cases = append(cases, jen.Default().Block(f.call(stubs[len(stubs)-1], scope, ctx, p, c)...))
		body = one(jen.Switch(jen.Id(p).Dot("Below").Call(jen.Lit(len(stubs)))).Block(cases...))
	}
	out.Line().Add(doc(fmt.Sprintf("%s makes a call of %s.", name, s.Name)))
	out.Func().Id(name).Params(
		jen.Id(ctx).Qual("context", "Context"), jen.Id(p).Op("*").Qual(fuzzPath, "Peer"), jen.Id(c).Op("*").Id(s.Name+"Client"),
	).Error().Block(body...)
}

// call is the statements that make a call of one method.
func (f *fuzzer) call(st *stub, scope names.Scope, ctx, p, c string) (code []jen.Code) {
	inner := cloneScope(scope)
	err := inner.Pick("err")
	args := one(jen.Id(ctx))
	if st.rpc.StreamRequest {
		send := inner.Pick("send")
		args = append(args, jen.Func().Params(jen.Id(send).Add(st.sender(st.rpc.Request))).Error().Block(f.items(st, st.rpc.Request, st.request, ctx, p, send)...))
	} else {
		d := f.drawing(st, st.rpc.Request, st.request, p)
		code = append(code, d.vars...)
		if d.function != nil {
			code = append(code, jen.Id(p).Dot("Fit").Call(d.function), jen.Id(p).Dot("Heard").Call(d.values...))
		}
		args = append(args, d.values...)
	}
	args = append(args, jen.Id(p).Dot("Options").Call().Op("..."))
	made := jen.Id(c).Dot(st.rpc.Name).Call(args...)
	var got []jen.Code
	for _, v := range st.rpc.Reply {
		got = append(got, jen.Id(v.Name))
	}
	heard := jen.Id(p).Dot("Heard").Call(got...)
	switch {
	case st.rpc.StreamReply:
		return append(code,
			jen.For(jen.List(got[0], jen.Id(err)).Op(":=").Range().Add(made)).Block(
				jen.If(jen.Id(err).Op("!=").Nil()).Block(jen.Return(jen.Id(err))),
				heard,
				jen.If(jen.Id(p).Dot("Enough").Call()).Block(jen.Break()),
			),
			jen.Return(jen.Nil()))
	case len(got) == 0:
		return append(code, jen.Return(made))
	}
	return append(code,
		jen.List(append(slices.Clone(got), jen.Id(err))...).Op(":=").Add(made),
		heard,
		jen.Return(jen.Id(err)))
}

// drawing is values that are drawn until they fit.
type drawing struct {
	vars, values []jen.Code // their declarations, and their names
	function     jen.Code   // draws all, and says whether they fit; nil if there is nothing to draw and no contract
}

func (f *fuzzer) drawing(st *stub, params []*check.Var, m *automaton.Message, p string) (d drawing) {
	var body []jen.Code
	for _, v := range params {
		d.vars = append(d.vars, jen.Var().Id(v.Name).Add(st.goType(v.Type)))
		d.values = append(d.values, jen.Id(v.Name))
		body = append(body, jen.Id(v.Name).Op("=").Add(f.draw(p, v.Type)))
	}
	fits := jen.True()
	if m.Where != nil {
		fits = jen.Id(st.wheres[m]).Call(st.naming().args(m.Where.Vars)...)
	} else if len(params) == 0 {
		return d
	}
	d.function = jen.Func().Params().Bool().Block(append(body, jen.Return(fits))...)
	return d
}

// items is the statements that send a run of items by send.
func (f *fuzzer) items(st *stub, params []*check.Var, m *automaton.Message, ctx, p, send string) []jen.Code {
	d := f.drawing(st, params, m, p)
	give := jen.Func().Params().Error().Block(jen.Id(p).Dot("Heard").Call(d.values...), jen.Return(jen.Id(send).Call(d.values...)))
	return append(d.vars, jen.Return(jen.Id(p).Dot("Items").Call(jen.Id(ctx), d.function, give)))
}

// answers writes the method that answers calls of one rpc.
func (f *fuzzer) answers(out *file, st *stub, plays string) {
	env := st.naming()
	s, ctx := env.scope.Pick("s"), env.scope.Pick("ctx")
	p := env.scope.Pick("p")
	items, send, err, failed := env.scope.Pick("items"), env.scope.Pick("send"), env.scope.Pick("err"), env.scope.Pick("failed")
	var asked []jen.Code
	for _, v := range st.rpc.Request {
		asked = append(asked, jen.Id(v.Name))
	}
	params := one(jen.Id(ctx).Qual("context", "Context"))
	body := one(jen.Id(p).Op(":=").Id(s).Dot("p"))
	heard := jen.Id(p).Dot("Heard").Call(asked...)
	single := !st.rpc.StreamReply && len(st.rpc.Reply) > 0
	if st.rpc.StreamRequest {
		params = append(params, jen.Id(items).Add(st.run(st.rpc.Request)))
		give := []jen.Code{jen.Id(failed)}
		if single {
			give = nil
			for _, v := range st.rpc.Reply {
				give = append(give, jen.Id(v.Name))
			}
			give = append(give, jen.Id(failed))
		}
		body = append(body, jen.For(jen.List(asked[0], jen.Id(failed)).Op(":=").Range().Id(items)).Block(
			jen.If(jen.Id(failed).Op("!=").Nil()).Block(jen.Return(give...)), heard,
		))
	} else {
		params = append(params, st.params(st.rpc.Request)...)
		if len(asked) > 0 {
			body = append(body, heard)
		}
	}
	method := jen.Func().Params(jen.Id(s).Id(plays)).Id(st.rpc.Name)
	switch {
	case st.rpc.StreamReply:
		params = append(params, jen.Id(send).Add(st.sender(st.rpc.Reply)))
		method.Params(params...).Error()
		body = append(body, f.items(st, st.rpc.Reply, st.reply, ctx, p, send)...)
	case single:
		method.Params(params...).Params(st.results(st.rpc.Reply, err)...)
		d := f.drawing(st, st.rpc.Reply, st.reply, p)
		body = append(body,
			jen.Id(err).Op("=").Id(p).Dot("Answer").Call(jen.Id(ctx), d.function),
			jen.Return(append(d.values, jen.Id(err))...))
	default:
		method.Params(params...).Error()
		d := f.drawing(st, nil, st.reply, p)
		if d.function == nil {
			d.function = jen.Nil()
		}
		body = append(body, jen.Return(jen.Id(p).Dot("Answer").Call(jen.Id(ctx), d.function)))
	}
	out.Line()
	out.Add(method.Block(body...))
}
