package diag

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
)

// Most is the maximum number of errors, and of warnings, that a List keeps.
const Most = 200

// List collects the diagnostics of one run. The zero value is ready to use. It must not be used by several
// goroutines at once.
type List struct {
	all     []*Diagnostic
	at      map[token.Pos]int // index in all
	count   [2]int            // of what is in all, by severity
	omitted int
}

// Add adds d and returns it, so that related places and a suggestion can be added. Of several findings at one
// position only one is kept, the first error or else the first warning: the others are mostly its consequences.
// A diagnostic that is not kept is returned too, and may be ignored.
func (l *List) Add(d Diagnostic) *Diagnostic {
	if i, taken := l.at[d.Pos]; taken {
		if l.all[i].Severity == Warning && d.Severity == Error {
			l.count[Warning]--
			l.count[Error]++
			l.all[i] = &d
		}
		return &d
	}
	if l.count[d.Severity] == Most {
		l.omitted++
		return &d
	}
	if l.at == nil {
		l.at = make(map[token.Pos]int)
	}
	l.at[d.Pos] = len(l.all)
	l.all = append(l.all, &d)
	l.count[d.Severity]++
	return &d
}

// HasErrors reports whether any of the diagnostics is an error.
func (l *List) HasErrors() bool { return l.count[Error] > 0 }

// Len returns the number of diagnostics.
func (l *List) Len() int { return len(l.all) }

// Sorted returns the diagnostics in the order of their positions. If there were too many to keep, the last one
// says how many were left out.
func (l *List) Sorted() []Diagnostic {
	var all []Diagnostic
	for _, d := range l.all {
		all = append(all, *d)
	}
	slices.SortStableFunc(all, func(a, b Diagnostic) int { return cmp.Compare(a.Pos, b.Pos) })
	if l.omitted > 0 {
		last := all[len(all)-1]
		all = append(all, Diagnostic{
			Code: TooMany, Severity: last.Severity, Pos: last.Pos, End: last.End,
			Message: fmt.Sprintf("%d more findings are not shown", l.omitted),
		})
	}
	return all
}
