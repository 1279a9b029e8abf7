package emit

import (
	"fmt"
	"maps"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema/check"
)

func cloneScope(s names.Scope) names.Scope { return maps.Clone(s) }

// clientType writes the client of the service.
func (g *generator) clientType(f *file, s *check.Service) {
	name := s.Name + "Client"
	f.Line().Add(doc(fmt.Sprintf("%s calls %s. Its methods may be called from any number of goroutines; every error they return is an *rpc.Error.", name, s.Name)))
	f.Type().Id(name).Struct(jen.Id("rpc").Op("*").Qual(rpcPath, "Client"))
	f.Line().Add(doc(fmt.Sprintf("New%s makes a client on conn, which remains the caller's to close.", name)))
	f.Func().Id("New"+name).Params(jen.Id("conn").Qual(sessionPath, "Conn"), jen.Id("opts").Op("...").Qual(rpcPath, "ClientOption")).
		Op("*").Id(name).Block(
		jen.Return(jen.Op("&").Id(name).Values(jen.Id("rpc").Op(":").Qual(rpcPath, "NewClient").Call(jen.Id("conn"), jen.Id("opts").Op("...")))),
	)
}

// client writes the method that makes a call.
func (st *stub) client(s *check.Service) {
	env := st.naming()
	c, ctx, opts, call := env.scope.Pick("c"), env.scope.Pick("ctx"), env.scope.Pick("opts"), env.scope.Pick("call")
	params := []jen.Code{jen.Id(ctx).Qual("context", "Context")}
	body := ""
	if st.rpc.StreamRequest {
		body = env.scope.Pick("body")
		params = append(params, jen.Id(body).Func().Params(jen.Id(env.scope.Pick("send")).Add(st.sender(st.rpc.Request))).Error())
	} else {
		params = append(params, st.params(st.rpc.Request)...)
	}
	params = append(params, jen.Id(opts).Op("...").Qual(rpcPath, "CallOption"))
	begin := jen.Id(call).Op(":=").Id(c).Dot("rpc").Dot("Begin").Call(jen.Op("&").Id(st.method), jen.Id(opts))

	st.f.Line().Add(st.clientDoc())
	f := st.f.Func().Params(jen.Id(c).Op("*").Id(s.Name + "Client")).Id(st.rpc.Name).Params(params...)
	if st.rpc.StreamReply {
		f.Add(st.run(st.rpc.Reply)).Block(st.repliesBody(env, begin, ctx, call, body))
		return
	}
	err := env.scope.Pick("err")
	if len(st.rpc.Reply) == 0 {
		f.Error()
	} else {
		f.Params(st.results(st.rpc.Reply, err)...)
	}
	f.Block(st.replyBody(env, begin, ctx, call, body, err)...)
}

// replyBody is the body of a method with one reply.
func (st *stub) replyBody(env *environment, begin jen.Code, ctx, call, requests, err string) []jen.Code {
	give := func(err jen.Code) jen.Code {
		var list []jen.Code
		for _, v := range st.rpc.Reply {
			list = append(list, jen.Id(v.Name))
		}
		return jen.Return(append(list, err)...)
	}
	code := one(begin)
	made := "Unary"
	args := []jen.Code{jen.Id(ctx), jen.Id(call)}
	if st.rpc.StreamRequest {
		made = "Requests"
		args = append(args, st.upload(env, ctx, call, err, requests))
	} else {
		code = append(code, st.asked(env, ctx, call, err, give)...)
	}
	function := jen.Qual(rpcPath, made)
	if st.takesNothing() {
		function.Types(jen.Struct())
	}
	answer := ""
	if len(st.rpc.Reply) > 1 {
		answer = env.scope.Pick("answer")
		var fields []jen.Code
		for i, v := range st.rpc.Reply {
			fields = append(fields, jen.Id(st.field(i)).Add(st.goType(v.Type)))
		}
		code = append(code, jen.Type().Id(answer).Struct(fields...))
	}
	done := function.Call(append(args, st.takeReply(env, call, answer))...)
	switch len(st.rpc.Reply) {
	case 0:
		return append(code, jen.List(jen.Id("_"), jen.Id(err)).Op(":=").Add(done), jen.Return(jen.Id(err)))
	case 1:
		return append(code, jen.Return(done))
	}
	got := env.scope.Pick("got")
	var fields []jen.Code
	for i := range st.rpc.Reply {
		fields = append(fields, jen.Id(got).Dot(st.field(i)))
	}
	return append(code,
		jen.List(jen.Id(got), jen.Id(err)).Op(":=").Add(done),
		jen.Return(append(fields, jen.Id(err))...))
}

// asked is the statements that encode the request.
func (st *stub) asked(env *environment, ctx, call, err string, give func(jen.Code) jen.Code) []jen.Code {
	keep := func(v *check.Var) bool {
		e := st.rpc.Ensures
		return e != nil && slices.Contains(e.Vars, v) && (!st.exact(v.Type) || st.rpc.StreamReply && st.mutable(v.Type))
	}
	return st.outgoing(env, st.request, call, err, "Request", one(jen.Id(ctx)), keep, give, func(values []jen.Code) jen.Code {
		return give(jen.Id(call).Dot("Refuse").Call(append(one(jen.Id(ctx)), values...)...))
	})
}

// takesNothing reports whether there is nothing in the one reply that has to be looked at.
func (st *stub) takesNothing() bool { return len(st.rpc.Reply) == 0 && st.rpc.Ensures == nil }

// field is the name of the i-th of several replies, in the struct that holds them.
func (st *stub) field(i int) string { return st.rpc.Reply[i].Name }

