package check

import (
	"fmt"
	goast "go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// Files checks the parsed files of one folder as one schema. dir is where the go command looks up imports, if
// there are any besides time; written are the handwritten Go files of the folder. The schema is complete only
// if no error was added to diags.
func Files(fset *token.FileSet, dir string, files []*ast.File, written []*goast.File, diags *diag.List) *Schema {
	c := &checker{
		fset: fset, dir: dir, files: files, diags: diags,
		schema:    &Schema{},
		names:     map[string]*name{},
		named:     map[string]*Named{},
		lost:      map[string]bool{},
		protocols: map[string]*Protocol{},
		asts:      map[*Protocol]*protocolSource{},
	}
	c.packageClause()
	c.goDecls = declared(c.schema.Package, written)
	c.schema.Go = types.NewPackage(c.schema.Package, c.schema.Package)
	c.imports()
	c.collect()
	c.externs()
	c.constants()
	c.payloads()
	c.bodies()
	return c.schema
}

type checker struct {
	fset   *token.FileSet
	dir    string
	files  []*ast.File
	diags  *diag.List
	schema *Schema

	packages  map[string]*types.Package // by path: time, imports and those of externs
	lost      map[string]bool           // declarations that could not be read, by name; "": their names neither
	partial   bool                      // members of some declaration could not be read
	goDecls   map[string]token.Pos      // by name: what Go beside the schema declares
	names     map[string]*name          // of the package: constants, types, protocols, services
	named     map[string]*Named
	protocols map[string]*Protocol
	asts      map[*Protocol]*protocolSource
	consts    []*constSource
	structs   []*structSource
	unions    []*unionSource
	exts      []*externSource
	services  []*serviceSource
}

// name is what a package-level name stands for.
type name struct {
	what string // "struct", "protocol", …
	pos  token.Pos
}

// The sources of declarations, beside what they become.
type (
	constSource struct {
		decl  *ast.Const
		file  *ast.File
		made  *Const
		state int
	}
	structSource struct {
		decl *ast.Struct
		file *ast.File
		made *Named
	}
	unionSource struct {
		decl *ast.Union
		file *ast.File
		made *Named
	}
	externSource struct {
		decl *ast.Extern
		file *ast.File
		made *Named
	}
	protocolSource struct {
		decl  *ast.Protocol
		file  *ast.File
		made  *Protocol
		state int
		// ends: a run can reach the end; silent: without a message.
		ends, silent bool
	}
	serviceSource struct {
		decl *ast.Service
		file *ast.File
		made *Service
	}
)

func (c *checker) position(pos token.Pos) token.Position { return c.fset.PositionFor(pos, false) }

// report adds an error about a node.
func (c *checker) report(code diag.Code, at ast.Node, format string, args ...any) *diag.Diagnostic {
	return c.reportSpan(code, at.Pos(), at.End(), format, args...)
}

func (c *checker) reportSpan(code diag.Code, from, to token.Pos, format string, args ...any) *diag.Diagnostic {
	return c.diags.Add(diag.Diagnostic{Code: code, Pos: from, End: to, Message: fmt.Sprintf(format, args...)})
}

// packageClause checks that all files are of one package.
func (c *checker) packageClause() {
	for _, f := range c.files {
		c.fileName(f)
		c.schema.Files = append(c.schema.Files, f.Name)
		if f.Doc != nil && c.schema.Doc == "" {
			c.schema.Doc = f.Doc.Text()
		}
		switch {
		case f.Ident.Name == "":
		case c.schema.Package == "":
			c.schema.Package = f.Ident.Name
			if c.schema.Package != strings.ToLower(c.schema.Package) || strings.Contains(c.schema.Package, "_") || c.schema.Package == "main" {
				c.report(diag.PackageName, f.Ident, "package %s: a schema's package has a name of lower-case letters and digits, and is not main", f.Ident.Name)
			}
		case c.schema.Package != f.Ident.Name:
			d := c.report(diag.PackageName, f.Ident, "package %s, but other files of the folder are of package %s", f.Ident.Name, c.schema.Package)
			d.Relate(c.files[0].Ident.Pos(), "package "+c.schema.Package)
		}
	}
	slices.Sort(c.schema.Files)
}

// collect declares every package-level name.
func (c *checker) collect() {
	for _, f := range c.files {
		for _, name := range f.Lost {
			c.lost[name] = true
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.Const:
				if c.declare("const", d.Name, f, true) {
					made := &Const{Decl: c.decl(d.Name, d.Doc, f)}
					c.schema.Consts = append(c.schema.Consts, made)
					c.consts = append(c.consts, &constSource{decl: d, file: f, made: made})
				}
			case *ast.Struct:
				c.partial = c.partial || d.Partial
				if n := c.declareType("struct", Struct, d.Name, d.Doc, f); n != nil {
					c.structs = append(c.structs, &structSource{d, f, n})
				}
			case *ast.Enum:
				c.partial = c.partial || d.Partial
				if n := c.declareType("enum", Enum, d.Name, d.Doc, f); n != nil {
					c.enum(d, f, n)
				}
			case *ast.Union:
				if n := c.declareType("union", Union, d.Name, d.Doc, f); n != nil {
					c.unions = append(c.unions, &unionSource{d, f, n})
				}
			case *ast.Extern:
				if n := c.declareType("extern", Extern, d.Name, d.Doc, f); n != nil {
					n.Path, n.GoName = d.Path.Value, d.GoName.Name
					c.exts = append(c.exts, &externSource{d, f, n})
				}
			case *ast.Protocol:
				if c.declare("protocol", d.Name, f, false) {
					p := &Protocol{Decl: c.decl(d.Name, d.Doc, f)}
					c.schema.Protocols = append(c.schema.Protocols, p)
					c.protocols[p.Name] = p
					c.asts[p] = &protocolSource{decl: d, file: f, made: p}
				}
			case *ast.Service:
				if c.declare("service", d.Name, f, false) {
					s := &Service{Decl: c.decl(d.Name, d.Doc, f)}
					c.schema.Services = append(c.schema.Services, s)
					c.services = append(c.services, &serviceSource{d, f, s})
				}
			}
		}
	}
}

