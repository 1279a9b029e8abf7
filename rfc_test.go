package sessgen_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRFCPage keeps docs/rfc.md honest: each row says where a rule is obeyed, by which test that is shown, or why it is none
// of ours; and the functions, tests and stories that it names are there.
func TestRFCPage(t *testing.T) {
	page, err := os.ReadFile("docs/rfc.md")
	require.NoError(t, err)
	stories, err := os.ReadFile("runtime/internal/conn/testdata/stories.txtar")
	require.NoError(t, err)
	code, tests := map[string]string{}, ""
	for _, pattern := range []string{"runtime/*/*.go", "runtime/internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			if strings.HasSuffix(file, "_test.go") {
				tests += string(source)
			} else {
				code[filepath.Base(filepath.Dir(file))] += string(source)
			}
		}
	}
	story := regexp.MustCompile("story: `([^`]+)`")
	test := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	name := regexp.MustCompile("`([a-z]+)\\.([A-Za-z]+)`")
	rows := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| § ") {
			continue
		}
		rows++
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
		for _, m := range name.FindAllStringSubmatch(cells[2], -1) {
			declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |const |var |\t)` + m[2] + `\b`)
			assert.True(t, declared.MatchString(code[m[1]]), "%s.%s", m[1], m[2])
		}
	}
	require.Greater(t, rows, 140)
}
