package diag_test

import (
	"bytes"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/schema/diag"
)

// printer prints places of one file that holds text.
func printer(name, text string, format diag.Format) (diag.Printer, *token.File) {
	fset := token.NewFileSet()
	file := fset.AddFile(name, -1, len(text))
	file.SetLinesForContent([]byte(text))
	return diag.Printer{Format: format, Fset: fset, Sources: map[string][]byte{name: []byte(text)}}, file
}

func printed(t *testing.T, p diag.Printer, list ...diag.Diagnostic) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, p.Print(&out, list))
	return out.String()
}

func TestFormats(t *testing.T) {
	const text = "package a\n\tA -> Bb: M()\n"
	for format, want := range map[diag.Format]string{
		diag.Text: "a,b.sess:2:7: unknown role Bb; did you mean B? [unknown]\n" +
			"\tA -> Bb: M()\n" +
			"\t     ^~\n" +
			"\ta,b.sess:1:1: 100%: here\n",
		diag.JSON: `{"severity":"error","code":"unknown","file":"a,b.sess","line":2,"column":7,"message":"unknown role Bb",` +
			`"endLine":2,"endColumn":9,"suggestion":"did you mean B?",` +
			`"related":[{"file":"a,b.sess","line":1,"column":1,"message":"100%: here"}]}` + "\n",
		diag.GitHub: "::error file=a%2Cb.sess,line=2,col=7,endLine=2,endColumn=9,title=unknown::" +
			"unknown role Bb; did you mean B? [unknown]%0Aa,b.sess:1:1: 100%25: here\n",
	} {
		p, file := printer("a,b.sess", text, format)
		at := token.Pos(file.Base() + strings.Index(text, "Bb"))
		d := diag.Diagnostic{Code: "unknown", Pos: at, End: at + 2, Message: "unknown role Bb", Suggestion: "did you mean B?"}
		d.Relate(token.Pos(file.Base()), "100%: here")
		require.Equal(t, want, printed(t, p, d))
	}
}

// A place is shown in its line whatever the line holds.
func TestSourceLine(t *testing.T) {
	for _, c := range []struct{ name, text, at, want string }{
		{"wide characters count once", "// żółw: x y\n", "x", "// żółw: x y\n         ^\n"},
		{"carriage returns end no line of the report", "a x\r\n", "x", "a x\n  ^\n"},
		{"control characters stay out of the terminal", "a\x1b[2J x\n", "x", "a\uFFFD[2J x\n      ^\n"},
		{"the end of the file", "ab x", "x", "ab x\n   ^\n"},
		{"a long line is cut", strings.Repeat("a", 200) + "x" + strings.Repeat("b", 200), "x", "…" + strings.Repeat("a", 80) + "x" + strings.Repeat("b", 79) + "…\n" + strings.Repeat(" ", 81) + "^\n"},
	} {
		p, file := printer("a.sess", c.text, diag.Text)
		at := token.Pos(file.Base() + strings.Index(c.text, c.at))
		_, shown, _ := strings.Cut(printed(t, p, diag.Diagnostic{Code: "c", Pos: at, Message: "m"}), "\n")
		require.Equal(t, c.want, shown, c.name)
	}
}

func TestShownPath(t *testing.T) {
	p, file := printer("/home/u/a.sess", "package a\n", diag.Text)
	p.Path = func(string) string { return "a.sess" }
	require.Equal(t, "a.sess:1:1: warning: m [c]\npackage a\n^\n",
		printed(t, p, diag.Diagnostic{Code: "c", Severity: diag.Warning, Pos: token.Pos(file.Base()), Message: "m"}))
}

func TestList(t *testing.T) {
	var l diag.List
	require.False(t, l.HasErrors())
	l.Add(diag.Diagnostic{Severity: diag.Warning, Pos: 7, Message: "a warning"})
	require.False(t, l.HasErrors())
	l.Add(diag.Diagnostic{Pos: 7, Message: "an error at the same place"})
	l.Add(diag.Diagnostic{Pos: 7, Message: "its consequence"})
	l.Add(diag.Diagnostic{Pos: 3, Message: "an earlier one"}).Relate(1, "seen from here")
	require.True(t, l.HasErrors())
	require.Equal(t, []diag.Diagnostic{
		{Pos: 3, Message: "an earlier one", Related: []diag.Related{{Pos: 1, Message: "seen from here"}}},
		{Pos: 7, Message: "an error at the same place"},
	}, l.Sorted())

	// Warnings do not push errors out, and what is left out is counted.
	for i := range 3 * diag.Most {
		l.Add(diag.Diagnostic{Severity: diag.Warning, Pos: token.Pos(100 + i)})
	}
	l.Add(diag.Diagnostic{Pos: 50, Message: "a late one"})
	all := l.Sorted()
	require.Len(t, all, diag.Most+3+1)
	require.Equal(t, "a late one", all[2].Message)
	require.Equal(t, diag.TooMany, all[len(all)-1].Code)
	require.Equal(t, "400 more findings are not shown", all[len(all)-1].Message)
}

func TestClosest(t *testing.T) {
	known := []string{"Client", "Teller", "To", "T", ""}
	for name, want := range map[string]string{
		"Tellr": "Teller", "Telelr": "Teller", "teller": "Teller", "Clint": "Client",
		"Server": "", "Tp": "To", "to": "To", "X": "", "": "", "Teller": "",
		strings.Repeat("a", 10_000): "",
	} {
		require.Equal(t, want, diag.Closest(name, known), "%.20q", name)
	}
}
