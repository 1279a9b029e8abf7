package emit

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/schema/check"
)

// serverInterface writes what serves the service.
func (g *generator) serverInterface(f *file, s *check.Service, stubs []*stub) {
	var methods []jen.Code
	for i, st := range stubs {
		if i > 0 {
			methods = append(methods, jen.Line())
		}
		comment := trimDoc(st.rpc.Doc)
		if comment == "" {
			comment = fmt.Sprintf("%s serves rpc %s.", st.rpc.Name, st.rpc.Name)
		}
		paragraphs := []string{comment}
		if st.rpc.StreamRequest && st.rpc.StreamReply {
			paragraphs = append(paragraphs, "Receive the items first: calling send within their loop skips those that are left.")
		}
		paragraphs = append(paragraphs, st.contract(st.passed(), "Its reply must pass, or the caller gets an internal error:")...)
		methods = append(methods, doc(paragraphs...), st.serverMethod())
	}
	f.Line().Add(doc(
		fmt.Sprintf("%sServer serves %s. Each call has its own goroutine; its context ends with the call. An *rpc.Error that a method returns "+
			"reaches the caller; of any other error only the code travels, never the text.", s.Name, s.Name), trimDoc(s.Doc)))
	f.Type().Id(s.Name + "Server").Interface(methods...)
}

// passed says what holds of the request.
func (st *stub) passed() string {
	if st.rpc.StreamRequest {
		return "Each item has passed"
	}
	return "The request has passed"
}

// serverMethod is the method of the interface.
func (st *stub) serverMethod() jen.Code {
	scope := st.scope()
	params := []jen.Code{jen.Id(scope.Pick("ctx")).Qual("context", "Context")}
	if st.rpc.StreamRequest {
		params = append(params, jen.Id(scope.Pick("items")).Add(st.run(st.rpc.Request)))
	} else {
		params = append(params, st.params(st.rpc.Request)...)
	}
	m := jen.Id(st.rpc.Name)
	if st.rpc.StreamReply {
		params = append(params, jen.Id(scope.Pick("send")).Add(st.sender(st.rpc.Reply)))
		return m.Params(params...).Error()
	}
	m.Params(params...)
	if len(st.rpc.Reply) == 0 {
		return m.Error()
	}
	return m.Params(st.results(st.rpc.Reply, scope.Pick("err"))...)
}

// registration writes the function that serves the service.
func (g *generator) registration(f *file, s *check.Service, stubs []*stub) {
	name := "Register" + s.Name
	var body []jen.Code
	for _, st := range stubs {
		body = append(body, jen.Qual(rpcPath, "Handle").Call(jen.Id("srv"), jen.Op("&").Id(st.method), st.handler(), jen.Id("opts")))
	}
	f.Line().Add(doc(fmt.Sprintf("%s makes srv serve %s by impl.", name, s.Name)))
	f.Func().Id(name).Params(
		jen.Id("srv").Qual(sessionPath, "Registrar"), jen.Id("impl").Id(s.Name+"Server"), jen.Id("opts").Op("...").Qual(rpcPath, "HandlerOption"),
	).Block(body...)
}

