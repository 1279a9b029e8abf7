package check

import (
	goast "go/ast"
	"go/build"
	"go/token"
	"go/types"
	"io"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// nowhere is a platform that no file name asks for. A file that it does not build, some other does not either.
var nowhere = build.Context{
	GOOS: "nowhere", GOARCH: "none", Compiler: "gc",
	OpenFile: func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("package p\n")), nil },
}

// fileName refuses the name of a file whose Go would not be built everywhere.
func (c *checker) fileName(f *ast.File) {
	generated := f.Name + ".go"
	if built, err := nowhere.MatchFile("", generated); err != nil || built {
		return
	}
	c.report(diag.FileName, f.Ident, "%s would become %s, which the go command does not build everywhere", f.Name, generated).
		Suggestion = "give the file another name"
}

// declared are the package-level names of the Go files that are of the schema's package, and where they are.
func declared(pkg string, files []*goast.File) map[string]token.Pos {
	names := map[string]token.Pos{}
	add := func(id *goast.Ident) {
		if id.Name != "_" && id.Name != "init" {
			names[id.Name] = id.Pos()
		}
	}
	for _, f := range files {
		if f.Name.Name != pkg {
			continue
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *goast.FuncDecl:
				if d.Recv == nil {
					add(d.Name)
				}
			case *goast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *goast.TypeSpec:
						add(s.Name)
					case *goast.ValueSpec:
						for _, id := range s.Names {
							add(id)
						}
					}
				}
			}
		}
	}
	return names
}

// captures reports the names of an expression that mean a builtin or an import here, and in the
// generated Go would mean what somebody declared beside it.
func (c *checker) captures(e *ast.Expr, info *types.Info) {
	goast.Inspect(e.Tree, func(n goast.Node) bool {
		id, ok := n.(*goast.Ident)
		if !ok {
			return true
		}
		at, declared := c.goDecls[id.Name]
		o := info.Uses[id]
		_, isImport := o.(*types.PkgName)
		if declared && o != nil && (isImport || o.Parent() == types.Universe) {
			c.report(diag.Captured, id, "the generated Go would take %s for what this package declares under that name", id.Name).
				Relate(at, id.Name+" is declared here").Suggestion = "call that something else"
		}
		return true
	})
}
