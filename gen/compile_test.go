package gen_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

// TestCompiles generates every schema of the corpus, and has go vet read what comes out.
func TestCompiles(t *testing.T) {
	module := t.TempDir()
	for dir, sources := range corpus(t) {
		var files []string
		for name := range sources {
			if path.Ext(name) == ".sess" {
				files = append(files, name)
			}
		}
		p := schema.Parse("", files, sources)
		generated, err := gen.GenerateFuzz(p)
		require.NoError(t, err, dir)
		for _, name := range files {
			require.Contains(t, generated, name+".go", "%s: %v", dir, p.Diagnostics())
		}
		for name, text := range sources {
			_, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
			if path.Ext(name) == ".go" && !strings.HasSuffix(name, ".sess.go") && err == nil {
				generated[name] = text
			}
		}
		require.NoError(t, os.MkdirAll(filepath.Join(module, dir), 0o755))
		for name, text := range generated {
			require.NoError(t, os.WriteFile(filepath.Join(module, dir, name), text, 0o644))
		}
	}
	besideUs(t, module)
	vet(t, module)
}

// TestNamesGiveWay generates protocols whose parameters are called what generated code calls its own variables,
// arguments and imports: each such name with parameters of many types.
func TestNamesGiveWay(t *testing.T) {
	const types = `package a

struct S { A []string; B *S; C map[string]U }
struct Z {}
union U { S; Z }
enum E { A; B }
extern X = "net/netip".Addr
`
	source := types
	for i, name := range localNames(t) {
		source += fmt.Sprintf("protocol P%d(A, B) { choice at A {\n", i)
		for j, kind := range []string{"S", "U", "*S", "[]S", "[]U", "[]X", "map[int]S", "map[bool]X", "*int", "time.Time"} {
			use := "k == 1"
			switch kind[0] {
			case '*':
				use = name + " == nil"
			case '[', 'm':
				use = "len(" + name + ") == 1"
			}
			if j > 0 {
				source += "} or {\n"
			}
			source += fmt.Sprintf("A -> B: M%d(%s %s, k int)\nB -> A: N%d(o int) where o == k && %s\n", j, name, kind, j, use)
		}
		source += "} }\n"
	}
	p := schema.Parse("", []string{"a.sess"}, map[string][]byte{"a.sess": []byte(source)})
	files, err := gen.Generate(p)
	require.NoError(t, err)
	var errors []diag.Diagnostic
	for _, d := range p.Diagnostics() {
		if d.Severity == diag.Error {
			errors = append(errors, d)
		}
	}
	require.NotEmpty(t, files, "%v", errors)
	module := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(module, "a.sess.go"), files["a.sess.go"], 0o644))
	besideUs(t, module)
	vet(t, module, "-atomic") // one analyzer: it is the types that are looked at
}

// localNames are the lower-case names that occur in the Go of the corpus, and may be a variable's.
func localNames(t *testing.T) []string {
	found, global := map[string]bool{}, map[string]bool{}
	for _, sources := range corpus(t) {
		generated, err := gen.Generate(schema.Parse("", []string{"a.sess"}, sources))
		require.NoError(t, err)
		if len(generated) == 0 {
			continue // other files, or one that needs others
		}
		file, err := parser.ParseFile(token.NewFileSet(), "", generated["a.sess.go"], 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && len(id.Name) > 0 {
				found[id.Name] = true
			}
			return true
		})
		for name := range declared(file) {
			global[name] = true
		}
	}
	maps.DeleteFunc(found, func(name string, _ bool) bool { return global[name] })
	clash := []string{"k", "o", "time", "next", "recv", "tryRecv", "abort", "branch", "close", "string"} // ours, or no names for a variable
	maps.DeleteFunc(found, func(name string, _ bool) bool {
		return !regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`).MatchString(name) || types.Universe.Lookup(name) != nil || slices.Contains(clash, name)
	})
	return slices.Sorted(maps.Keys(found))
}

// declared are the names of a package: they have no effect in another one, and in their own the corpus has some for parameters.
func declared(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, is := s.(*ast.ValueSpec); is {
					for _, id := range v.Names {
						names[id.Name] = true
					}
				}
			}
		}
	}
	return names
}

// vet has go vet read a module.
func vet(t *testing.T, module string, flags ...string) {
	t.Helper()
	vet := exec.Command("go", append(append([]string{"vet"}, flags...), "./...")...)
	vet.Dir = module
	out, err := vet.CombinedOutput()
	require.NoError(t, err, "%.4000s", out)
}

// besideUs makes a folder a module that requires this one as it stands, and what this one requires.
func besideUs(t *testing.T, module string) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	mod, err := modfile.Parse("go.mod", text, nil)
	require.NoError(t, err)
	ours := mod.Module.Mod.Path
	require.NoError(t, mod.AddModuleStmt("corpus.test"))
	require.NoError(t, mod.AddRequire(ours, "v0.0.0"))
	require.NoError(t, mod.AddReplace(ours, "", root, ""))
	text, err = mod.Format()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.mod"), text, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.sum"), sums, 0o644))
}

// corpus are the valid schemas, by a folder for each.
func corpus(t *testing.T) map[string]map[string][]byte {
	archives, err := filepath.Glob("../schema/testdata/valid/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	all := map[string]map[string][]byte{}
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		for _, f := range archive.Files {
			dir := path.Join(strings.TrimSuffix(filepath.Base(file), ".txtar"), path.Dir(f.Name))
			if path.Base(f.Name) == "want" {
				continue
			}
			if all[dir] == nil {
				all[dir] = map[string][]byte{}
			}
			all[dir][path.Base(f.Name)] = f.Data
		}
	}
	return all
}
