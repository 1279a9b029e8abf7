package sessgen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTestingPage does what docs/testing.md says, with the package that sessgen init
// makes: its tests pass, and what it quotes is what is printed.
func TestTestingPage(t *testing.T) {
	text, err := os.ReadFile("docs/testing.md")
	require.NoError(t, err)
	page := string(text)
	tree, err := filepath.Abs(".")
	require.NoError(t, err)
	dir := t.TempDir()
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o666))
	shell := func(line string) (string, error) {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(line string) string {
		t.Helper()
		out, err := shell(line)
		require.NoError(t, err, "%s\n%s", line, out)
		return out
	}
	write := func(name string, code ...string) {
		t.Helper()
		text := "package hello\n\nimport (\n"
		for _, path := range []string{"context", "errors", "os", "testing", "github.com/sessgen/sessgen/runtime/simnet"} {
			if strings.Contains(strings.Join(code, ""), filepath.Base(path)+".") {
				text += "\t\"" + path + "\"\n"
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "hello", name), []byte(text+")\n\n"+strings.Join(code, "\n")), 0o666))
	}
	quoted := func(from, to string) (lines []string) {
		_, rest, found := strings.Cut(page, from)
		require.True(t, found, from)
		block, _, _ := strings.Cut(from+rest, to)
		for line := range strings.SplitSeq(strings.TrimSpace(block), "\n") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "…")
			lines = append(lines, line)
		}
		return lines
	}

	blocks := fenced(page, "go")
	require.Len(t, blocks, 5, "networks, memory, TestMain, the body to fuzz, a service to fuzz")
	// The last one is about another package, which has it as a test.
	generated, err := os.ReadFile("examples/rpc/ledger/ledger.sess_fuzz_test.go")
	require.NoError(t, err)
	for _, name := range []string{"FuzzedLedgerServer", "FuzzedLedgerClient"} {
		require.Contains(t, blocks[4], name+" = ")
		require.Contains(t, string(generated), "var "+name+" func")
	}
	blocks = blocks[:4]
	said := commands(page)
	const generate, fuzz = "go tool sessgen gen --fuzz", "go test -fuzz=FuzzHelloServer -fuzztime=30s"
	require.Contains(t, said, generate)
	require.Contains(t, said, fuzz)

	must("go mod init example.com/first")
	must("go mod edit -require=github.com/sessgen/sessgen@v0.0.0 -replace=github.com/sessgen/sessgen=" + tree + " -tool=github.com/sessgen/sessgen/cmd/sessgen")
	must("go mod tidy")
	must("go tool sessgen init hello")
	write("page_test.go", blocks...)
	must("cd hello && " + generate)
	must("go mod tidy")
	out := must("go test -v ./hello")
	require.NotContains(t, out, "no tests")
	require.Contains(t, out, "--- PASS: FuzzHelloServer/seed#0")
	require.Contains(t, out, "=== RUN   FuzzHelloServer\n") // what the command would fuzz

	// What the page quotes: a server that fails, and a run of all tests that left something out.
	require.NoError(t, os.Remove(filepath.Join(dir, "hello", "roles_test.go")))
	write("page_test.go", blocks[2], strings.Replace(blocks[0], ", Serve)", ", jammed)", 1), `
func jammed(context.Context, HelloServerStart) (HelloServerEnd, error) {
	return HelloServerEnd{}, errors.New("the printer is out of paper")
}
`)
	out, err = shell("go test ./hello -sim.seed=3")
	require.Error(t, err)
	for _, line := range quoted("simnet: hello.Hello Server ended", "\n\n") {
		require.Contains(t, out, line)
	}
	write("page_test.go", blocks[2], strings.Replace(blocks[0], `[]string{"Ada", "Grace"}`, "nil", 1))
	out, err = shell("go test ./hello")
	require.Error(t, err)
	for _, line := range quoted("simnet: hello.Hello: 2 of 3", "\n\n") {
		require.Contains(t, out, line)
	}
}
