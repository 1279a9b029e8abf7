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

// stub is one rpc as it is written.
type stub struct {
	*protocol
	rpc *check.RPC
	// method is the name of its rpc.Method.
	method string
	// request and reply are the messages that carry the two, or an item of each.
	request, reply *automaton.Message
}

// service writes everything that belongs to a service; calls are the automata of its rpcs.
func (g *generator) service(s *check.Service, calls []*automaton.Automaton) (stubs []*stub) {
	f := g.files[s.File]
	for i, r := range s.RPCs {
		stubs = append(stubs, g.stub(s, r, calls[i]))
	}
	g.serverInterface(f, s, stubs)
	g.registration(f, s, stubs)
	g.clientType(f, s)
	for _, st := range stubs {
		st.client(s)
	}
	for _, st := range stubs {
		st.variableDecl("")
		st.descriptor(s)
		st.tables()
		st.functions()
	}
	return stubs
}

func (g *generator) stub(s *check.Service, r *check.RPC, a *automaton.Automaton) *stub {
	p := g.newProtocol(a, s.Name+r.Name)
	st := &stub{protocol: p, rpc: r, method: g.taken.Pick(p.private)}
	st.request = p.steps[0]
	st.reply = p.steps[1]
	if r.StreamRequest {
		st.reply = p.steps[2]
	}
	return st
}

// descriptor writes the rpc.Method.
func (st *stub) descriptor(s *check.Service) {
	fields := []jen.Code{
		jen.Id("Protocol").Op(":").Op("&").Id(st.variable),
		jen.Id("Service").Op(":").Lit(st.p.Schema.Package + "." + s.Name),
		jen.Id("Name").Op(":").Lit(st.rpc.Name),
	}
	if st.rpc.Within > 0 {
		fields = append(fields, jen.Id("Within").Op(":").Add(duration(st.rpc.Within)))
	}
	for _, flag := range []struct {
		name string
		set  bool
	}{{"Idempotent", st.rpc.Idempotent}, {"StreamRequest", st.rpc.StreamRequest}, {"StreamReply", st.rpc.StreamReply}} {
		if flag.set {
			fields = append(fields, jen.Id(flag.name).Op(":").True())
		}
	}
	st.f.Line().Add(doc(fmt.Sprintf("%s is %s.%s as package rpc knows it.", st.method, s.Name, st.rpc.Name)))
	st.f.Var().Id(st.method).Op("=").Qual(rpcPath, "Method").Add(lines(fields...))
}

// contract says in words what a request must pass, and a reply.
func (st *stub) contract(request, reply string) []string {
	var all []string
	if st.rpc.Requires != nil {
		all = append(all, request, "\t"+st.rpc.Requires.Text)
	}
	if st.rpc.Ensures != nil {
		if len(all) > 0 {
			reply = "and " + strings.ToLower(reply[:1]) + reply[1:]
		}
		all = append(all, reply, "\t"+st.rpc.Ensures.Text)
	}
	return all
}

// item is the one type of a run.
func (st *stub) item(of []*check.Var) *jen.Statement { return st.goType(of[0].Type) }

// sender is the type of the function that sends the items of a run.
func (st *stub) sender(of []*check.Var) *jen.Statement {
	return jen.Func().Params(jen.Id(of[0].Name).Add(st.item(of))).Error()
}

// run is the type of a run of items that are received.
func (st *stub) run(of []*check.Var) *jen.Statement {
	return jen.Qual("iter", "Seq2").Types(st.item(of), jen.Error())
}

// results are named results, with an error at the end.
func (st *stub) results(vars []*check.Var, err string) []jen.Code {
	return append(st.params(vars), jen.Id(err).Error())
}

// scope is where the locals of a method are picked.
func (st *stub) scope() names.Scope {
	return st.localsOf(append(slices.Clone(st.rpc.Request), st.rpc.Reply...))
}

// naming is the environment in which every variable of the rpc has its own name.
func (st *stub) naming() *environment {
	env := &environment{scope: st.scope(), of: map[*check.Var]string{}}
	for _, v := range append(slices.Clone(st.rpc.Request), st.rpc.Reply...) {
		env.of[v] = v.Name
	}
	return env
}

// test is the statement that leaves with a refusal if the message's contract is broken; none if it has none.
func (st *stub) test(env *environment, m *automaton.Message, refuse func(values []jen.Code) jen.Code) []jen.Code {
	if m.Where == nil {
		return nil
	}
	values := (&role{protocol: st.protocol}).values(env, m)
	return one(jen.If(jen.Op("!").Id(st.wheres[m]).Call(env.args(m.Where.Vars)...)).Block(refuse(values)))
}

// decoded is the assignment that decodes the message's parameters; those that nothing uses are dropped.
func (st *stub) decoded(m *automaton.Message, assign string, from jen.Code, used func(*check.Var) bool) []jen.Code {
	if len(m.Params) == 0 {
		return nil
	}
	var to []jen.Code
	for _, v := range m.Params {
		if used(v) {
			to = append(to, jen.Id(v.Name))
		} else {
			to = append(to, jen.Id("_"))
		}
	}
	return one(jen.List(to...).Op(assign).Id(st.decoders[m]).Call(from))
}

func all(*check.Var) bool { return true }

// encoded is the statements that encode the message's parameters with e, in a function whose names are in scope.
func (st *stub) encoded(m *automaton.Message, e string, scope names.Scope) []jen.Code {
	st.avoid = scope
	defer func() { st.avoid = nil }()
	return st.fields(func() (code []jen.Code) {
		for i, v := range m.Params {
			code = append(code, st.encode(e, v.Name, i+1, v.Type, false)...)
		}
		return code
	})
}

// outgoing is the statements that encode a message by e, which call.begin begins, and test its contract. Values that
// are used later, and may not be what their encoding decodes to or may change meanwhile, are read back. with is what call.Sent is
// given.
func (st *stub) outgoing(env *environment, m *automaton.Message, call, err, begin string, with []jen.Code, keep func(*check.Var) bool, give func(err jen.Code) jen.Code, refuse func([]jen.Code) jen.Code) []jen.Code {
	e := env.scope.Pick(lowerFirst(begin))
	code := jen.Id(e).Op(":=").Id(call).Dot(begin).Call()
	encode := st.encoded(m, e, env.scope)
	if len(encode) == 0 {
		code = jen.Id(call).Dot(begin).Call()
	}
	test := st.test(env, m, refuse)
	asked := func(v *check.Var) bool {
		return m.Where != nil && slices.Contains(m.Where.Vars, v) && !st.exact(v.Type) || keep(v)
	}
	if !slices.ContainsFunc(m.Params, asked) {
		return append(append(test, code), encode...)
	}
	sent := env.scope.Pick("sent")
	all := append([]jen.Code{code}, encode...)
	all = append(all,
		jen.List(jen.Id(sent), jen.Id(err)).Op(":=").Id(call).Dot("Sent").Call(with...),
		jen.If(jen.Id(err).Op("!=").Nil()).Block(give(jen.Id(err))),
	)
	all = append(all, st.decoded(m, "=", jen.Id(sent), func(v *check.Var) bool {
		return keep(v) || m.Where != nil && slices.Contains(m.Where.Vars, v)
	})...)
	return append(all, test...)
}

func lowerFirst(s string) string { return string(s[0]-'A'+'a') + s[1:] }

// never keeps nothing.
func never(*check.Var) bool { return false }
