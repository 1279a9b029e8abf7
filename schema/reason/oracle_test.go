package reason

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	sessast "github.com/sessgen/sessgen/schema/ast"
	"github.com/sessgen/sessgen/schema/automaton"
	"github.com/sessgen/sessgen/schema/check"
	"github.com/sessgen/sessgen/schema/diag"
	"github.com/sessgen/sessgen/schema/parser"
)

// protocolOf checks a protocol without anybody reasoning about it.
func protocolOf(source string) *automaton.Automaton {
	fset, diags := token.NewFileSet(), &diag.List{}
	tree := parser.ParseFile(fset, "a.sess", []byte(source), diags)
	s := check.Files(fset, "", []*sessast.File{tree}, nil, diags)
	if diags.HasErrors() {
		return nil
	}
	return automaton.Build("a", s.Protocols[0], diag.Reporter{Fset: fset, List: diags})
}

// numberText is a random expression of type int64 over a and b.
func numberText(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 9).Draw(t, "number")
	if depth == 0 {
		kind %= 3
	}
	sub := func() string { return numberText(t, depth-1) }
	switch kind {
	case 0:
		return "int64(" + rapid.SampledFrom([]string{"-2", "0", "1", "3", "5", "7", "1<<62", "-1<<63", "1<<63-1"}).Draw(t, "constant") + ")"
	case 1:
		return "a"
	case 2:
		return "b"
	case 3:
		return "(" + sub() + " % 3)"
	case 4:
		return "(" + sub() + " / 2)"
	case 5:
		return "min(" + sub() + ", " + sub() + ")"
	case 6:
		return "(" + sub() + " & 6)"
	default:
		return "(" + sub() + rapid.SampledFrom([]string{" + ", " - ", " * "}).Draw(t, "op") + sub() + ")"
	}
}

// predicateText is a random predicate over a and b.
func predicateText(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "predicate")
	if depth == 0 {
		kind = 0
	}
	sub := func() string { return predicateText(t, depth-1) }
	switch kind {
	case 1, 2:
		return "(" + sub() + " && " + sub() + ")"
	case 3:
		return "(" + sub() + " || " + sub() + ")"
	case 4:
		return "!(" + sub() + ")"
	default:
		op := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
		return "(" + numberText(t, 2) + " " + op + " " + numberText(t, 2) + ")"
	}
}

// interpreter is what Go computes, of an expression with values for its variables: the oracle.
type interpreter struct {
	formula
	vars map[string]int64
}

func (r interpreter) int(n ast.Expr) int64 {
	if v := r.Info.Types[n].Value; v != nil {
		i, _ := constant.Int64Val(constant.ToInt(v))
		return i
	}
	switch n := n.(type) {
	case *ast.ParenExpr:
		return r.int(n.X)
	case *ast.Ident:
		return r.vars[n.Name]
	case *ast.UnaryExpr:
		return -r.int(n.X)
	case *ast.CallExpr:
		return min(r.int(n.Args[0]), r.int(n.Args[1]))
	case *ast.BinaryExpr:
		a, b := r.int(n.X), r.int(n.Y)
		switch n.Op {
		case token.ADD:
			return a + b
		case token.SUB:
			return a - b
		case token.MUL:
			return a * b
		case token.QUO:
			return a / b
		case token.REM:
			return a % b
		case token.AND:
			return a & b
		}
	}
	panic(fmt.Sprintf("%T", n))
}

func (r interpreter) bool(n ast.Expr) bool {
	if v := r.Info.Types[n].Value; v != nil {
		return constant.BoolVal(v)
	}
	switch n := n.(type) {
	case *ast.ParenExpr:
		return r.bool(n.X)
	case *ast.UnaryExpr:
		return !r.bool(n.X)
	case *ast.BinaryExpr:
		switch n.Op {
		case token.LAND:
			return r.bool(n.X) && r.bool(n.Y)
		case token.LOR:
			return r.bool(n.X) || r.bool(n.Y)
		}
		a, b := r.int(n.X), r.int(n.Y)
		return map[token.Token]bool{
			token.EQL: a == b, token.NEQ: a != b, token.LSS: a < b, token.LEQ: a <= b, token.GTR: a > b, token.GEQ: a >= b,
		}[n.Op]
	}
	panic(fmt.Sprintf("%T", n))
}

// What is said of a predicate is true of every value of its variables: it never
// holds, it always holds, and where it holds the variables are in the intervals.
func TestAssumeIsSound(t *testing.T) {
	samples := []int64{math.MinInt64, math.MinInt64 + 1, -7, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 1 << 62, math.MaxInt64 - 1, math.MaxInt64}
	decided := 0
	rapid.Check(t, func(t *rapid.T) {
		text := predicateText(t, 3)
		a := protocolOf("package a\nprotocol P(A, B) { A -> B: M(a, b int64) where " + text + " }\n")
		if a == nil {
			t.Skip("constants overflow")
		}
		m := a.Places[0].Messages[0]
		holds, fails := assume(m.Where, facts{}, true), assume(m.Where, facts{}, false)
		if holds == nil || fails == nil {
			decided++
		}
		require.False(t, holds == nil && fails == nil, text)
		for _, x := range samples {
			for _, y := range samples {
				known := fails
				if (interpreter{formula{m.Where}, map[string]int64{"a": x, "b": y}}).bool(m.Where.Tree) {
					known = holds
				}
				require.NotNil(t, known, "%s with a = %d, b = %d", text, x, y)
				for u, in := range known {
					v := map[string]int64{"a": x, "b": y}[u.of.Name]
					require.True(t, point(big.NewInt(v)).within(in), "%s with a = %d, b = %d: %s is in %s", text, x, y, u.of.Name, in)
				}
			}
		}
	})
	require.Positive(t, decided, "nothing was ever decided")
}

// What search says that a run does, a run can do: each value is within what the flow
// knows of the place, and the flow reaches every place that the search does.
func TestFlowCoversSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString("package a\nprotocol P(A, B) {\nA -> B: M(a, b int64) where " + predicateText(t, 1) + "\n")
		b.WriteString("rec R(x int64 = " + numberText(t, 1) + ") {\nif x < " + rapid.SampledFrom([]string{"3", "a", "b"}).Draw(t, "limit") + " {\n")
		b.WriteString("choice at A { A -> B: N(c int64) where c > x\ncontinue R(x + " + rapid.SampledFrom([]string{"1", "c", "a"}).Draw(t, "by") + ") } or { A -> B: O() }\n}\n}\n}\n")
		a := protocolOf(b.String())
		if a == nil {
			t.Skip("constants overflow")
		}
		at := flow(a)
		_, reached := search(a)
		for p := range reached {
			require.NotNil(t, at[p.Index], "%s\n%s is reached", b.String(), p.Name)
		}
	})
}