func (c *checker) decl(id *ast.Ident, doc *ast.Comment, f *ast.File) Decl {
	return Decl{Name: id.Name, Doc: doc.Text(), File: f.Name, Pos: c.position(id.Pos())}
}

// declare notes a package-level name, and reports whether it may have it.
func (c *checker) declare(what string, id *ast.Ident, f *ast.File, anyCase bool) bool {
	c.wellFormed(id, what, anyCase, true)
	if before, taken := c.names[id.Name]; taken {
		c.report(diag.Repeated, id, "%s is declared twice", id.Name).Relate(before.pos, "the first is "+article(before.what))
		return false
	}
	if types.Universe.Lookup(id.Name) != nil {
		c.report(diag.Shadow, id, "%s is a builtin of Go", id.Name)
		return false
	}
	for _, im := range c.schema.Imports {
		if im.Name == id.Name {
			c.report(diag.Shadow, id, "%s is the name of an import", id.Name)
			return false
		}
	}
	c.names[id.Name] = &name{what, id.Pos()}
	return true
}

func (c *checker) declareType(what string, kind Kind, id *ast.Ident, doc *ast.Comment, f *ast.File) *Named {
	if !c.declare(what, id, f, false) {
		return nil
	}
	n := &Named{Decl: c.decl(id, doc, f), Kind: kind}
	c.named[n.Name] = n
	c.schema.Types = append(c.schema.Types, n)
	obj := types.NewTypeName(id.Pos(), c.schema.Go, n.Name, nil)
	n.goType = types.NewNamed(obj, types.NewStruct(nil, nil), nil)
	if kind != Extern {
		c.schema.Go.Scope().Insert(obj)
	}
	return n
}

// wellFormed checks the spelling of a name. One that is not may still be what other places mean.
func (c *checker) wellFormed(id *ast.Ident, what string, anyCase, upper bool) bool {
	first := id.Name[0]
	isUpper := 'A' <= first && first <= 'Z'
	switch {
	case token.IsKeyword(id.Name):
		return false // the parser has said so
	case strings.Contains(id.Name, "_"):
		c.report(diag.BadName, id, "%q: names have no underscore", id.Name)
	case !ascii(id.Name):
		c.report(diag.BadName, id, "%q: names are of ASCII letters and digits", id.Name)
	case !anyCase && upper && !isUpper:
		c.report(diag.BadName, id, "the name of %s begins with an upper-case letter: %s", article(what), strings.ToUpper(id.Name[:1])+id.Name[1:])
	case !anyCase && !upper && isUpper:
		c.report(diag.BadName, id, "the name of %s begins with a lower-case letter: %s", article(what), strings.ToLower(id.Name[:1])+id.Name[1:])
	default:
		return true
	}
	return false
}

// article is a word with its article.
func article(word string) string {
	if strings.ContainsRune("aeiou", rune(word[0])) || word == "rpc" {
		return "an " + word
	}
	return "a " + word
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// unknown reports a name that nothing has, unless what has it could not be read.
func (c *checker) unknown(id ast.Node, what, name string, candidates []string) {
	if !c.lost[name] && !c.lost[""] {
		suggest(c.report(diag.Unknown, id, "unknown %s %s", what, name), name, candidates)
	}
}

// suggest adds "did you mean" if a candidate is near.
func suggest(d *diag.Diagnostic, name string, candidates []string) {
	if near := diag.Closest(name, candidates); near != "" {
		d.Suggestion = "did you mean " + near + "?"
	}
}
