package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/sessgen/sessgen/schema/diag"
)

// self is the module that holds sessgen and its runtime.
const self = "github.com/sessgen/sessgen"

//go:embed templates
var templates embed.FS

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [folder]",
		Short: "create a first protocol, with a server, a client and a test",
		Long: `Init creates a folder with a first protocol, the Go generated from it, and a
server, a client and a test that are ready to run. The folder's name is the package's;
the default is hello. Existing files are not touched.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "hello"
			switch len(args) {
			case 0:
			case 1:
				dir = args[0]
			default:
				return usageError{errors.New("init takes one folder")}
			}
			return makeFirst(cmd, dir)
		},
	}
}

// makeFirst makes the first protocol in dir.
func makeFirst(cmd *cobra.Command, dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	name := filepath.Base(abs)
	if !regexp.MustCompile(`^[a-z][a-z0-9]*$`).MatchString(name) {
		return usageError{fmt.Errorf("%q is no name for a package: lower-case letters and digits, a letter first", name)}
	}
	if token.IsKeyword(name) || name == "main" {
		return usageError{fmt.Errorf("%q is no name for a package: Go uses it otherwise", name)}
	}
	if err := lonely(dir, name); err != nil {
		return err
	}
	importPath, err := importPathOf(abs)
	if err != nil {
		return err
	}

	data := struct{ Package, Import string }{name, importPath}
	files := map[string][]byte{}
	var order []string
	err = fs.WalkDir(templates, "templates", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		t, err := template.ParseFS(templates, p)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := t.Execute(&text, data); err != nil {
			return err
		}
		to := strings.TrimSuffix(strings.TrimPrefix(p, "templates/"), ".tmpl")
		if to == "schema.sess" {
			to = name + ".sess"
		}
		target := filepath.Join(dir, filepath.FromSlash(to))
		if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists already", target)
		}
		files[target] = text.Bytes()
		order = append(order, target)
		return nil
	})
	if err != nil {
		return err
	}
	for _, target := range order {
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(target, files[target], 0o666); err != nil {
			return err
		}
	}
	if err := (generation{format: diag.Text}).run(cmd, []string{dir}); err != nil {
		return err
	}
	printNext(cmd.OutOrStdout(), dir, name, requiresSessgen(filepath.Dir(abs)))
	return nil
}

// printNext says what one may do with the folder.
func printNext(w io.Writer, dir, name string, required bool) {
	fmt.Fprintf(w, "made %s\n\n", filepath.ToSlash(filepath.Clean(dir)))
	table := tabwriter.NewWriter(w, 0, 0, 4, ' ', 0)
	if !required {
		fmt.Fprintf(table, "  go get -tool %s/cmd/sessgen\n", self)
	}
	at := goPath(dir)
	server, client := strings.TrimSuffix(at, "/")+"/server", strings.TrimSuffix(at, "/")+"/client"
	fmt.Fprintf(table, "  go mod tidy\twhat the packages import\n")
	fmt.Fprintf(table, "  go test %s\tboth roles, in memory\n", at)
	fmt.Fprintf(table, "  go run %s\tserves on 127.0.0.1:7009\n", server)
	fmt.Fprintf(table, "  go run %s 127.0.0.1:7009 Ada Grace\tin another terminal\n", client)
	table.Flush()
	fmt.Fprintf(w, "\nThen change %s, and run go generate %s\n", filepath.ToSlash(filepath.Join(dir, name+".sess")), at)
}

// goPath is a folder as the go command takes it.
func goPath(dir string) string {
	dir = filepath.ToSlash(filepath.Clean(dir))
	if dir == "." || dir == ".." || path.IsAbs(dir) || filepath.IsAbs(dir) || strings.HasPrefix(dir, "../") {
		return dir
	}
	return "./" + dir
}

// lonely refuses a folder in which the Go files are of another package: one folder is one package.
func lonely(dir, name string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly)
		if err == nil && tree.Name.Name != name {
			return fmt.Errorf("%s is of package %s: init makes package %s, which wants a folder of its own", file, tree.Name.Name, name)
		}
	}
	return nil
}

// requiresSessgen reports whether the module around a folder has sessgen already.
func requiresSessgen(dir string) bool {
	list := exec.Command("go", "list", "-m", self)
	list.Dir = existing(dir)
	return list.Run() == nil
}

// existing is the innermost folder around abs that exists.
func existing(abs string) string {
	for {
		if info, err := os.Stat(abs); err == nil && info.IsDir() {
			return abs
		}
		abs = filepath.Dir(abs)
	}
}

// importPathOf is the import path of the folder, which may not exist yet, in the module around it.
func importPathOf(abs string) (string, error) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Path}}\n{{.Dir}}")
	list.Dir = existing(abs)
	out, err := list.Output()
	module, root, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || root == "" {
		return "", errors.New("init makes a package of a module: run go mod init first")
	}
	below, err := filepath.Rel(root, abs)
	if err != nil || !filepath.IsLocal(below) {
		return "", fmt.Errorf("%s is outside the module at %s", abs, root)
	}
	return path.Join(module, filepath.ToSlash(below)), nil
}
