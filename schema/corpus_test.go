package schema_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

// A folder is one case of an archive: its files, the Go beside them, and want, what sessgen says of them.
type folder struct {
	name    string
	files   []string
	sources map[string][]byte
	want    string
	wantAt  int // index in the archive, -1 if there is none
	end     int // where a want belongs
}

// folders are the cases of an archive: its folders, or all of it if its files are in none.
func folders(archive *txtar.Archive) []*folder {
	var all []*folder
	for i, f := range archive.Files {
		name := path.Dir(f.Name)
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, &folder{name: name, sources: map[string][]byte{}, wantAt: -1})
		}
		c := all[len(all)-1]
		c.end = i + 1
		switch base := path.Base(f.Name); {
		case base == "want":
			c.want, c.wantAt = string(f.Data), i
		default:
			c.sources[base] = f.Data
			if path.Ext(base) == ".sess" {
				c.files = append(c.files, base)
			}
		}
	}
	return all
}

// findings are what sessgen prints about a schema, and their codes.
func findings(t *testing.T, p *schema.Package) (string, []diag.Code) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, p.Printer(diag.Text).Print(&out, p.Diagnostics()))
	var codes []diag.Code
	for _, d := range p.Diagnostics() {
		codes = append(codes, d.Code)
	}
	return out.String(), codes
}

// TestValid reads schemas that can be used; what there is to say of them is a warning.
func TestValid(t *testing.T) {
	eachFolder(t, "testdata/valid/*.txtar", func(t *testing.T, _ string, c *folder) string {
		p := schema.Parse("", c.files, c.sources)
		said, _ := findings(t, p)
		require.False(t, p.HasErrors(), said)
		return said
	})
}

// TestInvalid reads schemas of which each breaks one rule, that whose code the archive is called
// by; those in several.txtar break more.
func TestInvalid(t *testing.T) {
	eachFolder(t, "testdata/invalid/*.txtar", func(t *testing.T, code string, c *folder) string {
		said, codes := findings(t, schema.Parse("", c.files, c.sources))
		require.NotEmpty(t, codes)
		for _, found := range codes {
			if code != "several" && string(found) != code {
				t.Errorf("%s is reported too", found)
			}
		}
		return said
	})
}

// eachFolder runs a test on every case, and compares what it returns with what is wanted.
func eachFolder(t *testing.T, pattern string, test func(t *testing.T, archive string, c *folder) string) {
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, file := range paths {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		all := folders(archive)
		changed := false
		for i := len(all) - 1; i >= 0; i-- {
			c := all[i]
			t.Run(name+"/"+c.name, func(t *testing.T) {
				if os.Getenv("SESSGEN_UPDATE") == "" {
					t.Parallel() // who imports something waits for the go command
				}
				got := test(t, name, c)
				if got != c.want && os.Getenv("SESSGEN_UPDATE") != "" {
					changed = true
					want := txtar.File{Name: path.Join(c.name, "want"), Data: []byte(got)}
					if c.wantAt >= 0 {
						archive.Files[c.wantAt] = want
					} else {
						archive.Files = append(archive.Files[:c.end:c.end], append([]txtar.File{want}, archive.Files[c.end:]...)...)
					}
				}
				require.Equal(t, c.want, got)
			})
		}
		if changed {
			require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
		}
	}
}

// TestRules checks that each rule's example breaks that rule and no other, and that each code has a rule.
func TestRules(t *testing.T) {
	noExample := map[diag.Code]bool{
		diag.TooMany: true, diag.TooDeep: true, diag.TooManyPlaces: true, // not small
		diag.FileName: true, diag.Captured: true, // not in one file's text
	}
	for _, rule := range diag.Rules() {
		t.Run(string(rule.Code), func(t *testing.T) {
			require.NotEmpty(t, rule.Text)
			require.Equal(t, noExample[rule.Code], len(rule.Example) == 0)
			if len(rule.Example) == 0 {
				return
			}
			said, codes := findings(t, schema.Parse("", []string{"a.sess"}, map[string][]byte{"a.sess": rule.Example}))
			require.Equal(t, []diag.Code{rule.Code}, codes, "%s", said)
		})
	}
	declared := regexp.MustCompile(`(?m)^\t\w+ +Code = "([a-z-]+)"`)
	paths, err := filepath.Glob("diag/*.go")
	require.NoError(t, err)
	count := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			count++
			_, found := diag.Explain(diag.Code(m[1]))
			require.True(t, found, "%s has no rule", m[1])
		}
	}
	require.Len(t, diag.Rules(), count)
}
