package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
)

// imports resolves the imports of all files, and the paths of externs. time needs
// no import: it is checked against a stub that is built in. The others are asked of
// the go command, all at once.
func (c *checker) imports() {
	wanted := map[string]ast.Node{} // where a path is first asked for
	var paths []string
	want := func(path string, at ast.Node) {
		if build.IsLocalImport(path) {
			c.report(diag.BadImport, at, "%s is relative: an import path is a package's whole name", path)
			return
		}
		if _, known := wanted[path]; !known && path != "time" && path != "" {
			wanted[path] = at
			paths = append(paths, path)
		}
	}
	for _, f := range c.files {
		for _, im := range f.Imports {
			want(im.Path.Value, im.Path)
		}
		for _, d := range f.Decls {
			if x, ok := d.(*ast.Extern); ok {
				want(x.Path.Value, x.Path)
			}
		}
	}
	packages := map[string]*types.Package{"time": timePackage()}
	if len(paths) > 0 {
		// What is imported may speak of the real time.Time, so then it is everybody's.
		c.load(append(paths, "time"), wanted, packages)
	}
	c.packages = packages
	for _, f := range c.files {
		here := map[string]token.Pos{}
		for _, im := range f.Imports {
			c.importOne(f, im, packages[im.Path.Value], here)
		}
	}
}

func (c *checker) importOne(f *ast.File, im *ast.Import, p *types.Package, here map[string]token.Pos) {
	made := &Import{Path: im.Path.Value, Explicit: im.Name != nil}
	made.File, made.Doc, made.Pos = f.Name, im.Doc.Text(), c.position(im.Path.Pos())
	made.Name = path.Base(made.Path)
	at := ast.Node(im.Path)
	switch {
	case im.Name != nil:
		made.Name, at = im.Name.Name, im.Name
	case p != nil:
		made.Name = p.Name()
	}
	switch before, taken := here[made.Name]; {
	case made.Path == "time" && made.Name == "time":
		c.report(diag.Shadow, at, "time needs no import")
		return
	case made.Name == "time" || types.Universe.Lookup(made.Name) != nil:
		c.report(diag.Shadow, at, "an import cannot be called %s: that name is taken everywhere", made.Name)
		return
	case made.Name == "_" || made.Name == ".":
		c.report(diag.BadImport, at, "an import needs a name that expressions can use")
		return
	case taken:
		c.report(diag.Repeated, at, "%s is imported twice", made.Name).Relate(before, "the first import")
		return
	}
	here[made.Name] = im.Pos()
	made.pkg = p
	if p == nil {
		c.lost[made.Name] = true
	}
	c.schema.Imports = append(c.schema.Imports, made)
}

// listedPackage is what go list says of a package.
type listedPackage struct {
	ImportPath, Export string
	Standard           bool
	Error              *struct{ Err string }
}

// load asks the go command for the export data of the paths and what they need.
func (c *checker) load(paths []string, wanted map[string]ast.Node, into map[string]*types.Package) {
	args := append([]string{"list", "-e", "-export", "-deps", "-json=ImportPath,Export,Standard,Error", "--"}, paths...)
	cmd := exec.Command("go", args...)
	cmd.Dir = c.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		for _, p := range paths {
			if wanted[p] == nil {
				continue
			}
			c.report(diag.BadImport, wanted[p], "the go command cannot be asked for %s: %s", p, firstLine(stderr.String(), err))
		}
		return
	}
	exports := map[string]string{}
	failed := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			break // what was listed before counts
		}
		exports[p.ImportPath] = p.Export
		if p.Error != nil {
			why, _, _ := strings.Cut(firstLine(p.Error.Err, nil), " (/") // where this machine looked is of no use
			failed[p.ImportPath] = strings.TrimSuffix(why, "; to add it:") + addIt(why, p.ImportPath)
		}
		if at := wanted[p.ImportPath]; at != nil && p.Standard && slices.Contains(strings.Split(p.ImportPath, "/"), "internal") {
			c.report(diag.BadImport, at, "%s is for Go's own library alone", p.ImportPath)
		}
	}
	imp := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if file := exports[path]; file != "" {
			return os.Open(file)
		}
		return nil, fmt.Errorf("no export data for %s", path)
	})
	for _, p := range paths {
		loaded, err := imp.Import(p)
		if err != nil {
			if wanted[p] == nil {
				continue
			}
			why := failed[p]
			if why == "" {
				why = err.Error()
			}
			c.report(diag.BadImport, wanted[p], "%s cannot be imported: %s", p, why)
			continue
		}
		into[p] = loaded
	}
}

// addIt is the command with which the go command would go on, if it has one for its words.
func addIt(why, path string) string {
	if strings.HasSuffix(why, "; to add it:") {
		return "; go get " + path + " adds it"
	}
	return ""
}

func firstLine(text string, err error) string {
	if line, _, _ := strings.Cut(strings.TrimSpace(text), "\n"); line != "" {
		return line
	}
	if err != nil {
		return err.Error()
	}
	return "no reason given"
}
