package automaton_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/automaton"
)

// load checks a schema that must be right.
func load(t testing.TB, source string) *schema.Package {
	t.Helper()
	p := schema.Parse(".", []string{"a.sess"}, map[string][]byte{"a.sess": []byte(source)})
	require.False(t, p.HasErrors(), "%v", p.Diagnostics())
	return p
}

// loadQuietly checks a schema, and returns nil if it has an error.
func loadQuietly(source string) *schema.Package {
	p := schema.Parse(".", []string{"a.sess"}, map[string][]byte{"a.sess": []byte(source)})
	if p.HasErrors() {
		return nil
	}
	return p
}

// TestCanonical holds the canonical text of every protocol and rpc of the test data:
// what is in there is what two ends must agree on.
func TestCanonical(t *testing.T) {
	files, err := filepath.Glob("testdata/canonical/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.Equal(t, "a.sess", archive.Files[0].Name)
			p := load(t, string(archive.Files[0].Data))
			var got strings.Builder
			for _, a := range append(p.Automata, p.Calls...) {
				fmt.Fprintf(&got, "%s\n", a.Canonical())
				require.NoError(t, a.Local(0).Dual(a.Local(1)))
			}
			want := ""
			if len(archive.Files) > 1 {
				want = string(archive.Files[1].Data)
			}
			if got.String() == want {
				return
			}
			if os.Getenv("SESSGEN_UPDATE") != "" {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "want", Data: []byte(got.String())})
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
			require.Equal(t, want, got.String())
		})
	}
}

// TestBisimilar compares the two protocols of each case of the test data: they are
// the same, or part where the case says.
func TestBisimilar(t *testing.T) {
	files, err := filepath.Glob("testdata/bisimilar/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.Len(t, archive.Files, 3)
			a, b := load(t, string(archive.Files[0].Data)).Automata[0], load(t, string(archive.Files[1].Data)).Automata[0]
			want := strings.TrimSpace(string(archive.Files[2].Data))
			if want == "same" {
				require.Nil(t, automaton.Bisimilar(a, b))
				require.Nil(t, automaton.Bisimilar(b, a))
				return
			}
			d := automaton.Bisimilar(a, b)
			require.NotNil(t, d, want)
			require.Equal(t, want, d.Error())
			require.NotEqual(t, a.Fingerprint, b.Fingerprint)
		})
	}
}

// What two ends need not agree on is not in the fingerprint; what they must is.
func TestFingerprint(t *testing.T) {
	const base = `package a
struct Line { Text string; Cents int64 }
protocol P(A, B) {
    A -> B: M(line Line, n int) where n > 0 && line.Cents > 0
    rec R(sum int = n) { choice at A { A -> B: Add(k int); continue R(sum + k) } or { A -> B: Stop() where sum > 2 } }
}
`
	fingerprint := func(source string) string { return load(t, source).Automata[0].Fingerprint }
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(base) }
	want := fingerprint(base)
	for _, same := range []string{
		replace("A -> B: M", "// A comment.\n    A -> B: M"),
		replace("line", "row", "sum", "total"),
		replace("(A, B)", "(C, D)", "A -> B", "C -> D", "at A", "at C"),
		replace("k int)", "k int) within 5s"),
		replace("> B: Stop() where sum > 2", "> B: Stop() where (sum) > 1+1"),
		replace("Text string; Cents int64", "Words string; Cents int64"),
		replace("Text string; Cents int64", "Cents int64 = 2; Text string = 1"),
		replace("Cents", "Pence"),
		replace("rec R", "rec Round", "continue R", "continue Round"),
	} {
		require.Equal(t, want, fingerprint(same), same)
	}
	for _, other := range []string{
		replace("package a", "package b"),
		replace("protocol P", "protocol Q"),
		replace("M(", "N("),
		replace("n > 0", "n > 1"),
		replace("n int)", "n int64)", "sum int", "sum int64", "k int", "k int64"),
		replace("Text string; Cents int64", "Cents int64; Text string"),
		replace("sum + k", "sum - k"),
		replace("= n)", "= 5)"),
		replace("{ A -> B: Add", "{ A -> B: Plus"),
	} {
		require.NotEqual(t, want, fingerprint(other), other)
	}
}

// Types that hold each other twice have texts that would double with each.
func TestShapesDoNotExplode(t *testing.T) {
	var b strings.Builder
	b.WriteString("package a\n")
	for i := range 200 {
		fmt.Fprintf(&b, "struct S%d { L, R *S%d }\n", i, (i+1)%200)
	}
	b.WriteString("protocol P(A, B) { A -> B: M(s S0) }\n")
	require.Less(t, len(load(t, b.String()).Automata[0].Canonical()), 1000) // all are one type

	b.Reset()
	b.WriteString("package a\n")
	for i := range 200 {
		fmt.Fprintf(&b, "struct S%d { L, R S%d }\n", i, i+1)
	}
	b.WriteString("struct S200 { N int }\nprotocol P(A, B) { A -> B: M(s S0) }\n")
	require.Less(t, len(load(t, b.String()).Automata[0].Canonical()), 10_000)
}
