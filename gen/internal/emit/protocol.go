package emit

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// protocol is what the generator knows of one protocol.
type protocol struct {
	*generator
	*automaton.Automaton
	f     *file
	roles [2]*role
	// name is the beginning of exported names, private of unexported ones, and variable the name of the session.Protocol,
	// whose tables have names of their own.
	name, private, variable string
	places, messages        string
	// steps are the messages in the order of their places.
	steps []*automaton.Message
	// states are the names of the constants of places, moves those of messages.
	states map[*automaton.Place]string
	moves  map[*automaton.Message]string
	// held are the names of the fields of a state, the same for both roles.
	held map[*automaton.Place]*fields
	// The names of the functions that both roles use: predicates, decoders, and others (see lets.go).
	wheres, decoders map[*automaton.Message]string
	conditions       map[*automaton.Place]string
	sounds           map[*automaton.Place]string
	lets             map[letKey]string
	// computed are the variables that decide how the protocol goes on.
	computed map[*check.Var]bool
	// later are the declarations that come behind the states.
	later []jen.Code
}

// fields are the names of what a state holds.
type fields struct {
	step string
	of   map[*check.Var]string
}

// protocol writes everything that belongs to a protocol.
func (g *generator) protocol(a *automaton.Automaton) *protocol {
	p := g.newProtocol(a, a.Protocol.Name)
	p.variableDecl(fmt.Sprintf(
		"Each role has a type for each place, from %sStart and %sStart on. A state is good for one step, which returns the next one: see package session.",
		p.name+a.Protocol.Roles[0], p.name+a.Protocol.Roles[1]))
	for i, name := range a.Protocol.Roles {
		p.roles[i] = &role{protocol: p, index: i, name: name, prefix: a.Protocol.Name + name, late: a.Late(i)}
	}
	p.roles[0].run()
	p.roles[0].open()
	p.roles[1].register()
	for _, r := range p.roles {
		for _, place := range p.Places {
			r.state(place)
		}
	}
	p.tables()
	p.functions()
	return p
}

// newProtocol begins a protocol whose Go names begin with name.
func (g *generator) newProtocol(a *automaton.Automaton, name string) *protocol {
	p := &protocol{
		generator: g, Automaton: a, f: g.files[a.Protocol.File],
		name: name, private: names.Private(name), variable: name + "Protocol",
		states: map[*automaton.Place]string{}, moves: map[*automaton.Message]string{},
		held:   map[*automaton.Place]*fields{},
		wheres: map[*automaton.Message]string{}, decoders: map[*automaton.Message]string{},
		conditions: map[*automaton.Place]string{}, sounds: map[*automaton.Place]string{}, lets: map[letKey]string{},
		computed: a.Computed(),
	}
	p.nameAll()
	return p
}

// nameAll gives names to what both roles share.
func (p *protocol) nameAll() {
	for _, place := range p.Places {
		p.states[place] = p.taken.Pick(p.private + place.Name)
		p.steps = append(p.steps, place.Messages...)
		scope := names.Scope{}
		held := &fields{of: map[*check.Var]string{}}
		for _, v := range kept(place) {
			held.of[v] = scope.Pick(v.Name)
		}
		held.step = scope.Pick("step")
		p.held[place] = held
	}
	for _, m := range p.steps {
		name := p.private + m.From.Name + m.Label
		p.moves[m] = p.taken.Pick(name)
		if m.Where != nil {
			p.wheres[m] = p.taken.Pick(name + "Where")
		}
		if len(m.Params) > 0 && !ofRuntime(m) {
			p.decoders[m] = p.taken.Pick("decode" + p.name + m.From.Name + m.Label)
		}
	}
	for _, place := range p.Places {
		if place.Kind == automaton.Conditional {
			p.conditions[place] = p.taken.Pick(p.private + place.Name + "If")
			if p.unsure(place) {
				p.sounds[place] = p.taken.Pick(p.private + place.Name + "Sound")
			}
		}
	}
	p.places, p.messages = p.taken.Pick(p.private+"Places"), p.taken.Pick(p.private+"Messages")
}

// variableDecl writes the session.Protocol, with the automaton in its comment, and more behind that.
func (p *protocol) variableDecl(more string) {
	comment := p.Protocol.Doc
	p.f.Line().Add(doc(
		fmt.Sprintf("%s is the protocol %s: its identity and its steps.", p.variable, p.Protocol.Name),
		strings.Join(strings.Fields(comment), " "), p.drawing(), more,
	))
	p.f.Var().Id(p.variable).Op("=").Qual(sessionPath, "Protocol").Add(lines(
		jen.Id("Name").Op(":").Lit(p.Name),
		jen.Id("Fingerprint").Op(":").Lit(p.Fingerprint),
		jen.Id("Roles").Op(":").Index(jen.Lit(2)).String().Values(jen.Lit(p.Protocol.Roles[0]), jen.Lit(p.Protocol.Roles[1])),
		jen.Id("States").Op(":").Id(p.places),
		jen.Id("Messages").Op(":").Id(p.messages),
	))
}

