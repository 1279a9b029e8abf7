package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
)

var (
	mutantsFlag = flag.String("sim.mutants", "", "plant the faults whose names match the `pattern`, and see whether they are caught: * for all, slice for three")
	coreFlag    = flag.Bool("sim.core", true, "run the core's own tests on a mutant that no simulation caught")
)

// mutant is a fault to plant in the core: one piece of text that another one replaces. Such a fault
// fails loudly when the code has changed under it, and is then to be written anew.
type mutant struct {
	name, what string
	file       string // from the module's root
	old, new   string
}

// root is the module's, from here.
const root = "../../.."

// mutants reads testdata/mutants.
func mutants(t *testing.T) (all []mutant) {
	t.Helper()
	files, err := filepath.Glob("testdata/mutants/*.txt")
	require.NoError(t, err)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		require.Len(t, archive.Files, 2, file)
		what, path, ok := strings.Cut(string(archive.Comment), "\n\nfile: ")
		require.True(t, ok && archive.Files[0].Name == "old" && archive.Files[1].Name == "new", file)
		all = append(all, mutant{
			name: strings.TrimSuffix(filepath.Base(file), ".txt"), what: what, file: strings.TrimSpace(path),
			old: strings.TrimRight(string(archive.Files[0].Data), "\n"), new: strings.TrimRight(string(archive.Files[1].Data), "\n"),
		})
	}
	return all
}

// source is the file with the fault in it.
func (m *mutant) source(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, m.file))
	require.NoError(t, err, m.name)
	require.Equal(t, 1, bytes.Count(data, []byte(m.old)), "%s: the text that it replaces is not in %s once: the code has changed, write the mutant anew", m.name, m.file)
	changed := bytes.Replace(data, []byte(m.old), []byte(m.new), 1)
	_, err = parser.ParseFile(token.NewFileSet(), m.file, changed, parser.SkipObjectResolution)
	require.NoError(t, err, m.name)
	return changed
}

// Every fault can be planted.
func TestMutantsApply(t *testing.T) {
	all := mutants(t)
	require.GreaterOrEqual(t, len(all), 40)
	for _, m := range all {
		m.source(t)
		require.NotEmpty(t, m.what, m.name)
	}
}

// TestMutants plants faults one by one, and runs the simulations, then the core's own tests, until one of them
// fails; of those of the shell its own tests. -sim.mutants=slice plants three of them, which must all be caught.
func TestMutants(t *testing.T) {
	pattern, least := *mutantsFlag, 0.95
	if pattern == "" {
		t.Skip("builds the core anew for each fault: make mutants")
	}
	slice := map[string]bool{}
	if pattern == "slice" {
		slice, least = map[string]bool{"gap_accepted": true, "loss_forgotten": true, "no_probe": true}, 1
	}
	planted, caught := 0, 0
	for _, m := range mutants(t) {
		if matches, _ := filepath.Match(pattern, m.name); !matches && !slice[m.name] {
			continue
		}
		planted++
		by, how := m.catch(t)
		if by == "nothing: it does not build" {
			t.Errorf("%s does not build: %s", m.name, how)
			continue
		}
		if by == "" {
			t.Logf("NOT CAUGHT %s: %s", m.name, m.what)
			continue
		}
		caught++
		t.Logf("%s: caught by %s: %s", m.name, by, how)
	}
	require.Positive(t, planted)
	t.Logf("%d of %d caught", caught, planted)
	require.GreaterOrEqual(t, float64(caught), least*float64(planted))
}

// coreTests are the packages whose own tests a fault may also fail; that of the fault comes first.
var coreTests = []string{"conn", "flow", "recovery", "endpoint", "handshake", "packet", "congestion"}

// catch plants the fault, and returns what found it and how; by is empty if nothing did.
func (m *mutant) catch(t *testing.T) (by, how string) {
	t.Helper()
	dir := t.TempDir()
	changed := filepath.Join(dir, "changed.go")
	require.NoError(t, os.WriteFile(changed, m.source(t), 0o600))
	original, err := filepath.Abs(filepath.Join(root, m.file))
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	require.NoError(t, err)
	plan := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(plan, overlay, 0o600))

	if filepath.Dir(m.file) == "runtime/transport" { // which no simulation contains
		if out, ok := command(t, "go", "build", "-overlay", plan, "../../transport"); !ok {
			return "nothing: it does not build", out
		}
		if out, ok := command(t, "go", "test", "-vet=off", "-failfast", "-timeout=3m", "-overlay", plan, "../../transport"); !ok {
			return "the tests of transport", why(out)
		}
		return "", ""
	}
	binary := filepath.Join(dir, "sim.test")
	if out, ok := command(t, "go", "test", "-c", "-vet=off", "-overlay", plan, "-o", binary, "."); !ok {
		return "nothing: it does not build", out
	}
	if out, ok := command(t, binary, "-test.run", "^(TestSwarm|TestKeptSeeds|TestS[0-9]+.*)$", "-test.failfast", "-test.timeout=3m", "-sim.seeds=2000", "-sim.lines=0"); !ok {
		return "simulation", why(out)
	}
	if !*coreFlag {
		return "", ""
	}
	own := filepath.Base(filepath.Dir(m.file))
	for _, folder := range append([]string{own}, slices.DeleteFunc(slices.Clone(coreTests), func(f string) bool { return f == own })...) {
		if out, ok := command(t, "go", "test", "-vet=off", "-failfast", "-timeout=3m", "-overlay", plan, "../"+folder); !ok {
			return "the tests of " + folder, why(out)
		}
	}
	return "", ""
}

// command runs a command; ok is whether it succeeded. One that hangs does not.
func command(t *testing.T, name string, args ...string) (out string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	data, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return string(data), err == nil
}

// why is the line of a failing test's output that says most.
func why(out string) string {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "after ") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "Error:") {
			return fmt.Sprintf("%.160s", line)
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(strings.TrimSpace(line), "--- FAIL") {
			return strings.TrimSpace(line)
		}
	}
	return fmt.Sprintf("%.160s", strings.TrimSpace(out))
}
