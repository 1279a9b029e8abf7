package check

import (
	"bytes"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
	"github.com/sessgen/sessgen/schema/parser"
)

// TestCorpus checks every archive in testdata: .sess files that make one folder,
// and want.txt, what sessgen says about them; an archive of a valid schema has none.
func TestCorpus(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/"), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			require.NoError(t, err)
			want, at := "", -1
			for i, f := range archive.Files {
				if f.Name == "want.txt" {
					want, at = string(f.Data), i
				}
			}
			got := findings(t, archive)
			if got != want && os.Getenv("SESSGEN_UPDATE") != "" {
				if at < 0 {
					archive.Files = append(archive.Files, txtar.File{Name: "want.txt"})
					at = len(archive.Files) - 1
				}
				archive.Files[at].Data = []byte(got)
				if got == "" {
					archive.Files = append(archive.Files[:at], archive.Files[at+1:]...)
				}
				require.NoError(t, os.WriteFile(path, txtar.Format(archive), 0o644))
			}
			require.Equal(t, want, got)
		})
	}
}

// findings is what sessgen prints about the schema in the archive.
func findings(t *testing.T, archive *txtar.Archive) string {
	fset := token.NewFileSet()
	var diags diag.List
	var files []*ast.File
	sources := map[string][]byte{}
	for _, f := range archive.Files {
		if filepath.Ext(f.Name) == ".sess" {
			sources[f.Name] = f.Data
			files = append(files, parser.ParseFile(fset, f.Name, f.Data, &diags))
		}
	}
	Files(fset, ".", files, &diags)
	var out bytes.Buffer
	printer := diag.Printer{Fset: fset, Sources: sources}
	require.NoError(t, printer.Print(&out, diags.Sorted()))
	return out.String()
}
