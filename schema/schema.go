// Package schema reads protocol files: it parses and checks the .sess files of one folder, and makes
// the automata of their protocols. Its folders hold the language, from the tree up:
// ast, parser, diag, check, automaton.
package schema

import (
	"go/token"
	"os"
	"path/filepath"
	"slices"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
	"github.com/sessgen/sessgen/schema/diag"
	"github.com/sessgen/sessgen/schema/parser"
	"github.com/sessgen/sessgen/schema/reason"
)

// Package is one schema: files of one folder that were read together.
type Package struct {
	*check.Schema
	// Automata are those of Protocols, and Calls those of the rpcs of Services, in their order.
	Automata, Calls []*automaton.Automaton
	// Dir is the folder, and Trees are the files as they were written, by name.
	Dir   string
	Trees []*ast.File

	fset    *token.FileSet
	diags   diag.List
	sources map[string][]byte
}

// Load reads the named files of the folder as one schema. An error means that a file cannot be
// read; what is wrong with the schema, the package's diagnostics tell, and then
// it is not complete. Packages that the schema imports are looked up from the folder.
func Load(dir string, files []string) (*Package, error) {
	sources := map[string][]byte{}
	for _, name := range files {
		source, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		sources[name] = source
	}
	return Parse(dir, files, sources), nil
}

// Parse is Load for files whose texts are at hand, by name.
func Parse(dir string, files []string, sources map[string][]byte) *Package {
	p := &Package{Dir: dir, fset: token.NewFileSet(), sources: sources}
	for _, name := range files {
		p.Trees = append(p.Trees, parser.ParseFile(p.fset, name, sources[name], &p.diags))
	}
	p.Schema = check.Files(p.fset, dir, p.Trees, &p.diags)
	if p.diags.HasErrors() {
		return p
	}
	for _, protocol := range p.Protocols {
		p.Automata = append(p.Automata, automaton.Build(p.Schema.Package, protocol, p.Reporter()))
	}
	for _, service := range p.Services {
		for _, rpc := range service.RPCs {
			p.Calls = append(p.Calls, automaton.Build(p.Schema.Package, rpc.Protocol, p.Reporter()))
		}
	}
	if !p.HasErrors() {
		reason.Check(append(slices.Clip(p.Automata), p.Calls...), p.Reporter())
	}
	return p
}

// Reporter adds to the package's diagnostics.
func (p *Package) Reporter() diag.Reporter { return diag.Reporter{Fset: p.fset, List: &p.diags} }

// HasErrors reports whether the package cannot be used.
func (p *Package) HasErrors() bool { return p.diags.HasErrors() }

// Diagnostics are what is wrong, in the order of the places.
func (p *Package) Diagnostics() []diag.Diagnostic { return p.diags.Sorted() }

// Printer prints the package's diagnostics, with the names of files below the folder as the user gave it.
func (p *Package) Printer(format diag.Format) diag.Printer {
	return diag.Printer{
		Format: format, Fset: p.fset, Sources: p.sources,
		Path: func(name string) string { return filepath.Join(p.Dir, name) },
	}
}
