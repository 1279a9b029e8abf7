package gen_test

import (
	"bytes"
	"os"
	"path"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/diag"
)

// TestClash reads schemas that are right, and whose Go would use a name twice.
func TestClash(t *testing.T) {
	const file = "testdata/clash.txtar"
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	wants := map[string]string{}
	for _, f := range archive.Files {
		wants[f.Name] = string(f.Data)
	}
	updated := &txtar.Archive{}
	for _, f := range archive.Files {
		if path.Base(f.Name) != "a.sess" {
			continue
		}
		name := path.Dir(f.Name)
		t.Run(name, func(t *testing.T) {
			p := schema.Parse("", []string{"a.sess"}, map[string][]byte{"a.sess": f.Data})
			require.False(t, p.HasErrors())
			files, err := gen.Generate(p)
			require.NoError(t, err)
			require.Empty(t, files)
			var said bytes.Buffer
			require.NoError(t, p.Printer(diag.Text).Print(&said, p.Diagnostics()))
			for _, d := range p.Diagnostics() {
				require.Equal(t, diag.NameClash, d.Code)
			}
			updated.Files = append(updated.Files, f, txtar.File{Name: name + "/want", Data: said.Bytes()})
			require.Equal(t, wants[name+"/want"], said.String())
		})
	}
	if os.Getenv("SESSGEN_UPDATE") != "" {
		require.NoError(t, os.WriteFile(file, txtar.Format(updated), 0o644))
	}
}
