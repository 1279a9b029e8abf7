package sessgen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/treeproxy"
)

// fenced returns the code blocks of a page that are marked with the language.
func fenced(page, language string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// commands returns the indented lines of a page: what it tells its reader to type.
func commands(page string) []string {
	var lines []string
	for _, m := range regexp.MustCompile(`(?m)^    (\S.*)$`).FindAllStringSubmatch(regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(page, ""), -1) {
		lines = append(lines, m[1])
	}
	return lines
}

func readme(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(page)
}

// TestReadmeModule does what the README says under "Use it in your module": the
// same commands, the same files, in an empty folder. Only where the module comes
// from differs: this tree.
func TestReadmeModule(t *testing.T) {
	page := readme(t)
	tree, err := filepath.Abs(".")
	require.NoError(t, err)
	dir := t.TempDir()
	env, err := treeproxy.Env(tree, t.TempDir())
	require.NoError(t, err)
	shell := func(line string) string {
		t.Helper()
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", line, out)
		return string(out)
	}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}

	schema := fenced(page, "")[0]
	blocks := fenced(page, "go")
	require.Len(t, blocks, 3, "the picture, the line that generates, the program")

	shell("go mod init example.com/hello")
	write("echo/echo.sess", schema)
	write("echo/generate.go", blocks[1])
	write("main.go", blocks[2])

	said := commands(page)
	for _, line := range []string{
		"go get github.com/sessgen/sessgen/runtime/transport",
		"go get -tool github.com/sessgen/sessgen/cmd/sessgen",
		"go generate ./...",
	} {
		require.Contains(t, said, line)
		shell(line)
	}
	require.Equal(t, "5\n", shell("go run ."))

	// What only our own tests need is not asked of anyone else.
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(mod), "google.golang.org/protobuf")
	for _, path := range []string{"github.com/bufbuild/protocompile", "github.com/stretchr/testify", "pgregory.net/rapid"} {
		require.NotContains(t, string(mod), path)
	}

	// What the table says of the command.
	table := regexp.MustCompile("(?m)^\\| `(go tool sessgen .*?)` \\|").FindAllStringSubmatch(page, -1)
	require.Greater(t, len(table), 7)
	for _, row := range table {
		shell(row[1])
	}
	shell("go vet ./...")

	// The picture is Go too.
	write("picture/picture.go", "package picture\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\n\t\"example.com/hello/echo\"\n)\n\n"+
		blocks[0]+"\nvar _ = client\n")
	shell("go vet ./...")
}

// TestReadmeCommands holds every command of the README against what runs it.
func TestReadmeCommands(t *testing.T) {
	runs := map[string]string{
		"make demo": ".ci/run",
		"make test": ".ci/run",
		"go run ./examples/echo serve 127.0.0.1:7007":           "examples/echo/main_test.go",
		"go run ./examples/echo call 127.0.0.1:7007 carpe diem": "examples/echo/main_test.go",
		"go get github.com/sessgen/sessgen/runtime/transport":   "readme_test.go",
		"go get -tool github.com/sessgen/sessgen/cmd/sessgen":   "readme_test.go",
		"go generate ./...": "readme_test.go",
	}
	said := commands(readme(t))
	for _, line := range said {
		file, known := runs[line]
		require.True(t, known, "nothing runs %q of the README", line)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if file == ".ci/run" {
			require.Contains(t, strings.Split(string(text), "\n"), line)
		}
	}
	require.Len(t, said, len(runs))
}
