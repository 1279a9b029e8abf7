package diag

import (
	"fmt"
	"go/token"
)

// Reporter adds diagnostics to a List, by the positions that checked schemas hold.
type Reporter struct {
	Fset *token.FileSet
	List *List
}

// Report adds an error about length characters, starting at at.
func (r Reporter) Report(code Code, at token.Position, length int, format string, args ...any) *Diagnostic {
	pos := r.Pos(at)
	return r.List.Add(Diagnostic{Code: code, Pos: pos, End: pos + token.Pos(length), Message: fmt.Sprintf(format, args...)})
}

// Warn is Report for a warning.
func (r Reporter) Warn(code Code, at token.Position, length int, format string, args ...any) *Diagnostic {
	pos := r.Pos(at)
	return r.List.Add(Diagnostic{Code: code, Severity: Warning, Pos: pos, End: pos + token.Pos(length), Message: fmt.Sprintf(format, args...)})
}

// Pos finds a position in the file set. It is slow, and meant for errors.
func (r Reporter) Pos(at token.Position) (pos token.Pos) {
	r.Fset.Iterate(func(f *token.File) bool {
		if f.Name() != at.Filename || at.Offset > f.Size() {
			return true
		}
		pos = f.Pos(at.Offset)
		return false
	})
	return pos
}
