package check

import (
	goast "go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// member says what a field or method that is not there may have been meant for: a member of an enumeration, or len.
// name is where it stands.
func (sc *exprScope) member(tree goast.Expr, name token.Pos) (meant string) {
	goast.Inspect(tree, func(n goast.Node) bool {
		s, ok := n.(*goast.SelectorExpr)
		if !ok || s.Sel.Pos() != name {
			return true
		}
		of, isName := s.X.(*goast.Ident)
		switch {
		case !isName:
		case sc.c.named[of.Name] != nil && sc.c.named[of.Name].Kind == Enum:
			isMember := func(m *Member) bool { return m.Name == s.Sel.Name }
			if slices.ContainsFunc(sc.c.named[of.Name].Members, isMember) {
				meant = "did you mean " + of.Name + s.Sel.Name + "?"
			}
		case slices.Contains([]string{"len", "length", "size", "count"}, strings.ToLower(s.Sel.Name)):
			meant = "did you mean len(" + of.Name + ")?"
		}
		return false
	})
	return meant
}

// numbers reports whether the types that a message of go/types names are two kinds of number.
func numbers(message string) bool {
	return twoNumbers.MatchString(message)
}

var twoNumbers = regexp.MustCompile(`mismatched types (u?int|float)\d* and (u?int|float)\d*\)`)
