package sessgen_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRFCPage keeps docs/rfc.md honest: each row says where a rule is obeyed, by which test that is shown, or why it is none
// of ours; the functions, tests and stories that it names are there, and the code says at the place which rule it obeys.
func TestRFCPage(t *testing.T) {
	page, err := os.ReadFile("docs/rfc.md")
	require.NoError(t, err)
	stories, err := os.ReadFile("runtime/internal/conn/testdata/stories.txtar")
	require.NoError(t, err)
	code, tests := sources(t)
	story := regexp.MustCompile("story: `([^`]+)`")
	test := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	name := regexp.MustCompile("`([a-z]+)\\.([A-Za-z]+)`")
	rfc, rows := "", map[string]int{}
	for line := range strings.Lines(string(page)) {
		if heading, is := strings.CutPrefix(line, "## RFC "); is {
			rfc = heading[:4]
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| § ") {
			continue
		}
		rows[rfc]++
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		require.Len(t, cells, 4, line)
		assert.NotEmpty(t, strings.TrimSpace(cells[2]), line)
		if strings.TrimSpace(cells[3]) != "" {
			assert.Regexp(t, "`", cells[3], line)
		}
		for _, m := range story.FindAllStringSubmatch(line, -1) {
			assert.True(t, strings.Contains(string(stories), "-- "+m[1]+" --\n"), "story %s", m[1])
		}
		for _, m := range test.FindAllStringSubmatch(line, -1) {
			assert.True(t, strings.Contains(tests, "\nfunc "+m[1]+"("), m[1])
		}
		at := ""
		for _, m := range name.FindAllStringSubmatch(cells[2], -1) {
			declared := code[m[1]+"."+m[2]]
			assert.NotEmpty(t, declared, "%s.%s", m[1], m[2])
			at += declared
		}
		// What RFC 8085 only recommends is not said again in the code.
		if at != "" && (rfc != "8085" || strings.Contains(cells[1], "MUST")) {
			assert.True(t, refers(at, rfc, cells[0]), "RFC %s:%s: %s", rfc, cells[0], cells[2])
		}
	}
	for of, least := range map[string]int{"9000": 165, "9001": 43, "9002": 27, "8085": 50, "8899": 15, "9438": 10} {
		assert.GreaterOrEqual(t, rows[of], least, "RFC %s: rows were lost", of)
	}
}

// refers reports whether source text, a declaration with its comment, names one of the sections of the RFC.
func refers(source, rfc, sections string) bool {
	for section := range strings.SplitSeq(sections, ",") {
		at := regexp.MustCompile(`§[0-9.,§ ]*\b` + regexp.QuoteMeta(strings.TrimSpace(section)) + `\b`)
		if strings.Contains(source, "RFC "+rfc) && at.MatchString(source) {
			return true
		}
	}
	return false
}

// sources reads what is declared in the runtime's packages, each with its comment and under the last element of its package's path,
// and the tests.
func sources(t *testing.T) (code map[string]string, tests string) {
	code = map[string]string{}
	for _, pattern := range []string{"runtime/*/*.go", "runtime/internal/*/*.go"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			if strings.HasSuffix(path, "_test.go") {
				tests += string(source)
				continue
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, source, parser.ParseComments|parser.SkipObjectResolution)
			require.NoError(t, err)
			add := func(name *ast.Ident, begin, end token.Pos) {
				key := filepath.Base(filepath.Dir(path)) + "." + name.Name
				code[key] += string(source[files.Position(begin).Offset:files.Position(end).Offset])
			}
			for _, d := range file.Decls {
				begin := d.Pos()
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Doc != nil {
						begin = d.Doc.Pos()
					}
					add(d.Name, begin, d.End())
				case *ast.GenDecl:
					if d.Doc != nil {
						begin = d.Doc.Pos()
					}
					for _, s := range d.Specs {
						switch s := s.(type) {
						case *ast.TypeSpec:
							add(s.Name, begin, s.End())
						case *ast.ValueSpec:
							for _, n := range s.Names {
								add(n, begin, s.End())
							}
						}
					}
				}
			}
		}
	}
	return code, tests
}
