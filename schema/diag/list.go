package diag

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
)

// Most is how many errors, and how many warnings, a List keeps.
const Most = 200

// List collects the diagnostics of one run. The zero value is ready. It is not for
// several goroutines.
type List struct {
	all     []*Diagnostic
	at      map[token.Pos]int // index in all
	count   [2]int            // of what is in all, by severity
	omitted int
}

// Add adds d, and returns it so that related places and a suggestion can be added to it. Of
// several findings at one place only the first error stays: what is said after it at the same place is
// mostly its consequence. What is left out is returned too, and is nobody's.
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

// HasErrors reports whether an error is among the diagnostics.
func (l *List) HasErrors() bool { return l.count[Error] > 0 }

// Len is the number of diagnostics.
func (l *List) Len() int { return len(l.all) }

// Sorted returns the diagnostics in the order of their places. If some were left
// out because there are too many, the last one says how many.
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
