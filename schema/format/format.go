// Package format formats .sess files into one canonical style, as gofmt does for Go. It changes neither the
// meaning of a file nor its comments.
package format

import (
	"bytes"
	"errors"
	"go/token"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/diag"
	"github.com/sessgen/sessgen/schema/parser"
)

// SyntaxError is returned for a text that is not a schema and therefore cannot be formatted.
type SyntaxError struct {
	Fset        *token.FileSet
	Diagnostics []diag.Diagnostic
}

func (e *SyntaxError) Error() string {
	d := e.Diagnostics[0]
	return e.Fset.PositionFor(d.Pos, false).String() + ": " + d.Text()
}

// errChanged is a defect of this package, found before it does harm.
var errChanged = errors.New("format: the layout would change the schema; please report this file")

// Source formats the text of the file called name. An error is a *SyntaxError.
//
// Line breaks are the author's: a line break or blank line stays, except that a line which is too long or holds
// too much is broken. Tokens are spaced as in the language's own examples, and expressions as gofmt spaces
// them.
func Source(name string, source []byte) ([]byte, error) {
	source = bytes.ReplaceAll(source, []byte("\r\n"), []byte("\n"))
	fset, tree, err := parse(name, source)
	if err != nil {
		return nil, err
	}
	out := print(arrange(tokens(fset, tree)))
	_, again, err := parse(name, out)
	if err != nil || !slices.Equal(essence(tree), essence(again)) {
		return nil, errChanged
	}
	return out, nil
}

func parse(name string, source []byte) (*token.FileSet, *ast.File, error) {
	fset, diags := token.NewFileSet(), &diag.List{}
	tree := parser.ParseFile(fset, name, source, diags)
	if diags.HasErrors() {
		return nil, nil, &SyntaxError{fset, diags.Sorted()}
	}
	return fset, tree, nil
}

// essence is what a layout must not change: the tokens, without the semicolons that lines
// replace, and the words of the comments.
func essence(tree *ast.File) []string {
	var all []string
	for _, l := range lex(tree.Source) {
		switch l.tok {
		case token.SEMICOLON:
		case token.COMMENT:
			all = append(all, strings.Join(strings.Fields(l.text), " "))
		default:
			all = append(all, l.text)
		}
	}
	return all
}
