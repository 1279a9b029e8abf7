package sessgen_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOtherSystems type-checks every package of the module, generated ones among them, for each operating system and
// architecture that it runs on, once. Of what they import the declarations are enough; `make cross` compiles all of it for each of
// the six systems.
func TestOtherSystems(t *testing.T) {
	parsed := parses{fset: token.NewFileSet(), files: map[string]*ast.File{}}
	for _, system := range []string{"linux/arm64", "darwin/arm64", "windows/amd64"} {
		goos, goarch, _ := strings.Cut(system, "/")
		checked := packages{"unsafe": types.Unsafe}
		ours := 0
		for _, p := range closure(t, goos, goarch) {
			if p.ImportPath == "unsafe" {
				continue
			}
			mine := strings.HasPrefix(p.ImportPath+"/", module)
			if mine {
				ours++
			}
			var failed []error
			config := types.Config{
				Importer: importer{checked, p.ImportMap}, Sizes: types.SizesFor("gc", goarch), IgnoreFuncBodies: !mine,
				Error: func(err error) { failed = append(failed, err) },
			}
			made, _ := config.Check(p.ImportPath, parsed.fset, parsed.of(t, p), nil)
			require.Empty(t, failed, "%s: %s", system, p.ImportPath)
			checked[p.ImportPath] = made
		}
		require.Greater(t, ours, 40)
	}
}

// dependency is what `go list -deps -json` says of a package, behind those that it imports.
type dependency struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
}

func closure(t *testing.T, goos, goarch string) (all []dependency) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap", "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p dependency
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
}

// parses are files that were parsed: most are the same for every system.
type parses struct {
	fset  *token.FileSet
	files map[string]*ast.File
}

func (p parses) of(t *testing.T, d dependency) (files []*ast.File) {
	t.Helper()
	for _, name := range d.GoFiles {
		path := filepath.Join(d.Dir, name)
		if p.files[path] == nil {
			f, err := parser.ParseFile(p.fset, path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			p.files[path] = f
		}
		files = append(files, p.files[path])
	}
	return files
}

// packages are those that were checked, by path.
type packages map[string]*types.Package

// importer finds what a package imports, whose paths mapped may change.
type importer struct {
	checked packages
	mapped  map[string]string
}

func (i importer) Import(path string) (*types.Package, error) {
	if to, ok := i.mapped[path]; ok {
		path = to
	}
	if p := i.checked[path]; p != nil {
		return p, nil
	}
	return nil, errors.New("not imported: " + path)
}
