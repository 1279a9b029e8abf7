// Package gen generates Go from checked schemas: one type for each place of each role of each protocol, whose
// methods are the steps that the protocol allows there.
package gen

import (
	"github.com/sessgen/sessgen/gen/internal/emit"
	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
	"github.com/sessgen/sessgen/schema/diag"
)

// Check finds names that the generated Go could not have, and adds them to the schema's diagnostics.
func Check(p *schema.Package) {
	if p.HasErrors() {
		return
	}
	meet(p)
	for _, a := range p.Automata {
		for _, place := range a.Places {
			accessors(p, a, place)
			for _, m := range place.Messages {
				fields(p, m)
			}
		}
	}
}

// Generate returns the Go files of the schema, keyed by name; bank.sess becomes bank.sess.go. If the schema has
// errors, including those that Check finds, the result is empty. An error is a bug in the generator.
func Generate(p *schema.Package) (map[string][]byte, error) { return generate(p, false) }

// GenerateFuzz is Generate, but also returns fuzz targets for the bodies of roles and for code that serves or
// calls services, in bank.sess_fuzz_test.go, if bank.sess declares a protocol, a service or a payload type.
func GenerateFuzz(p *schema.Package) (map[string][]byte, error) { return generate(p, true) }

func generate(p *schema.Package, fuzz bool) (map[string][]byte, error) {
	Check(p)
	if p.HasErrors() {
		return nil, nil
	}
	return emit.Files(p, fuzz)
}

// FuzzFile returns the name of the file that holds the fuzz targets of a schema file.
func FuzzFile(source string) string { return source + emit.FuzzSuffix }

// Header returns the line that generated files begin with; source is the name of the schema file.
func Header(source string) string { return emit.Header(source) }

// meet finds package-level names that meet.
func meet(p *schema.Package) {
	seen := map[string]emit.Name{}
	declare := func(d check.Decl, what string) {
		seen[d.Name] = emit.Name{Name: d.Name, What: what, Pos: d.Pos, Length: len(d.Name)}
	}
	for _, c := range p.Consts {
		declare(c.Decl, "a constant")
	}
	for _, t := range p.Types {
		declare(t.Decl, "a type")
	}
	for _, im := range p.Imports {
		declare(im.Decl, "an import")
	}
	for _, n := range emit.Exported(p) {
		before, met := seen[n.Name]
		if !met {
			seen[n.Name] = n
			continue
		}
		r := p.Reporter()
		d := r.Report(diag.NameClash, n.Pos, n.Length, "%s would be the Go name of %s, and is that of %s", n.Name, n.What, before.What)
		d.Relate(r.Pos(before.Pos), "here")
		d.Suggestion = "call one of them something else"
		if n.State {
			d.Suggestion = "give the state another name with as"
		}
	}
}

// methods are those that states have already.
func methods(place *automaton.Place) map[string]bool {
	taken := map[string]bool{
		"Next": true, "Abort": true, "String": true, "Close": true, "Recv": true, "TryRecv": true, "Branch": true,
	}
	for _, m := range place.Messages {
		taken["Send"+m.Label] = true
		if len(place.Messages) == 1 {
			taken["Recv"+m.Label], taken["TryRecv"+m.Label], taken["Defer"+m.Label] = true, true, m.Deferrable
		}
	}
	return taken
}

// accessors finds variables whose accessors could not be.
func accessors(p *schema.Package, a *automaton.Automaton, place *automaton.Place) {
	taken := methods(place)
	seen := map[string]*check.Var{}
	for _, v := range place.Vars {
		name := names.Exported(v.Name)
		r := p.Reporter()
		switch {
		case taken[name]:
			r.Report(diag.NameClash, v.Pos, len(v.Name), "the state %s has a method %s already, and shows %s with one", place.Name, name, v.Name).
				Suggestion = "call the variable something else"
		case seen[name] != nil:
			r.Report(diag.NameClash, v.Pos, len(v.Name), "%s and %s would both be %s in Go", seen[name].Name, v.Name, name).
				Relate(r.Pos(seen[name].Pos), "the other one")
		}
		seen[name] = v
	}
}

// fields finds parameters that could not be fields of a branch.
func fields(p *schema.Package, m *automaton.Message) {
	if len(m.From.Messages) < 2 {
		return
	}
	seen := map[string]*check.Var{}
	for _, v := range m.Params {
		name := names.Exported(v.Name)
		r := p.Reporter()
		switch {
		case name == "Next":
			r.Report(diag.NameClash, v.Pos, len(v.Name), "a branch has a field Next already: the next step").Suggestion = "call the parameter something else"
		case seen[name] != nil:
			r.Report(diag.NameClash, v.Pos, len(v.Name), "%s and %s would both be %s in Go", seen[name].Name, v.Name, name).
				Relate(r.Pos(seen[name].Pos), "the other one")
		}
		seen[name] = v
	}
}