// handler is the function that serves one call.
func (st *stub) handler() jen.Code {
	env := st.naming()
	for _, outer := range []string{"srv", "impl", "opts"} {
		env.scope[outer] = true
	}
	ctx, call := env.scope.Pick("ctx"), env.scope.Pick("call")
	err := env.scope.Pick("err")
	var body []jen.Code
	args := []jen.Code{jen.Id(ctx)}
	if st.rpc.StreamRequest {
		args = append(args, st.items(env, ctx, call, err))
	} else {
		body = append(body, st.decoded(st.request, ":=", jen.Id(call).Dot("Request").Call(), all)...)
		body = append(body, st.test(env, st.request, func(values []jen.Code) jen.Code {
			return jen.Return(jen.Id(call).Dot("Violated").Call(values...))
		})...)
		body = append(body, jen.If(jen.Id(err).Op(":=").Id(call).Dot("Accept").Call(), jen.Id(err).Op("!=").Nil()).Block(jen.Return(jen.Id(err))))
		for _, v := range st.rpc.Request {
			args = append(args, jen.Id(v.Name))
		}
		body = append(body, st.keep(env)...)
	}
	impl := "impl"
	if slices.ContainsFunc(append(slices.Clone(st.rpc.Request), st.rpc.Reply...), func(v *check.Var) bool { return v.Name == impl }) {
		// A parameter hides the implementation: it is the method value that is called.
		impl = ""
	}
	method := jen.Id("impl").Dot(st.rpc.Name)
	var before []jen.Code
	if impl == "" {
		serve := env.scope.Pick("serve")
		before = one(jen.Id(serve).Op(":=").Add(method))
		method = jen.Id(serve)
	}
	body = append(before, body...)
	refuse := func(values []jen.Code) jen.Code { return jen.Return(jen.Id(call).Dot("Broken").Call(values...)) }
	give := func(err jen.Code) jen.Code { return jen.Return(err) }
	switch {
	case st.rpc.StreamReply:
		var send []jen.Code
		send = append(send, st.outgoing(env, st.reply, call, err, "Reply", nil, never, give, refuse)...)
		send = append(send, jen.Return(jen.Id(call).Dot("Send").Call(jen.Id(ctx))))
		args = append(args, jen.Func().Params(jen.Id(st.rpc.Reply[0].Name).Add(st.item(st.rpc.Reply))).Error().Block(send...))
		body = append(body, jen.Return(method.Call(args...)))
	default:
		results := []jen.Code{}
		for _, v := range st.rpc.Reply {
			results = append(results, jen.Id(v.Name))
		}
		results = append(results, jen.Id(err))
		body = append(body,
			jen.List(results...).Op(":=").Add(method).Call(args...),
			jen.If(jen.Id(err).Op("!=").Nil()).Block(jen.Return(jen.Id(err))),
		)
		body = append(body, st.outgoing(env, st.reply, call, err, "Reply", nil, never, give, refuse)...)
		body = append(body, jen.Return(jen.Nil()))
	}
	return jen.Func().Params(jen.Id(ctx).Qual("context", "Context"), jen.Id(call).Op("*").Qual(rpcPath, "ServerCall")).Error().Block(body...)
}

// keep copies what the contract of the reply needs of the request, and the implementation may change.
func (st *stub) keep(env *environment) (code []jen.Code) {
	if st.rpc.Ensures == nil {
		return nil
	}
	for _, v := range st.rpc.Request {
		if slices.Contains(st.rpc.Ensures.Vars, v) && st.mutable(v.Type) {
			kept := env.scope.Pick("kept" + upperFirst(v.Name))
			code = append(code, jen.Id(kept).Op(":=").Id(v.Name))
			code = append(code, st.unshare(kept, v.Type)...)
			env.of[v] = kept
		}
	}
	return code
}

// items is the run of requests that the implementation receives.
func (st *stub) items(env *environment, ctx, call, err string) jen.Code {
	inner := &environment{scope: cloneScope(env.scope), of: env.of}
	yield, item := inner.scope.Pick("yield"), inner.scope.Pick("item")
	name := st.rpc.Request[0].Name
	fail := func(err jen.Code) jen.Code { return jen.Return(jen.False(), err) }
	take := st.decoded(st.request, ":=", jen.Id(item), all)
	take = append(take, st.test(inner, st.request, func(values []jen.Code) jen.Code {
		return fail(jen.Id(call).Dot("Violated").Call(values...))
	})...)
	take = append(take,
		jen.If(jen.Id(err).Op(":=").Id(call).Dot("Accept").Call(), jen.Id(err).Op("!=").Nil()).Block(fail(jen.Id(err))),
		jen.Return(jen.Id(yield).Call(jen.Id(name), jen.Nil()), jen.Nil()),
	)
	zero := inner.scope.Pick("none")
	return jen.Func().Params(jen.Id(yield).Func().Params(st.item(st.rpc.Request), jen.Error()).Bool()).Block(
		jen.Id(err).Op(":=").Id(call).Dot("Requests").Call(jen.Id(ctx),
			jen.Func().Params(jen.Id(item).Op("*").Qual(sessionPath, "Decoder")).Params(jen.Bool(), jen.Error()).Block(take...)),
		jen.If(jen.Id(err).Op("!=").Nil()).Block(
			jen.Var().Id(zero).Add(st.item(st.rpc.Request)),
			jen.Id(yield).Call(jen.Id(zero), jen.Id(err)),
		),
	)
}
