package schema_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/schema"
)

// A comment behind something on its line is no part of the one below, which documents what follows.
func TestCommentBehindSomething(t *testing.T) {
	p := schema.Parse("", []string{"a.sess"}, map[string][]byte{"a.sess": []byte(`package a // a package

// P is one.
protocol P(A, B) {
    A -> B: M() // first
    // N comes
    // second.
    B -> A: N()
} // over
// Q is another.
protocol Q(A, B) { A -> B: M() }
`)})
	require.False(t, p.HasErrors())
	require.Equal(t, "P is one.\n", p.Protocols[0].Doc)
	require.Equal(t, "Q is another.\n", p.Protocols[1].Doc)
	require.Equal(t, "N comes\nsecond.\n", p.Automata[0].Places[1].Messages[0].Source.Doc)
	require.Empty(t, p.Automata[0].Places[0].Messages[0].Source.Doc)
}
