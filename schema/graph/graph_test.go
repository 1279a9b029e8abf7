package graph

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sessgen/sessgen/schema"
	"github.com/sessgen/sessgen/schema/automaton"
)

func load(t testing.TB, source string) []*automaton.Automaton {
	t.Helper()
	p := schema.Parse(".", []string{"a.sess"}, map[string][]byte{"a.sess": []byte(source)})
	require.Empty(t, p.Diagnostics())
	return append(p.Automata, p.Calls...)
}

// TestGolden holds what is printed for the schemas of the test data.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			a := load(t, string(archive.Files[0].Data))[0]
			svg, err := Of(a).SVG()
			require.NoError(t, err)
			got := []txtar.File{
				archive.Files[0],
				{Name: "text", Data: []byte(Of(a).Text())},
				{Name: "second role", Data: []byte(OfRole(a, 1).Text())},
				{Name: "dot", Data: []byte(Of(a).Dot())},
				{Name: "mermaid", Data: []byte(Of(a).Mermaid())},
				{Name: "svg", Data: []byte(svg)},
			}
			want := string(txtar.Format(archive))
			archive.Files = got
			if out := txtar.Format(archive); string(out) != want {
				if os.Getenv("SESSGEN_UPDATE") != "" {
					require.NoError(t, os.WriteFile(file, out, 0o644))
				}
				require.Equal(t, want, string(out))
			}
		})
	}
}

// examples are the real protocols of the tree.
func examples(t testing.TB) []*automaton.Automaton {
	files, err := filepath.Glob("../../examples/*/*/*.sess")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []*automaton.Automaton
	for _, file := range files {
		p, err := schema.Load(filepath.Dir(file), []string{filepath.Base(file)})
		require.NoError(t, err)
		all = append(all, p.Automata...)
	}
	return all
}

// In a drawing no box lies on another, each stands where it can be seen, and the SVG is well-formed.
func TestDrawingsAreReadable(t *testing.T) {
	for _, a := range append(examples(t), large(t, 30)) {
		g := Of(a)
		d := layered(g)
		d.untangle()
		width, height := d.place()
		for i, p := range d.points {
			require.GreaterOrEqual(t, p.x-p.w/2, 0, g.Title)
			require.LessOrEqual(t, p.x+p.w/2, width, g.Title)
			require.GreaterOrEqual(t, p.y-p.h/2, 0, g.Title)
			require.LessOrEqual(t, p.y+p.h/2, height, g.Title)
			for _, q := range d.points[:i] {
				apart := p.x+p.w/2 < q.x-q.w/2 || q.x+q.w/2 < p.x-p.w/2 || p.y+p.h/2 < q.y-q.h/2 || q.y+q.h/2 < p.y-p.h/2
				if !apart {
					t.Errorf("%s: %v lies on %v", g.Title, d.texts(&p), d.texts(&q))
				}
			}
		}
		// Long lines are no staircases.
		turns, long := 0, 0
		for _, l := range d.lines {
			for i := 2; i+1 < len(l.points); i++ {
				long++
				if d.points[l.points[i]].x != d.points[l.points[i-1]].x {
					turns++
				}
			}
		}
		require.LessOrEqual(t, 4*turns, long+4, "%s: %d turns of %d", g.Title, turns, long)
		svg, err := g.SVG()
		require.NoError(t, err)
		for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else {
				require.NoError(t, err)
			}
		}
		for _, n := range g.Nodes {
			require.Contains(t, svg, ">"+n.Name+"<")
		}
		again, err := g.SVG()
		require.NoError(t, err)
		require.Equal(t, svg, again)
	}
}

// large is a protocol of about n states, each with a way on, back and out.
func large(t testing.TB, n int) *automaton.Automaton {
	var b strings.Builder
	b.WriteString("package a\nprotocol P(A, B) {\nrec R {\nA -> B: Begin()\n")
	for i := range n {
		fmt.Fprintf(&b, "choice at A { A -> B: Back%d(); continue R } or { A -> B: On%d() } or { A -> B: Out%d(); end }\n", i, i, i)
	}
	b.WriteString("}\n}\n")
	return load(t, b.String())[0]
}

// What would be too large to look at is refused, not drawn for hours.
func TestTooLarge(t *testing.T) {
	_, err := Of(large(t, 1000)).SVG()
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = Of(large(t, 100)).SVG()
	require.NoError(t, err)
}
