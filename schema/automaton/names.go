package automaton

import (
	"cmp"
	"go/token"
	"slices"

	"github.com/sessgen/sessgen/schema/check"
	"github.com/sessgen/sessgen/schema/diag"
)

// naming is where a place stands, which gives it its name.
type naming struct {
	kind   namingKind
	frame  *frame
	behind *Message     // of behindMessage
	of     *Place       // of ifTrue and ifFalse
	state  *check.State // that names the place, nil if none does
}

// stated is a name that the schema gives, and the place that it is for.
type stated struct {
	state *check.State
	frame *frame
	place *Place
}

type namingKind uint8

const (
	atHead        namingKind = iota // of a rec
	atStart                         // of the protocol
	behindMessage                   // directly
	behindBlock                     // directly behind a choice, an if, a rec or a do
	ifTrue
	ifFalse
)

// arrange puts the places in source order, those of a done protocol where its do stands.
func arrange(places []*Place, end *Place) []*Place {
	slices.SortStableFunc(places, func(a, b *Place) int { return slices.Compare(a.path(), b.path()) })
	places = append(places, end)
	for i, p := range places {
		p.Index = i
	}
	return places
}

// path is the offsets of the dos that lead to the place, and its own.
func (p *Place) path() []int {
	path := []int{p.Pos.Offset}
	for f := p.frame; f.around != nil; f = f.around {
		path = append(path, f.at.Pos.Offset)
	}
	slices.Reverse(path)
	return path
}

// name gives the places their names. What is wrong inside a protocol that this one does is reported where that one is built.
func name(a *Automaton, states []stated, report diag.Reporter) {
	taken := map[string]*Place{}
	claim := func(name string, p *Place) {
		if other := taken[name]; other != nil && other != p {
			clash(name, other, p, report)
		}
		taken[name] = p
	}
	claim("End", a.Places[len(a.Places)-1])
	for _, p := range a.Places {
		if p.Kind == Final {
			continue
		}
		p.settleName()
		if p == a.Enter.To && p.Name != "Start" {
			p.Aliases = append(p.Aliases, "Start")
		}
		claim(p.Name, p)
		for _, alias := range p.Aliases {
			claim(alias, p)
		}
	}
	for _, p := range a.Places {
		for _, m := range p.Messages {
			if as := m.Source.As; as != "" && m.To.Behind != m && m.frame.around == nil {
				uselessAs(m, report)
			}
		}
	}
	for _, s := range states {
		if s.place.State != s.state && s.frame.around == nil {
			uselessState(s, report)
		}
	}
}

// settleName gives the place the first name that fits.
func (p *Place) settleName() {
	if p.Name != "" {
		return
	}
	n := p.naming
	if len(p.heads) > 0 {
		last := len(p.heads) - 1
		p.Name, p.Rec = p.heads[last].name(), p.heads[last].rec
		for _, h := range p.heads[:last] {
			p.Aliases = append(p.Aliases, h.name())
		}
		return
	}
	if n.state != nil && n.kind != behindMessage {
		p.State, p.Name = n.state, n.frame.prefix+n.state.Name
		return
	}
	switch n.kind {
	case atHead:
		panic("a place at the head of no rec")
	case atStart:
		p.Name = "Start"
	case behindBlock:
		p.Name = n.frame.prefix + "Before" + p.first
	case ifTrue:
		n.of.settleName()
		p.Name = n.of.Name + "IfTrue"
	case ifFalse:
		n.of.settleName()
		p.Name = n.of.Name + "IfFalse"
	case behindMessage:
		p.Behind = n.behind
		p.Name = n.frame.prefix + cmp.Or(n.behind.Source.As, "After"+n.behind.Label)
	}
}

func (h heading) name() string { return h.frame.prefix + h.rec.Name }

func tooMany(p *check.Protocol, r diag.Reporter) {
	r.Report(diag.TooManyPlaces, p.Pos, len(p.Name), "protocol %s has too many states, with what it does", p.Name)
}

func uselessAs(m *Message, r diag.Reporter) {
	d := r.Report(diag.BadAs, m.Source.AsPos, len(m.Source.As), "the state behind %s has a name already: %s", m.Label, m.To.named())
	if m.To.Kind != Final && m.To.Rec == nil && m.To.State == nil {
		d.Suggestion = "name it where it stands: state " + m.Source.As
	}
}

func uselessState(s stated, r diag.Reporter) {
	if m := s.place.Behind; m != nil {
		d := r.Report(diag.BadAs, s.state.Pos, len(s.state.Name), "the state after a message is named by the message")
		d.Suggestion = m.Label + "(…) as " + s.state.Name
		return
	}
	r.Report(diag.BadAs, s.state.Pos, len(s.state.Name), "this state has a name already: %s", s.place.named())
}

// namedIn is the frame in which the place has got its name.
func (p *Place) namedIn() *frame {
	switch {
	case len(p.heads) > 0:
		return p.heads[len(p.heads)-1].frame
	case p.naming.frame != nil:
		return p.naming.frame
	}
	return p.frame
}

// named says why the place has the name that it has.
func (p *Place) named() string {
	switch {
	case p.Kind == Final:
		return "the protocol ends there"
	case p.Rec != nil:
		return "it is the head of rec " + p.Rec.Name
	}
	return "it is " + p.Name
}

// clash reports two places that would have the same name.
func clash(name string, first, second *Place, r diag.Reporter) {
	if f := first.namedIn(); f == second.namedIn() && f.around != nil {
		return
	}
	pos, length := second.source()
	before, _ := first.source()
	d := r.Report(diag.NameClash, pos, length, "two states would be called %s", name)
	if at := r.Pos(before); at != d.Pos {
		d.Relate(at, "the other one")
	}
	switch {
	case first.frame != second.frame:
		d.Suggestion = "give the do a name of its own: do … as Name"
	case len(second.heads) > 0 || second.State != nil:
	case second.naming.kind != behindMessage:
		d.Suggestion = "name one of them: state Name"
	case second.naming.kind == behindMessage:
		d.Suggestion = "name one of them: " + second.naming.behind.Label + "(…) as Name"
	}
}

// source is what gives the place its name.
func (p *Place) source() (token.Position, int) {
	f := p.frame
	if p.naming.frame != nil {
		f = p.naming.frame
	}
	switch {
	case f.around != nil:
		for f.around.around != nil {
			f = f.around
		}
		return f.at.Pos, len("do")
	case len(p.heads) > 0:
		rec := p.heads[len(p.heads)-1].rec
		return rec.Pos, len(rec.Name)
	case p.State != nil:
		return p.State.Pos, len(p.State.Name)
	case p.naming.kind == behindMessage:
		return p.naming.behind.Source.LabelPos, len(p.naming.behind.Label)
	}
	return p.Pos, 1
}
