package format_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/format"
)

// TestGolden lays out the texts of the test data.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			got, err := format.Source("a.sess", archive.Files[0].Data)
			require.NoError(t, err)
			want := ""
			if len(archive.Files) > 1 {
				want = string(archive.Files[1].Data)
			}
			if string(got) != want && os.Getenv("SESSGEN_UPDATE") != "" {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "want", Data: got})
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
			require.Equal(t, want, string(got))
			again, err := format.Source("a.sess", got)
			require.NoError(t, err)
			require.Equal(t, string(got), string(again))
		})
	}
}

// corpus are the schemas of the tree: the examples, and those that the checker's tests have.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{}
	paths, err := filepath.Glob("../../examples/*/*/*.sess")
	require.NoError(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[path] = text
	}
	paths, err = filepath.Glob("../testdata/*/*.txtar")
	require.NoError(t, err)
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		require.NoError(t, err)
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".sess") {
				texts[path+" "+f.Name] = f.Data
			}
		}
	}
	require.NotEmpty(t, texts)
	return texts
}

// fingerprints are those of a text's protocols, nil if it has errors.
func fingerprints(text []byte) []string {
	p := schema.Parse("", []string{"a.sess"}, map[string][]byte{"a.sess": text})
	var all []string
	if !p.HasErrors() {
		for _, a := range append(p.Automata, p.Calls...) {
			all = append(all, a.Fingerprint)
		}
	}
	return all
}

// lay checks what holds of every layout: it is one of its own, and means the same.
// That nothing is lost Source itself makes sure of.
func lay(t *testing.T, text []byte) {
	once, err := format.Source("a.sess", text)
	if err != nil {
		var syntax *format.SyntaxError
		require.ErrorAs(t, err, &syntax)
		return
	}
	twice, err := format.Source("a.sess", once)
	require.NoError(t, err, "%s", once)
	require.Equal(t, string(once), string(twice))
	if !bytes.Equal(text, once) {
		require.Equal(t, fingerprints(text), fingerprints(once), "%s", once)
	}
}

// importing are the texts that have the go command asked for a package.
var importing = regexp.MustCompile(`import|extern`)

// TestImporting lays out the schemas of the tree that import something; the others are FuzzSource's seeds.
func TestImporting(t *testing.T) {
	for name, text := range corpus(t) {
		if importing.Match(text) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				lay(t, text)
			})
		}
	}
}

// A long text takes no longer than its length.
func TestLargeFile(t *testing.T) {
	var b strings.Builder
	b.WriteString("package a\nprotocol P(A, B) {\n")
	for range 20_000 {
		b.WriteString("A -> B: M(n int) where n > 5 // of many\n")
	}
	b.WriteString("}\n")
	_, err := format.Source("a.sess", []byte(b.String()))
	require.NoError(t, err)
}

func FuzzSource(f *testing.F) {
	for _, text := range corpus(f) {
		if !importing.Match(text) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) < 4<<10 && !importing.Match(text) {
			lay(t, text)
		}
	})
}
