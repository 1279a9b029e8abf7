package diag

import (
	"bytes"
	"fmt"
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"
)

// widest is how many characters of a source line are shown.
const widest = 160

// text prints
//
//	bank.sess:9:15: unknown role Tellr; did you mean Teller? [unknown-role]
//	    Client -> Tellr: Open(owner string)
//	              ^~~~~
//		bank.sess:8:10: the roles are declared here
func (p Printer) text(out *bytes.Buffer, d Diagnostic) {
	at, source := p.position(d.Pos), p.Sources[p.Fset.PositionFor(d.Pos, false).Filename]
	severity := ""
	if d.Severity == Warning {
		severity = "warning: "
	}
	fmt.Fprintf(out, "%s: %s%s [%s]\n", printable(at.String()), severity, printable(d.Text()), d.Code)
	if line, ok := lineOf(source, at); ok {
		writeSource(out, line, at, p.position(d.End))
	}
	for _, r := range d.Related {
		fmt.Fprintf(out, "\t%s: %s\n", printable(p.position(r.Pos).String()), printable(r.Message))
	}
}

// lineOf is the line of the source that pos is in.
func lineOf(source []byte, pos token.Position) (string, bool) {
	// Offset and column together give the line's start without counting lines.
	start := pos.Offset - (pos.Column - 1)
	if source == nil || pos.Line < 1 || pos.Column < 1 || start < 0 || pos.Offset > len(source) {
		return "", false
	}
	line := source[start:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	if pos.Column-1 > len(line) {
		return "", false
	}
	return string(line), true
}

// writeSource prints the line, and under it a caret and a tilde for each further character up to end.
func writeSource(out *bytes.Buffer, line string, pos, end token.Position) {
	from, to := pos.Column-1, len(line)
	if end.Line == pos.Line || !end.IsValid() {
		to = min(max(end.Column-1, from), len(line))
	}
	before, marked, after := line[:from], line[from:to], line[to:]

	// A very long line is shown around the place.
	if n := utf8.RuneCountInString(before); n > widest/2 {
		before = "…" + string([]rune(before)[n-widest/2:])
	}
	marked = cut(marked, widest/2)
	after = cut(after, widest/2)

	fmt.Fprintf(out, "%s\n", printable(before+marked+after))
	for _, r := range before {
		if r != '\t' {
			r = ' '
		}
		out.WriteRune(r)
	}
	out.WriteByte('^')
	if n := utf8.RuneCountInString(marked); n > 1 {
		out.WriteString(strings.Repeat("~", n-1))
	}
	out.WriteByte('\n')
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// printable keeps control characters of a file away from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
