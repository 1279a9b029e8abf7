package emit

import (
	"fmt"
	"go/constant"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

const fuzzPath = "github.com/sessgen/sessgen/runtime/simnet/peerfuzz"

// FuzzSuffix is what stands behind the name of a schema file in that of its fuzz targets.
const FuzzSuffix = "_fuzz_test.go"

// fuzzer writes the fuzz targets of a schema: files beside the others.
type fuzzer struct {
	*generator
	files map[string]*file
	// heights say how deep the values of a type are at least, for unions.
	heights map[*check.Named]int
	// makers are the names of the functions that draw values.
	makers map[*check.Named]string
}

func newFuzzer(g *generator) *fuzzer {
	f := &fuzzer{generator: g, files: map[string]*file{}, makers: map[*check.Named]string{}}
	for _, n := range g.p.Types {
		if g.types[n].carried && (n.Kind == check.Struct || n.Kind == check.Union) {
			f.makers[n] = g.taken.Pick("draw" + n.Name)
		}
	}
	f.heights = heights(g.p.Types)
	return f
}

// heights finds how many structs the shallowest value of each type has inside one another.
func heights(types []*check.Named) map[*check.Named]int {
	const tall = 1 << 20
	all := map[*check.Named]int{}
	for _, n := range types {
		all[n] = tall
	}
	for changed := true; changed; {
		changed = false
		for _, n := range types {
			height := 0
			switch n.Kind {
			case check.Struct:
				for _, f := range n.Fields {
					if t := f.Type; t.Kind == check.Struct || t.Kind == check.Union {
						height = max(height, all[t.Named]+1)
					}
				}
			case check.Union:
				height = tall
				for _, m := range n.Members {
					height = min(height, all[m.Struct]+1)
				}
			}
			if height < all[n] {
				all[n], changed = height, true
			}
		}
	}
	return all
}

// file is the file of the targets for what a schema file declares.
func (f *fuzzer) file(source string) *file {
	if f.files[source] == nil {
		f.files[source] = f.newFile(source)
	}
	return f.files[source]
}

// protocol writes the targets of both roles and the peers that they play. What is
// under test comes first, then who plays against it.
func (f *fuzzer) protocol(p *protocol) {
	roles, out := p.roles, f.file(p.Protocol.File)
	var plays [2]string
	for i, r := range roles {
		plays[i] = f.taken.Pick("play" + r.prefix)
	}
	for i, r := range roles {
		subject, target := f.taken.Pick("Fuzzed"+r.prefix), f.taken.Pick("Fuzz"+r.prefix)
		other := roles[1-i]
		out.Line().Add(doc(fmt.Sprintf("%s is the body of the role %s that %s plays against. Set it in a test file of this folder, in func init.", subject, r.name, target)))
		out.Var().Id(subject).Add(r.body())
		out.Line().Add(doc(fmt.Sprintf("%s plays %ss that keep to %s, and %ss that leave it in one step, against %s.", target, other.name, p.Protocol.Name, other.name, subject)))
		session, run, register := jen.Op("&").Id(p.variable), jen.Id("Run"+roles[0].prefix), jen.Id("Register"+roles[1].prefix)
		args := []jen.Code{jen.Id("f"), session, jen.Id(subject), run, register, jen.Id(plays[1])}
		function := "First"
		if i == 1 {
			args, function = []jen.Code{jen.Id("f"), session, jen.Id(subject), register, run, jen.Id(plays[0])}, "Second"
		}
		out.Func().Id(target).Params(jen.Id("f").Op("*").Qual("testing", "F")).Block(jen.Qual(fuzzPath, function).Call(args...))
	}
	for i, r := range roles {
		f.play(out, r, plays[i])
	}
}

// play writes a peer: it takes any step that its state offers.
func (f *fuzzer) play(out *file, r *role, name string) {
	out.Line().Add(doc(fmt.Sprintf("%s plays the role %s.", name, r.name)))
	scope := names.NewScope(f.lower...)
	ctx, p, start, end, err, at, s := scope.Pick("ctx"), scope.Pick("p"), scope.Pick("start"), scope.Pick("end"), scope.Pick("err"), scope.Pick("at"), scope.Pick("s")
	player := &player{fuzzer: f, role: r, scope: scope, ctx: ctx, p: p, err: err, at: at, s: s}
	var cases []jen.Code
	for _, place := range r.Places {
		cases = append(cases, player.place(place)...)
	}
	var body []jen.Code
	if known := f.constants(); len(known) > 0 {
		body = append(body, jen.Id(p).Dot("Know").Call(known...))
	}
	body = append(
		body,
		jen.Var().Id(at).Any().Op("=").Id(start),
		jen.For(jen.Id(err).Op("==").Nil()).Block(jen.Switch(jen.Id(s).Op(":=").Id(at).Assert(jen.Type())).Block(cases...)),
		jen.Return(jen.Id(end), jen.Id(err)),
	)
	out.Func().Id(name).Params(
		jen.Id(ctx).Qual("context", "Context"), jen.Id(p).Op("*").Qual(fuzzPath, "Peer"), jen.Id(start).Id(r.start()),
	).Params(jen.Id(end).Id(r.end()), jen.Id(err).Error()).Block(body...)
}

// constants are the schema's constants that predicates may be about.
func (f *fuzzer) constants() (known []jen.Code) {
	for _, c := range f.p.Consts {
		switch v := c.Value.Val(); v.Kind() {
		case constant.Int:
			if _, exact := constant.Int64Val(v); exact && c.Type == nil {
				known = append(known, jen.Int64().Call(jen.Id(c.Name)))
			} else if c.Type != nil {
				known = append(known, jen.Id(c.Name))
			}
		case constant.String:
			known = append(known, jen.Id(c.Name))
		}
	}
	return known
}

// player writes the cases of one peer's states.
type player struct {
	*fuzzer
	role               *role
	scope              names.Scope
	ctx, p, err, at, s string
}

func (w *player) place(p *automaton.Place) []jen.Code {
	r := w.role
	is := jen.Case(jen.Id(r.typeOf(p)))
	var know []jen.Code
	for _, v := range p.Vars {
		if p.Kind == automaton.Communication {
			know = append(know, jen.Id(w.s).Dot(names.Exported(v.Name)).Call())
		}
	}
	body := w.know(know)
	switch {
	case p.Kind == automaton.Final:
		return one(is.Block(jen.Return(jen.Id(w.s), jen.Nil())))
	case p.Kind == automaton.Conditional:
		return one(is.Block(w.branch()...))
	case p.Sender == r.index && len(p.Messages) == 1:
		return one(is.Block(append(body, w.send(p.Messages[0])...)...))
	case p.Sender == r.index:
		var moves, sends []jen.Code
		for _, m := range p.Messages {
			moves = append(moves, jen.Id(r.moves[m]))
			sends = append(sends, jen.Case(jen.Id(r.moves[m])).Block(w.send(m)...))
		}
		body = append(body, jen.Switch(jen.Id(w.p).Dot("Pick").Call(moves...)).Block(sends...))
		return one(is.Block(body...))
	case len(p.Messages) == 1:
		return one(is.Block(append(body, w.recv(p.Messages[0])...)...))
	}
	body = append(body, jen.List(jen.Id(w.at), jen.Id(w.err)).Op("=").Id(w.s).Dot("Recv").Call(jen.Id(w.ctx)))
	cases := one(is.Block(body...))
	for _, m := range p.Messages {
		var fields []jen.Code
		for _, v := range m.Params {
			fields = append(fields, jen.Id(w.s).Dot(fieldName(v)))
		}
		cases = append(cases, jen.Case(jen.Id(r.typeOf(p)+m.Label)).Block(append(w.know(fields), jen.Id(w.at).Op("=").Id(w.s).Dot("Next"))...))
	}
	return cases
}

func (w *player) know(values []jen.Code) []jen.Code {
	if len(values) == 0 {
		return nil
	}
	return one(jen.Id(w.p).Dot("Know").Call(values...))
}

// branch goes on behind an if.
func (w *player) branch() []jen.Code {
	scope := names.NewScope(w.lower...)
	then, otherwise, ok := scope.Pick("then"), scope.Pick("otherwise"), scope.Pick("ok")
	return []jen.Code{
		jen.List(jen.Id(then), jen.Id(otherwise), jen.Id(ok)).Op(":=").Id(w.s).Dot("Branch").Call(),
		jen.Id(w.at).Op("=").Id(otherwise),
		jen.If(jen.Id(ok)).Block(jen.Id(w.at).Op("=").Id(then)),
	}
}

func (w *player) send(m *automaton.Message) []jen.Code {
	args := one(jen.Id(w.ctx))
	for _, v := range m.Params {
		args = append(args, w.draw(v.Type))
	}
	scope := w.inner(nil)
	next, failed := scope.Pick("next"), scope.Pick("failed")
	return []jen.Code{
		jen.List(jen.Id(next), jen.Id(failed)).Op(":=").Id(w.s).Dot("Send" + m.Label).Call(args...),
		jen.List(jen.Id(w.at), jen.Id(w.err)).Op("=").Id(w.p).Dot("Sent").Call(jen.Id(w.at), jen.Id(next), jen.Id(failed)),
	}
}

func (w *player) recv(m *automaton.Message) []jen.Code {
	scope := w.inner(nil)
	next, failed := scope.Pick("next"), scope.Pick("failed")
	var values []jen.Code
	for _, v := range m.Params {
		values = append(values, jen.Id(scope.Pick(v.Name)))
	}
	results := append(slices.Clone(values), jen.Id(next), jen.Id(failed))
	body := one(jen.List(results...).Op(":=").Id(w.s).Dot("Recv" + m.Label).Call(jen.Id(w.ctx)))
	body = append(body, w.know(values)...)
	return append(body, jen.List(jen.Id(w.at), jen.Id(w.err)).Op("=").List(jen.Id(next), jen.Id(failed)))
}

// inner is the scope of a case's own variables.
func (w *player) inner(taken []string) names.Scope {
	scope := names.NewScope(taken...)
	for name := range w.scope {
		scope[name] = true
	}
	return scope
}

// draw is an expression that makes a value of a type.
func (w *player) draw(t *check.Type) *jen.Statement { return w.fuzzer.draw(w.p, t) }

func (f *fuzzer) draw(p string, t *check.Type) *jen.Statement {
	switch t.Kind {
	case check.Enum:
		return jen.Id(t.Named.Name).Call(jen.Id(p).Dot("Below").Call(jen.Lit(len(t.Named.Members))))
	case check.Struct, check.Union:
		return jen.Id(f.makers[t.Named]).Call(jen.Id(p))
	case check.Extern:
		return jen.Op("*").New(f.goType(t))
	case check.Optional:
		return jen.Qual(fuzzPath, "Optional").Call(jen.Id(p), f.drawer(p, t.Elem))
	case check.List:
		return jen.Qual(fuzzPath, "List").Call(jen.Id(p), f.drawer(p, t.Elem))
	case check.Map:
		return jen.Qual(fuzzPath, "Map").Call(jen.Id(p), f.drawer(p, t.Key), f.drawer(p, t.Elem))
	}
	return jen.Id(p).Dot(scalar[t.Kind].method).Call()
}

// drawer is a function that makes values of a type.
func (f *fuzzer) drawer(p string, t *check.Type) *jen.Statement {
	if t.Named == nil && t.Elem == nil {
		return jen.Id(p).Dot(scalar[t.Kind].method)
	}
	return jen.Func().Params().Add(f.goType(t)).Add(brief(jen.Return(f.draw(p, t))))
}

// payload writes the function that makes values of a declared type.
func (f *fuzzer) payload(n *check.Named) {
	name, made := f.makers[n]
	if !made {
		return
	}
	out := f.file(n.File)
	scope := names.NewScope(f.lower...)
	p, v := scope.Pick("p"), scope.Pick("v")
	out.Line()
	head := out.Func().Id(name).Params(jen.Id(p).Op("*").Qual(fuzzPath, "Peer"))
	if n.Kind == check.Union {
		members := slices.Clone(n.Members)
		slices.SortStableFunc(members, func(a, b *check.Member) int { return f.heights[a.Struct] - f.heights[b.Struct] })
		var cases []jen.Code
		for i, m := range members[1:] {
			cases = append(cases, jen.Case(jen.Lit(i+1)).Block(jen.Return(jen.Id(f.makers[m.Struct]).Call(jen.Id(p)))))
		}
		head.Id(n.Name).Block(
			jen.Switch(jen.Id(p).Dot("Member").Call(jen.Lit(len(members)))).Block(cases...),
			jen.Return(jen.Id(f.makers[members[0].Struct]).Call(jen.Id(p))),
		)
		return
	}
	body := []jen.Code{jen.Id(p).Dot("Enter").Call(), jen.Defer().Id(p).Dot("Leave").Call()}
	for _, field := range n.Fields {
		body = append(body, jen.Id(v).Dot(field.Name).Op("=").Add(f.draw(p, field.Type)))
	}
	head.Params(jen.Id(v).Id(n.Name)).Block(append(body, jen.Return(jen.Id(v)))...)
}
