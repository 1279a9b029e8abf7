// Package emit writes the Go of a schema, with jennifer.
package emit

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"go/token"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dave/jennifer/jen"
	"golang.org/x/tools/imports"

	"github.com/sessgen/sessgen/gen/internal/names"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
)

// The packages that generated code imports, beside those of the schema.
const (
	sessionPath = "github.com/sessgen/sessgen/runtime/session"
	rpcPath     = "github.com/sessgen/sessgen/runtime/rpc"
	protoPath   = "google.golang.org/protobuf/proto"
)

// own are the packages that generated code may import for itself, and their names.
var own = map[string]string{
	sessionPath: "session", rpcPath: "rpc", protoPath: "proto",
	"context": "context", "errors": "errors", "iter": "iter", "maps": "maps", "slices": "slices", "strconv": "strconv", "time": "time",
	"testing": "testing", fuzzPath: "peerfuzz",
}

// Files makes the Go file of every file of the schema, by name, and with fuzz also
// those of the fuzz targets. The schema has no errors, and its names do not meet.
func Files(p *schema.Package, fuzz bool) (map[string][]byte, error) {
	g := newGenerator(p)
	for i := range p.Consts {
		g.constant(p.Consts[i])
	}
	var protocols []*protocol
	for _, a := range p.Automata {
		protocols = append(protocols, g.protocol(a))
	}
	calls := p.Calls
	var stubs [][]*stub
	for _, s := range p.Services {
		stubs = append(stubs, g.service(s, calls[:len(s.RPCs)]))
		calls = calls[len(s.RPCs):]
	}
	// What copies are made of payloads is known behind the steps.
	for _, t := range p.Types {
		g.payload(t)
	}
	made := map[string][]byte{}
	for _, name := range p.Files {
		text, err := g.files[name].render()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		made[name+".go"] = text
	}
	if !fuzz {
		return made, nil
	}
	f := newFuzzer(g)
	for _, p := range protocols {
		f.protocol(p)
	}
	for i, s := range p.Services {
		f.service(s, stubs[i])
	}
	for _, t := range p.Types {
		f.payload(t)
	}
	for name, file := range f.files {
		text, err := file.render()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		made[name+FuzzSuffix] = text
	}
	return made, nil
}

// generator is the state of one run.
type generator struct {
	p     *schema.Package
	files map[string]*file
	// taken are the package-level names, and variables those of the variables of all protocols.
	taken, variables names.Scope
	// lower are names that locals of functions must not hide: constants and imports.
	lower []string
	// imports are the names of imported packages, by path.
	imports map[string]string
	types   map[*check.Named]*traits
	begun   *bool // see fields
	// avoid are the names of the function that is being written, if a schema's names are among them.
	avoid names.Scope
	// outbound is the variable of a Send method that holds the message, while that is written.
	outbound string
}

// local is the name of a variable of the generator's: name, or what gives way to a schema's name.
func (g *generator) local(name string) string {
	for g.avoid[name] {
		name += "_"
	}
	return name
}

// file is one Go file as it grows.
type file struct {
	*jen.File
	source string
}

func newGenerator(p *schema.Package) *generator {
	g := &generator{
		p: p, files: map[string]*file{}, taken: names.Scope{}, types: traitsOf(p),
		variables: names.NewScope(variableNames(p)...),
	}
	for _, c := range p.Consts {
		g.taken[c.Name] = true
		g.lower = append(g.lower, c.Name)
	}
	for _, t := range p.Types {
		g.taken[t.Name] = true
	}
	for _, x := range Exported(p) {
		g.taken[x.Name] = true
	}
	for name := range g.variables { // a local must not hide a function that it is given to
		g.taken[name] = true
	}
	aliases := g.aliases()
	for _, alias := range aliases {
		g.lower = append(g.lower, alias)
	}
	slices.Sort(g.lower)
	g.imports = aliases
	for i, name := range p.Files {
		f := g.newFile(name)
		if i == 0 && p.Doc != "" {
			for line := range strings.SplitSeq(strings.TrimRight(p.Doc, "\n"), "\n") {
				f.PackageComment(strings.TrimRight("// "+line, " "))
			}
		}
		f.Comment("If this line does not compile, this file and the runtime in go.mod are not of").Line().
			Comment("one age: update github.com/sessgen/sessgen there, or run sessgen again.").Line().
			Const().Id("_").Op("=").Qual(sessionPath, "GenVersion1").Line()
		f.seam()
		g.files[name] = f
	}
	return g
}

