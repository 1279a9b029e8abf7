package gen_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/gen"
	"github.com/sessgen/sessgen/schema"
)

// BenchmarkGenerate reads, checks and generates a protocol of twenty states, with
// predicates and variables: all that the command does but for the files.
func BenchmarkGenerate(b *testing.B) {
	var s strings.Builder
	s.WriteString("package twenty\n\nprotocol Twenty(A, B) {\n")
	for i := range 10 {
		fmt.Fprintf(&s, "A -> B: Ask%d(n%d int, text%d string) where n%d > 0 && len(text%d) < 100\n", i, i, i, i, i)
		fmt.Fprintf(&s, "choice at B { B -> A: Yes%d(m%d int) where m%d == n%d } or { B -> A: No%d(why string) }\n", i, i, i, i, i)
	}
	s.WriteString("}\n")
	source := map[string][]byte{"twenty.sess": []byte(s.String())}
	for b.Loop() {
		p := schema.Parse("", []string{"twenty.sess"}, source)
		files, err := gen.Generate(p)
		require.NoError(b, err)
		require.Len(b, files, 1, "%v", p.Diagnostics())
		require.Len(b, p.Automata[0].Places, 21)
	}
}
