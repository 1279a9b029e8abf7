// Package sessgen_test holds the tests of the tree as a whole: which way imports
// point, and that the README tells the truth.
package sessgen_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/sessgen/sessgen/"

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Name       string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports", "./...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packages []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		packages = append(packages, p)
	}
	require.NotEmpty(t, packages)
	return packages
}

// within reports whether a path, without the module's, is one of the folders or below one.
func within(path string, folders ...string) bool {
	for _, f := range folders {
		if path == f || strings.HasPrefix(path, f+"/") {
			return true
		}
	}
	return false
}

// TestImportDirections keeps the arrows between the rooms pointing one way:
// cmd → gen → schema, generated code → session, transport → session → internal.
func TestImportDirections(t *testing.T) {
	rules := []struct {
		of     string
		never  []string // of this module
		reason string
	}{
		{"schema", []string{"gen", "runtime", "cmd", "examples"}, "the language knows no Go that is made of it"},
		{"gen", []string{"runtime", "cmd", "examples"}, "the generator names the runtime, and does not need it"},
		{"cmd", []string{"runtime", "examples"}, "the command is flags and printing"},
		{"runtime", []string{"schema", "gen", "cmd", "examples"}, "a program that talks needs no compiler"},
		{"runtime/session", []string{"runtime/transport", "runtime/simnet"}, "sessions know their carriers by interface"},
		{"runtime/transport", []string{"runtime/channel", "runtime/simnet"}, "the shell carries sessions, and channels are made of them"},
		{"runtime/rpc", []string{"runtime/transport", "runtime/simnet", "runtime/internal"}, "calls stand on sessions only"},
		{"runtime/internal", []string{"runtime/transport", "runtime/simnet"}, "the core knows no shell"},
		{"schema/ast", []string{"schema/parser", "schema/check", "schema/automaton", "schema/format"}, "the tree is below all that use it"},
		{"schema/parser", []string{"schema/check", "schema/automaton", "schema/format"}, "parsing comes before checking"},
		{"schema/format", []string{"schema/check", "schema/automaton"}, "a layout needs no meaning"},
		{"schema/check", []string{"schema/automaton", "schema/format"}, "the automaton is made of what was checked"},
		{"schema/automaton", []string{"schema/reason", "schema/graph", "schema/format"}, "who reasons about it and draws it stands above"},
		{"schema/reason", []string{"schema/graph", "schema/format"}, "reasoning needs no picture"},
		{"schema/graph", []string{"schema/check", "schema/reason", "schema/format"}, "a picture shows the automaton"},
	}
	for _, p := range list(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, rule := range rules {
			if !within(from, rule.of) {
				continue
			}
			for _, imported := range p.Imports {
				if to, ours := strings.CutPrefix(imported, module); ours && within(to, rule.never...) {
					t.Errorf("%s imports %s: %s", from, to, rule.reason)
				}
			}
		}
	}
}

// TestPureCore keeps sockets, clocks, goroutines' tools and randomness out of the core.
func TestPureCore(t *testing.T) {
	core := []string{"conn", "recovery", "congestion", "flow", "packet", "endpoint", "mono", "dense"}
	outside := []string{"net", "os", "sync", "context", "crypto/rand", "math/rand", "math/rand/v2", "crypto/tls", "log/slog", "syscall"}
	found := 0
	for _, p := range list(t) {
		folder, ours := strings.CutPrefix(p.ImportPath, module+"runtime/internal/")
		if !ours || !within(folder, core...) {
			continue
		}
		found++
		for _, imported := range p.Imports {
			for _, name := range outside {
				if imported == name {
					t.Errorf("runtime/internal/%s imports %s", folder, name)
				}
			}
		}
	}
	require.GreaterOrEqual(t, found, len(core))
}

// TestRuntimeIsLight keeps what a user's program links to the standard library,
// x/sys, x/crypto's ChaCha20 and protobuf's wire format.
func TestRuntimeIsLight(t *testing.T) {
	allowed := []string{
		strings.TrimSuffix(module, "/"),
		"golang.org/x/sys",
		"golang.org/x/crypto", // ChaCha20-Poly1305, which crypto/tls may choose and does not export
		"google.golang.org/protobuf",
	}
	for _, p := range list(t) {
		if !within(strings.TrimPrefix(p.ImportPath, module), "runtime") {
			continue
		}
		for _, imported := range p.Imports {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") && !within(imported, allowed...) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}
