package schema_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/graph"
)

// TestSpec holds the language to spec.md: an archive for each of its rules. In it a folder is a case, whose name
// says what the rule makes of its files:
//
//	ok…      is a schema of which nothing is to be said
//	bad…     is one that breaks the rule; want has what is said
//	graph…   is one that is fine; want has its automata
//	roles…   likewise, and want has both projections
//	defer…   likewise, and want has what may be put off
//	same…    are schemas, one a file, with the same fingerprint
//	differ…  are schemas with different ones
//	equal…   are schemas with different ones that are bisimilar
func TestSpec(t *testing.T) {
	eachFolder(t, "testdata/spec/*.txtar", func(t *testing.T, rule string, c *folder) string {
		kind := regexp.MustCompile(`^[a-z]+`).FindString(path.Base(c.name))
		switch kind {
		case "ok", "bad":
			p := schema.Parse("", c.files, c.sources)
			gen.Check(p)
			said, codes := findings(t, p)
			require.Equal(t, kind == "bad", len(codes) > 0, said)
			named := rules(t)[rule]
			for _, code := range codes {
				require.True(t, len(named) == 0 || slices.Contains(named, string(code)), said)
			}
			return said
		case "defer":
			return deferrable(automata(t, c.files, c.sources))
		case "graph", "roles":
			var text strings.Builder
			for _, a := range automata(t, c.files, c.sources) {
				if kind == "graph" {
					text.WriteString(graph.Of(a).Text())
				} else {
					text.WriteString(graph.OfRole(a, 0).Text() + "\n" + graph.OfRole(a, 1).Text())
				}
			}
			return text.String()
		}
		var all []*automaton.Automaton
		for _, name := range c.files {
			all = append(all, automata(t, []string{name}, c.sources)[0])
		}
		for i, a := range all {
			for _, b := range all[:i] {
				require.Equal(t, kind == "same", a.Fingerprint == b.Fingerprint)
				require.Equal(t, kind != "differ", automaton.Bisimilar(a, b) == nil)
			}
		}
		require.Contains(t, []string{"same", "differ", "equal"}, kind)
		require.Greater(t, len(all), 1)
		return ""
	})
}

// deferrable says which receives may be put off, and where values may be missing then.
func deferrable(all []*automaton.Automaton) string {
	var text strings.Builder
	for _, a := range all {
		for _, p := range a.Places {
			for _, m := range p.Messages {
				if m.Deferrable {
					fmt.Fprintf(&text, "%s puts off %s at %s\n", a.Protocol.Roles[1-m.Sender], m.Label, p.Name)
				}
			}
			for role, name := range a.Protocol.Roles {
				for _, v := range append(slices.Clone(p.Vars), p.Outer...) {
					if a.Late(role)[p][v] {
						fmt.Fprintf(&text, "%s may lack %s at %s\n", name, v.Name, p.Name)
					}
				}
			}
		}
	}
	return text.String()
}

// automata are those of a schema without errors.
func automata(t *testing.T, files []string, sources map[string][]byte) []*automaton.Automaton {
	t.Helper()
	p := schema.Parse("", files, sources)
	said, _ := findings(t, p)
	require.False(t, p.HasErrors(), said)
	return append(p.Automata, p.Calls...)
}

// rules are the rules of the reference by number, each with the codes that it names.
func rules(t *testing.T) map[string][]string {
	text, err := os.ReadFile("spec.md")
	require.NoError(t, err)
	number, codes := regexp.MustCompile(`^\*\*(S\d+\.\d+)\*\* `), regexp.MustCompile(`\[([a-z, -]+)\]\s*$`)
	all := map[string][]string{}
	for paragraph := range strings.SplitSeq(string(text), "\n\n") {
		m := number.FindStringSubmatch(paragraph)
		if m == nil {
			continue
		}
		require.NotContains(t, all, m[1])
		all[m[1]] = nil
		if named := codes.FindStringSubmatch(paragraph); named != nil {
			all[m[1]] = strings.Split(named[1], ", ")
		}
	}
	return all
}

// TestSpecComplete checks that each rule has its archive, each archive its rule, and each case that breaks
// one the rule's code.
func TestSpecComplete(t *testing.T) {
	all := rules(t)
	require.Greater(t, len(all), 60)
	for rule := range all {
		require.FileExists(t, filepath.Join("testdata", "spec", rule+".txtar"))
	}
	archives, err := filepath.Glob("testdata/spec/*.txtar")
	require.NoError(t, err)
	require.Len(t, archives, len(all))
}
