package emit

import (
	"go/token"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// Name is an exported package-level name, and what it is for.
type Name struct {
	Name, What string
	Pos        token.Position
	// Length is that of what stands at Pos.
	Length int
	// State is set if an as could give it another name.
	State bool
}

// Exported are the package-level names that are made for what the schema declares, beside the
// declared names themselves, in the order of the protocols.
func Exported(p *schema.Package) []Name {
	var all []Name
	for _, t := range p.Types {
		for _, m := range t.Members {
			if t.Kind == check.Enum {
				all = append(all, Name{Name: t.Name + m.Name, What: "a member of enum " + t.Name, Pos: m.Pos, Length: len(m.Name)})
			}
		}
	}
	for _, a := range p.Automata {
		of := a.Protocol
		add := func(name, what string) {
			all = append(all, Name{Name: name, What: what, Pos: of.Pos, Length: len(of.Name)})
		}
		first, second := of.Name+of.Roles[0], of.Name+of.Roles[1]
		add(of.Name+"Protocol", "the protocol "+of.Name)
		add("Run"+first, "a function of protocol "+of.Name)
		add("Open"+first, "a function of protocol "+of.Name)
		add("Register"+second, "a function of protocol "+of.Name)
		for i, prefix := range []string{first, second} {
			for _, place := range a.Places {
				all = append(all, ofPlace(prefix, i, place, of)...)
			}
		}
	}
	for _, s := range p.Services {
		add := func(name string) {
			all = append(all, Name{Name: name, What: "a declaration of service " + s.Name, Pos: s.Pos, Length: len(s.Name)})
		}
		add(s.Name + "Server")
		add("Register" + s.Name)
		add(s.Name + "Client")
		add("New" + s.Name + "Client")
		for _, r := range s.RPCs {
			all = append(all, Name{Name: s.Name + r.Name + "Protocol", What: "the protocol of rpc " + r.Name, Pos: r.Pos, Length: len(r.Name)})
		}
	}
	return all
}

func ofPlace(prefix string, role int, p *automaton.Place, of *check.Protocol) []Name {
	pos, length := p.Pos, 1
	switch {
	case p.Rec != nil:
		pos, length = p.Rec.Pos, len(p.Rec.Name)
	case p.State != nil:
		pos, length = p.State.Pos, len(p.State.Name)
	case p.Behind != nil:
		pos, length = p.Behind.Source.LabelPos, len(p.Behind.Label)
	case p.Kind == automaton.Final:
		pos, length = of.Pos, len(of.Name)
	}
	typ := prefix + p.Name
	state := func(name, what string) Name {
		return Name{Name: name, What: what, Pos: pos, Length: length, State: p.Behind != nil && p.Kind != automaton.Final}
	}
	all := []Name{state(typ, "a state of "+of.Name)}
	for _, alias := range p.Aliases {
		all = append(all, state(prefix+alias, "a state of "+of.Name))
	}
	if p.Kind == automaton.Communication && p.Sender != role && p.Messages[0].Deferrable {
		all = append(all, state(typ+"Pending", "what was deferred at "+typ))
	}
	if p.Kind == automaton.Communication && p.Sender != role && len(p.Messages) > 1 {
		all = append(all, state(typ+"Branch", "the branches of "+typ), state("Match"+typ, "the match of "+typ))
		for _, m := range p.Messages {
			all = append(all, Name{Name: typ + m.Label, What: "a branch of " + typ, Pos: m.Source.LabelPos, Length: len(m.Label)})
		}
	}
	return all
}

// fieldName is a variable as a field.
func fieldName(v *check.Var) string { return names.Exported(v.Name) }
