package gen_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

// misuse is a program that must not compile, and its twin that must, and run.
type misuse struct {
	name        string
	words       []string // what the compiler says of it
	wrong, twin string
}

// misuses reads testdata/misuse; order.txtar says what a file looks like.
func misuses(t *testing.T) (all []misuse) {
	archives, err := filepath.Glob("testdata/misuse/*.txtar")
	require.NoError(t, err)
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		for _, f := range archive.Files {
			m := misuse{name: f.Name}
			var wrong, twin strings.Builder
			for line := range strings.Lines(string(f.Data)) {
				switch line[0] {
				case '#':
				case '!':
					m.words = append(m.words, strings.TrimSpace(line[1:]))
				case '-':
					wrong.WriteString(line[1:])
				case '+':
					twin.WriteString(line[1:])
				default:
					wrong.WriteString(line)
					twin.WriteString(line)
				}
			}
			require.NotEmpty(t, m.words, m.name)
			require.NotEqual(t, wrong.String(), twin.String(), m.name)
			m.wrong, m.twin = wrong.String(), twin.String()
			all = append(all, m)
		}
	}
	return all
}

// The packages that the programs may import, by name.
const ours = "github.com/sessgen/sessgen/"

var programImports = map[string]string{
	"context": "context", "fmt": "fmt",
	"bank": ours + "examples/bank/bank", "echo": ours + "examples/echo/echo",
	"tftp": ours + "examples/protocols/tftp", "twobuyer": ours + "examples/protocols/twobuyer",
	"session": ours + "runtime/session", "channel": ours + "runtime/channel", "transport": ours + "runtime/transport",
	"peer": ours + "gen/testdata/misuse/peer",
}

// program makes a file of the text, with a Run if it has none.
func program(name, text string) string {
	if role := regexp.MustCompile(`(?m)^func (customer|teller|caller|counter|buyer|fetcher)\(`).FindStringSubmatch(text); role != nil {
		text += fmt.Sprintf("\nfunc Run(ctx context.Context) error { return peer.%s(ctx, %s) }\n", strings.ToUpper(role[1][:1])+role[1][1:], role[1])
	}
	head := "package " + name + "\n\nimport (\n"
	for _, alias := range sortedKeys(programImports) {
		if regexp.MustCompile(`\b` + alias + `\.`).MatchString(text) {
			head += fmt.Sprintf("\t%q\n", programImports[alias])
		}
	}
	return head + ")\n\n" + text
}

// TestMisuse has the compiler refuse every misuse, in its words.
func TestMisuse(t *testing.T) {
	module := t.TempDir()
	all := misuses(t)
	require.GreaterOrEqual(t, len(all), 40)
	for _, m := range all {
		require.NoError(t, os.MkdirAll(filepath.Join(module, m.name), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(module, m.name, "a.go"), []byte(program("misuse", m.wrong)), 0o644))
	}
	besideUs(t, module)
	build := exec.Command("go", "build", "-gcflags=-e", "./...")
	build.Dir = module
	out, err := build.CombinedOutput()
	require.Error(t, err)
	said := map[string][]string{}
	// A message's further lines are indented.
	for _, line := range regexp.MustCompile(`(?m)^(\w+)[/\\]a\.go:\d+:\d+: (.*(?:\n\t.*)*)`).FindAllStringSubmatch(string(out), -1) {
		said[line[1]] = append(said[line[1]], line[2])
	}
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) { requireWords(t, m.words, said[m.name]) })
	}
}

// TestMisuseTwins builds and runs the twins, in one program.
func TestMisuseTwins(t *testing.T) {
	module := t.TempDir()
	runs := "package main\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\t\"os\"\n)\n\n" +
		"func main() {\n\tfor name, run := range map[string]func(context.Context) error{\n"
	for _, m := range misuses(t) {
		text := program("main", m.twin)
		file, err := parser.ParseFile(token.NewFileSet(), m.name, text, parser.SkipObjectResolution)
		require.NoError(t, err, "%s\n%s", m.name, text)
		for _, d := range file.Decls { // each program has names of its own
			if f, is := d.(*ast.FuncDecl); is {
				text = regexp.MustCompile(`([^.\w])`+f.Name.Name+`\b`).ReplaceAllString(text, "${1}"+f.Name.Name+"_"+m.name)
			}
		}
		runs += fmt.Sprintf("\t\t%q: Run_%s,\n", m.name, m.name)
		require.NoError(t, os.WriteFile(filepath.Join(module, m.name+".go"), []byte(text), 0o644))
	}
	runs += "\t} {\n\t\tif err := run(context.Background()); err != nil {\n\t\t\tfmt.Printf(\"%s: %v\\n\", name, err)\n" +
		"\t\t\tdefer os.Exit(1)\n\t\t}\n\t}\n}\n"
	require.NoError(t, os.WriteFile(filepath.Join(module, "main.go"), []byte(runs), 0o644))
	besideUs(t, module)
	for _, command := range [][]string{{"go", "build", "-o", "twins", "."}, {"./twins"}} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = module
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%.4000s", out)
	}
}

// requireWords checks that everything that is said is wanted, and the other way round.
func requireWords(t *testing.T, words, said []string) {
	t.Helper()
	for _, w := range words {
		if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, w) }) {
			t.Errorf("the compiler does not say %q, but\n%s", w, strings.Join(said, "\n"))
		}
	}
	for _, s := range said {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) }) {
			t.Errorf("the compiler says too: %s", s)
		}
	}
}