// aliases are the names of imports: those that the schema gives, and our own, which
// give way to whatever the schema calls by their name.
func (g *generator) aliases() map[string]string {
	scope := names.NewScope(variableNames(g.p)...)
	for name := range g.taken {
		scope[name] = true
	}
	aliases := map[string]string{}
	for _, im := range g.p.Imports {
		scope[im.Name] = true
		if _, known := aliases[im.Path]; !known {
			aliases[im.Path] = im.Name
		}
	}
	for _, path := range sortedKeys(own) {
		if _, known := aliases[path]; !known {
			aliases[path] = scope.Pick(own[path])
		}
	}
	return aliases
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// variableNames are the names of all variables of all protocols.
func variableNames(p *schema.Package) []string {
	var found []string
	for _, a := range append(slices.Clip(p.Automata), p.Calls...) {
		for _, place := range a.Places {
			for _, v := range append(slices.Clone(place.Vars), place.Outer...) {
				found = append(found, v.Name)
			}
			for _, m := range place.Messages {
				for _, v := range m.Params {
					found = append(found, v.Name)
				}
			}
		}
	}
	return found
}

// newFile begins a Go file for the schema file with the name.
func (g *generator) newFile(name string) *file {
	f := &file{File: jen.NewFile(g.p.Schema.Package), source: name}
	f.NoFormat = true // render does
	f.HeaderComment(Header(name))
	for _, path := range sortedKeys(g.imports) {
		alias := g.imports[path]
		if own[path] == alias || g.explicit(path) == "" && alias == base(path) {
			f.ImportName(path, alias)
		} else {
			f.ImportAlias(path, alias)
		}
	}
	return f
}

// Header is the first line of what is generated from a schema file.
func Header(name string) string {
	return "// Code generated by sessgen from " + name + ". DO NOT EDIT."
}

// explicit is the name that the schema gives to an import, if it gives one.
func (g *generator) explicit(path string) string {
	for _, im := range g.p.Imports {
		if im.Path == path && im.Explicit {
			return im.Name
		}
	}
	return ""
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// seam stands in a file's text where it may be taken apart: between declarations, at a blank line. No
// Go, and so no schema, can have one.
const seam = "\x00"

// seam lets what follows be formatted apart from what is there.
func (f *file) seam() { f.Op(seam) }

// render formats the file. That takes longer than all else that is done for a large one, so that its parts are formatted
// at the same time.
func (f *file) render() ([]byte, error) {
	var b bytes.Buffer
	if err := f.Render(&b); err != nil {
		return nil, err
	}
	var parts [][]byte
	for part := range bytes.SplitSeq(b.Bytes(), []byte(seam)) {
		if part = bytes.TrimSpace(part); len(part) > 0 {
			parts = append(parts, part)
		}
	}
	errs := make([]error, len(parts))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(len(parts), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(parts)); i = next.Add(1) - 1 {
				parts[i], errs[i] = f.format(parts[i], i == 0)
			}
		})
	}
	workers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return append(bytes.Join(parts, []byte("\n\n")), '\n'), nil
}

// format formats a part of the file, without white space around it. The first one has the imports, which are put in order.
func (f *file) format(part []byte, first bool) (text []byte, err error) {
	const clause = "package p\n\n" // without one, what comes first is no doc comment
	if first {
		text, err = imports.Process(f.source+".go", part, formatOnly)
	} else {
		text, err = format.Source(append([]byte(clause), part...))
		text = bytes.TrimPrefix(text, []byte(clause))
	}
	return bytes.TrimSpace(text), err
}

var formatOnly = &imports.Options{FormatOnly: true, Comments: true, TabIndent: true, TabWidth: 8}

// at is a position as comments and the runtime show it.
func at(p token.Position) string { return fmt.Sprintf("%s:%d:%d", p.Filename, p.Line, p.Column) }

// kept are all variables that a place holds.
func kept(p *automaton.Place) []*check.Var { return append(slices.Clone(p.Vars), p.Outer...) }
