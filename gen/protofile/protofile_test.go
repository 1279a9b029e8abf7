package protofile_test

import (
	"os"
	"path"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/gen/protofile"
	"github.com/sessgen/sessgen/schema"
)

// TestExport compares what is exported with what is wanted, and has a protobuf compiler read it.
func TestExport(t *testing.T) {
	const file = "testdata/export.txtar"
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	wants := map[string]string{}
	for _, f := range archive.Files {
		wants[f.Name] = string(f.Data)
	}
	updated := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		if path.Ext(f.Name) != ".sess" {
			continue
		}
		name, base := path.Split(f.Name)
		want := name + "want.proto"
		t.Run(path.Dir(f.Name), func(t *testing.T) {
			p := schema.Parse("", []string{base}, map[string][]byte{base: f.Data})
			require.False(t, p.HasErrors(), "%v", p.Diagnostics())
			got := protofile.Text(p)
			updated.Files = append(updated.Files, f, txtar.File{Name: want, Data: got})
			compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
				Accessor: protocompile.SourceAccessorFromMap(map[string]string{want: string(got)}),
			})}
			_, err := compiler.Compile(t.Context(), want)
			require.NoError(t, err, "%s", got)
			require.Equal(t, wants[want], string(got))
		})
	}
	if os.Getenv("SESSGEN_UPDATE") != "" {
		require.NoError(t, os.WriteFile(file, txtar.Format(updated), 0o644))
	}
}
