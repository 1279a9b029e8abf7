package gen_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

// generatedFrom are the schemas of this tree whose Go lies beside them.
func generatedFrom(t *testing.T) (paths []string) {
	for _, pattern := range []string{"../examples/*/*/*.sess", "../internal/*/*.sess", "../bench/*/*/*.sess"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found)
		paths = append(paths, found...)
	}
	return paths
}

// TestGolden holds what is generated for the examples against the files that lie
// there, which are read, compiled and run. That of the bank was written by hand before there was a generator.
func TestGolden(t *testing.T) {
	for _, path := range generatedFrom(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p, err := schema.Load(filepath.Dir(path), []string{filepath.Base(path)})
			require.NoError(t, err)
			files, err := gen.Generate(p)
			require.NoError(t, err)
			require.NoError(t, p.Printer(diag.Text).Print(os.Stderr, p.Diagnostics()))
			require.Len(t, files, 1)
			for name, got := range files {
				golden := filepath.Join(filepath.Dir(path), name)
				want, err := os.ReadFile(golden)
				if os.Getenv("SESSGEN_UPDATE") != "" && string(want) != string(got) {
					require.NoError(t, os.WriteFile(golden, got, 0o644))
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, string(want), string(got), "run make generate")
			}
		})
	}
}

// TestSame: a hundred generations are the same to the byte.
func TestSame(t *testing.T) {
	generate := func() map[string][]byte {
		p, err := schema.Load("../examples/kiosk/kiosk", []string{"kiosk.sess"})
		require.NoError(t, err)
		files, err := gen.GenerateFuzz(p)
		require.NoError(t, err)
		require.Len(t, files, 2)
		return files
	}
	first := generate()
	for range 100 {
		require.Equal(t, first, generate())
	}
}
