package gen_test

import (
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/ast"
)

// TestStable makes small edits to schemas, one at a time, and with GEN_LONG everywhere that they fit, and
// counts the lines of Go that change. What must change, and is not counted, is what
// an edit is about everywhere: the positions of all that stands below it, and, when a
// message is new, the fingerprint and the numbers of the labels behind its own.
func TestStable(t *testing.T) {
	paths, err := filepath.Glob("../examples/*/*/*.sess")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	worst := map[string]lines{}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		s := &stable{file: filepath.Base(path), source: string(source), dir: filepath.Dir(path)}
		before := s.generate(t, s.source)
		for _, e := range sample(s.edits(t)) {
			d := changed(before, s.generate(t, e.source))
			name := fmt.Sprintf("%s, %s at %s", s.file, e.what, e.at)
			require.LessOrEqual(t, d.removed, e.most.removed, "%s: too many lines change", name)
			require.LessOrEqual(t, d.added, e.most.added, "%s: too many lines are new", name)
			worst[e.what] = lines{max(worst[e.what].removed, d.removed), max(worst[e.what].added, d.added)}
		}
	}
	t.Logf("lines that change and lines that are new, at most: %v", worst)
	require.Positive(t, worst["a branch at the end of a choice"].added, "nothing was tried")
}

type lines struct{ removed, added int }

// edit is one edit of a schema, and how many lines of Go it may change.
type edit struct {
	what, at, source string
	most             lines
}

type stable struct {
	file, dir, source string
}

func (s *stable) parse(source string) *schema.Package {
	return schema.Parse(s.dir, []string{s.file}, map[string][]byte{s.file: []byte(source)})
}

var (
	position    = regexp.MustCompile(`\b[a-z0-9_]+\.sess:\d+:\d+`)
	fingerprint = regexp.MustCompile(`Fingerprint: *"[0-9a-f]{64}"`)
	number      = regexp.MustCompile(`\bNumber: \d+`)
)

// generate makes the Go, without what is not counted.
func (s *stable) generate(t *testing.T, source string) []string {
	p := s.parse(source)
	files, err := gen.Generate(p)
	require.NoError(t, err)
	text := string(files[s.file+".go"])
	require.NotEmpty(t, text, "%v\n%s", p.Diagnostics(), source)
	text = position.ReplaceAllString(text, "POS")
	text = fingerprint.ReplaceAllString(text, "FINGERPRINT")
	text = number.ReplaceAllString(text, "NUMBER")
	return strings.Split(text, "\n")
}

func (s *stable) edits(t *testing.T) (all []edit) {
	tree := s.parse(s.source).Trees[0]
	insert := func(at token.Pos, text string) string {
		offset := tree.File.Offset(at)
		return s.source[:offset] + text + s.source[offset:]
	}
	all = append(all,
		edit{"a comment at the end", "", s.source + "\n// This is the end.\n", lines{}},
		edit{"a comment in a place of its own", "", strings.Replace(s.source, "\n\n", "\n\n// This is for readers.\n// It documents nothing.\n\n", 1), lines{}},
	)
	for _, d := range tree.Decls {
		p, ok := d.(*ast.Protocol)
		if !ok {
			continue
		}
		roles := []string{p.Roles[0].Name, p.Roles[1].Name}
		walk(p.Body, func(st ast.Stmt) {
			switch st := st.(type) {
			case *ast.Message:
				at := tree.File.Position(st.Pos()).String()
				all = append(all, edit{"a comment behind a message", at, s.lineEnd(tree, st.End(), " // As it was."), lines{}})
				if st.Doc == nil {
					all = append(all, edit{"a comment above a message", at, insert(st.Pos(), "// It says what it says.\n"), lines{0, 4}})
				}
			case *ast.Choice:
				at := tree.File.Position(st.Pos()).String()
				receiver := roles[0]
				if st.Role.Name == receiver {
					receiver = roles[1]
				}
				branch := fmt.Sprintf(" or {\n%s -> %s: Zebra(stripes int)\nend\n}", st.Role.Name, receiver)
				n := len(st.Branches)
				all = append(all, edit{"a branch at the end of a choice", at, insert(st.Branches[n-1].End(), branch), lines{20, 90}})
			}
		})
	}
	return all
}

// sample is the first and the last edit of each kind; all take a minute.
func sample(all []edit) (some []edit) {
	if os.Getenv("GEN_LONG") != "" {
		return all
	}
	for i, e := range all {
		same := func(o edit) bool { return o.what == e.what }
		if !slices.ContainsFunc(all[:i], same) || !slices.ContainsFunc(all[i+1:], same) {
			some = append(some, e)
		}
	}
	return some
}

// lineEnd inserts text at the end of the line that pos is in.
func (s *stable) lineEnd(tree *ast.File, pos token.Pos, text string) string {
	offset := tree.File.Offset(pos)
	end := strings.IndexByte(s.source[offset:], '\n') + offset
	return s.source[:end] + text + s.source[end:]
}

// walk calls f with each statement of a block, however deep.
func walk(b *ast.Block, f func(ast.Stmt)) {
	for _, st := range b.Stmts {
		f(st)
		switch st := st.(type) {
		case *ast.Choice:
			for _, branch := range st.Branches {
				walk(branch, f)
			}
		case *ast.Rec:
			walk(st.Body, f)
		case *ast.If:
			walkIf(st, f)
		}
	}
}

func walkIf(st *ast.If, f func(ast.Stmt)) {
	walk(st.Then, f)
	switch other := st.Else.(type) {
	case *ast.Block:
		walk(other, f)
	case *ast.If:
		walkIf(other, f)
	}
}

// changed counts what a shortest diff removes and adds (Myers, "An O(ND) Difference
// Algorithm", 1986, figure 2).
func changed(a, b []string) lines {
	n, m := len(a), len(b)
	reach := make([]int, 2*(n+m)+3)
	for d := 0; ; d++ {
		for k := -d; k <= d; k += 2 {
			i := k + n + m + 1
			x := reach[i-1] + 1
			if k == -d || k != d && reach[i-1] < reach[i+1] {
				x = reach[i+1]
			}
			for x < n && x-k < m && a[x] == b[x-k] {
				x++
			}
			reach[i] = x
			if x >= n && x-k >= m {
				return lines{removed: (d + n - m) / 2, added: (d - n + m) / 2}
			}
		}
	}
}

func TestChanged(t *testing.T) {
	letters := func(s string) []string { return strings.Split(s, "") }
	require.Equal(t, lines{}, changed(nil, nil))
	require.Equal(t, lines{0, 2}, changed(nil, letters("ab")))
	require.Equal(t, lines{2, 0}, changed(letters("xay"), letters("a")))
	require.Equal(t, lines{3, 2}, changed(letters("abcabba"), letters("cbabac")))
	require.Equal(t, lines{}, changed(letters("abc"), slices.Clone(letters("abc"))))
}
