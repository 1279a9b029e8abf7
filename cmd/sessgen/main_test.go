package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/treeproxy"
)

// TestMain lets scripts run sessgen: the test binary itself.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sessgen": main})
}

// TestScripts runs the scripts: each is a folder with files, and commands as a user types them.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	proxy, err := treeproxy.Env(root, t.TempDir())
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("SESSGEN_UPDATE") != "",
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			return os.Geteuid() == 0, nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
			env.Setenv("HOME", env.WorkDir)
			for _, setting := range proxy {
				name, value, _ := strings.Cut(setting, "=")
				env.Setenv(name, value)
			}
			return nil
		},
	})
}