// tables write what package session knows of the protocol, and the indices of its places and messages.
func (p *protocol) tables() {
	p.constants()
	p.f.Line().Var().Id(p.places).Op("=").Index().Qual(sessionPath, "State").Add(lines(p.stateTable()...))
	p.f.Line().Var().Id(p.messages).Op("=").Index().Qual(sessionPath, "Message").Add(lines(p.messageTable()...))
}

// lines are the braces and elements of a composite literal, one a line.
func lines(elements ...jen.Code) *jen.Statement {
	return jen.Custom(jen.Options{Open: "{", Close: "}", Separator: ",", Multi: true}, elements...)
}

func (p *protocol) stateTable() (rows []jen.Code) {
	for _, place := range p.Places {
		row := []jen.Code{jen.Id("Name").Op(":").Lit(place.Name)}
		if place.Kind == automaton.Conditional {
			row = append(row,
				jen.Id("If").Op(":").Lit(place.Cond.Text),
				jen.Id("Then").Op(":").Id(p.states[place.Then.To]),
				jen.Id("Else").Op(":").Id(p.states[place.Else.To]),
				jen.Id("Pos").Op(":").Lit(at(place.Pos)),
			)
		}
		rows = append(rows, jen.Id(p.states[place]).Op(":").Values(row...))
	}
	return rows
}

func (p *protocol) messageTable() (rows []jen.Code) {
	for _, m := range p.steps {
		row := []jen.Code{jen.Custom(jen.Options{Separator: ","},
			jen.Id("Label").Op(":").Lit(m.Label), jen.Id("Number").Op(":").Lit(m.Number), jen.Id("Sender").Op(":").Lit(m.Sender),
			jen.Id("State").Op(":").Id(p.states[m.From]), jen.Id("Next").Op(":").Id(p.states[m.To]),
		)}
		if len(m.Params) > 0 {
			var params []jen.Code
			for _, v := range m.Params {
				params = append(params, jen.Lit(v.Name+" "+typeText(v.Type)))
			}
			row = append(row, jen.Id("Params").Op(":").Index().String().Values(params...))
		}
		if m.Where != nil {
			row = append(row, jen.Id("Where").Op(":").Lit(m.Where.Text))
		}
		if m.Source.Within > 0 {
			row = append(row, jen.Id("Within").Op(":").Add(duration(m.Source.Within)))
		}
		row = append(row, jen.Id("Pos").Op(":").Lit(at(m.Source.Pos)))
		rows = append(rows, jen.Id(p.moves[m]).Op(":").Add(lines(row...)))
	}
	return rows
}

// constants writes the indices of places and messages.
func (p *protocol) constants() {
	p.f.seam()
	enumerate := func(comment string, of []string) {
		var list []jen.Code
		for i, name := range of {
			id := jen.Id(name)
			if i == 0 {
				id.Op("=").Iota()
			}
			list = append(list, id)
		}
		p.f.Line().Add(doc(comment))
		p.f.Const().Defs(list...)
	}
	var states, moves []string
	for _, place := range p.Places {
		states = append(states, p.states[place])
	}
	for _, m := range p.steps {
		moves = append(moves, p.moves[m])
	}
	enumerate("The places of "+p.Protocol.Name+".", states)
	enumerate("The messages of "+p.Protocol.Name+", each named for the place that it leaves.", moves)
}

// drawing is the automaton as text.
func (p *protocol) drawing() string {
	var b strings.Builder
	for _, place := range p.Places {
		switch place.Kind {
		case automaton.Final:
			continue
		case automaton.Conditional:
			fmt.Fprintf(&b, "\t%s:\n\t    if %s, then %s, else %s\n", place.Name, place.Cond.Text, place.Then.To.Name, place.Else.To.Name)
			continue
		}
		fmt.Fprintf(&b, "\t%s:\n", place.Name)
		for _, m := range place.Messages {
			roles := p.Protocol.Roles
			fmt.Fprintf(&b, "\t    %s -> %s: %s, then %s\n", roles[m.Sender], roles[1-m.Sender], signature(m), m.To.Name)
			if m.Where != nil {
				fmt.Fprintf(&b, "\t        where %s\n", m.Where.Text)
			}
			if m.Source.Within > 0 {
				fmt.Fprintf(&b, "\t        within %s\n", m.Source.Within)
			}
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// signature is a message as the schema writes it.
func signature(m *automaton.Message) string {
	var params []string
	for i, v := range m.Params {
		text := v.Name
		if i+1 == len(m.Params) || typeText(m.Params[i+1].Type) != typeText(v.Type) {
			text += " " + typeText(v.Type)
		}
		params = append(params, text)
	}
	return m.Label + "(" + strings.Join(params, ", ") + ")"
}

// typeText is a type as the schema writes it.
func typeText(t *check.Type) string {
	switch t.Kind {
	case check.Bytes:
		return "[]byte"
	case check.Time:
		return "time.Time"
	case check.Duration:
		return "time.Duration"
	case check.List:
		return "[]" + typeText(t.Elem)
	case check.Map:
		return "map[" + typeText(t.Key) + "]" + typeText(t.Elem)
	case check.Optional:
		return "*" + typeText(t.Elem)
	case check.Struct, check.Enum, check.Union, check.Extern:
		return t.Named.Name
	}
	return scalar[t.Kind].name
}
