package schema_test

import (
	"io"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

// importing are texts that may hold an import.
var importing = regexp.MustCompile(`import|extern`)

// singles are the .sess files of archives.
func singles(f *testing.F, pattern string) (texts [][]byte) {
	paths, err := filepath.Glob(pattern)
	require.NoError(f, err)
	for _, file := range paths {
		archive, err := txtar.ParseFile(file)
		require.NoError(f, err)
		for _, a := range archive.Files {
			if filepath.Ext(a.Name) == ".sess" {
				texts = append(texts, a.Data)
			}
		}
	}
	return texts
}

// FuzzParse reads any text as a schema: parsing, checking, automata, reasoning, and, where
// nothing is wrong, the generator. There is always an end, and diagnostics or Go.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/valid/*.txtar", "testdata/invalid/*.txtar", "testdata/spec/*.txtar"} {
		for _, text := range singles(f, pattern) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4<<10 || importing.Match(text) {
			return // an import runs the go command
		}
		p := schema.Parse("", []string{"a.sess"}, map[string][]byte{"a.sess": text})
		files, err := gen.Generate(p)
		require.NoError(t, err)
		require.Equal(t, p.HasErrors(), len(files) == 0)
		for _, format := range []diag.Format{diag.Text, diag.JSON, diag.GitHub} {
			require.NoError(t, p.Printer(format).Print(io.Discard, p.Diagnostics()))
		}
	})
}
