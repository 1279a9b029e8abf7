package reason_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

// TestFindings holds what is found in the schemas of the test data; nothing where there is no want.
func TestFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			p := schema.Parse("", []string{"a.sess"}, map[string][]byte{"a.sess": archive.Files[0].Data})
			require.False(t, p.HasErrors(), "%v", p.Diagnostics())
			var got bytes.Buffer
			require.NoError(t, p.Printer(diag.Text).Print(&got, p.Diagnostics()))
			want := ""
			if len(archive.Files) > 1 {
				want = string(archive.Files[1].Data)
			}
			if got.String() != want && os.Getenv("SESSGEN_UPDATE") != "" {
				archive.Files = archive.Files[:1]
				if got.Len() > 0 {
					archive.Files = append(archive.Files, txtar.File{Name: "want", Data: got.Bytes()})
				}
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
			require.Equal(t, want, got.String())
		})
	}
}