// takeReply is the function that takes in the one reply; nil if there is nothing in it. It returns the one value of the
// reply, or several as an answer.
func (st *stub) takeReply(env *environment, call, answer string) jen.Code {
	if st.takesNothing() {
		return jen.Nil()
	}
	inner := &environment{scope: cloneScope(env.scope), of: env.of}
	reply := inner.scope.Pick("reply")
	got := jen.Struct()
	var result jen.Code = jen.Struct().Values()
	var body []jen.Code
	switch len(st.rpc.Reply) {
	case 0:
		body = st.test(inner, st.reply, func(values []jen.Code) jen.Code {
			return jen.Return(jen.Struct().Values(), jen.Id(call).Dot("Violated").Call(values...))
		})
	case 1:
		v := st.rpc.Reply[0]
		got, result = st.goType(v.Type), jen.Id(v.Name)
	default:
		var values []jen.Code
		for _, v := range st.rpc.Reply {
			values = append(values, jen.Id(v.Name))
		}
		got = jen.Id(answer)
		result = got.Clone().Values(values...)
	}
	if len(st.rpc.Reply) > 0 {
		body = st.decoded(st.reply, ":=", jen.Id(reply), all)
		body = append(body, st.test(inner, st.reply, func(values []jen.Code) jen.Code {
			return jen.Return(result, jen.Id(call).Dot("Violated").Call(values...))
		})...)
	}
	body = append(body, jen.Return(result, jen.Nil()))
	return jen.Func().Params(
		jen.Id(call).Op("*").Qual(rpcPath, "ClientCall"), jen.Id(reply).Op("*").Qual(sessionPath, "Decoder"),
	).Params(got, jen.Error()).Block(body...)
}

// repliesBody is the statement of a method with a run of replies.
func (st *stub) repliesBody(env *environment, begin jen.Code, ctx, call, requests string) jen.Code {
	yield, err, none := env.scope.Pick("yield"), env.scope.Pick("err"), env.scope.Pick("none")
	item := st.rpc.Reply[0].Name
	code := []jen.Code{jen.Var().Id(none).Add(st.item(st.rpc.Reply)), begin}
	made := "Replies"
	args := []jen.Code{jen.Id(ctx)}
	if st.rpc.StreamRequest {
		made = "Exchange"
		args = append(args, st.upload(env, ctx, call, err, requests))
	} else {
		code = append(code, st.asked(env, ctx, call, err, func(err jen.Code) jen.Code {
			return jen.Id(yield).Call(jen.Id(none), err).Line().Return()
		})...)
	}
	reply := env.scope.Pick("reply")
	fail := func(err jen.Code) jen.Code { return jen.Return(jen.False(), err) }
	take := st.decoded(st.reply, ":=", jen.Id(reply), all)
	take = append(take, st.test(env, st.reply, func(values []jen.Code) jen.Code {
		return fail(jen.Id(call).Dot("Violated").Call(values...))
	})...)
	take = append(take,
		jen.If(jen.Id(err).Op(":=").Id(call).Dot("Accept").Call(), jen.Id(err).Op("!=").Nil()).Block(fail(jen.Id(err))),
		jen.Return(jen.Id(yield).Call(jen.Id(item), jen.Nil()), jen.Nil()),
	)
	args = append(args, jen.Func().Params(jen.Id(reply).Op("*").Qual(sessionPath, "Decoder")).Params(jen.Bool(), jen.Error()).Block(take...))
	code = append(code,
		jen.If(jen.Id(err).Op(":=").Id(call).Dot(made).Call(args...), jen.Id(err).Op("!=").Nil()).Block(jen.Id(yield).Call(jen.Id(none), jen.Id(err))),
	)
	return jen.Return(jen.Func().Params(jen.Id(yield).Func().Params(st.item(st.rpc.Reply), jen.Error()).Bool()).Block(code...))
}

// upload is the function that sends the run of requests.
func (st *stub) upload(env *environment, ctx, call, err, requests string) jen.Code {
	inner := &environment{scope: cloneScope(env.scope), of: env.of}
	give := func(err jen.Code) jen.Code { return jen.Return(err) }
	send := st.outgoing(inner, st.request, call, err, "Request", one(jen.Id(ctx)), never, give, func(values []jen.Code) jen.Code {
		return give(jen.Id(call).Dot("Refuse").Call(append(one(jen.Id(ctx)), values...)...))
	})
	send = append(send, jen.Return(jen.Id(call).Dot("Send").Call(jen.Id(ctx))))
	return jen.Func().Params(jen.Id(ctx).Qual("context", "Context")).Error().Block(
		jen.Return(jen.Id(requests).Call(
			jen.Func().Params(jen.Id(st.rpc.Request[0].Name).Add(st.item(st.rpc.Request))).Error().Block(send...),
		)),
	)
}

func (st *stub) clientDoc() jen.Code {
	comment := trimDoc(st.rpc.Doc)
	first := fmt.Sprintf("%s calls rpc %s.", st.rpc.Name, st.rpc.Name)
	if st.rpc.StreamRequest {
		first = fmt.Sprintf("%s calls rpc %s. The requests are what body sends; an error that body returns ends the call.", st.rpc.Name, st.rpc.Name)
	}
	if st.rpc.StreamReply {
		if st.rpc.StreamRequest {
			first += " Requests go first: the replies come once body has returned."
		}
		first += " Each range over the sequence makes a call; an error is its last element, and leaving the loop early cancels the call."
	}
	if st.rpc.Within > 0 {
		first += fmt.Sprintf(" If ctx has no deadline, the call has %s.", st.rpc.Within)
	}
	request := "The request must pass, or it is not sent:"
	if st.rpc.StreamRequest {
		request = "Each item must pass, or it is not sent:"
	}
	return doc(append([]string{first, comment}, st.contract(request, "The reply has passed")...)...)
}
