package reason

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
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

// operands are variables of the predicates, by type.
var operands = map[string][]string{
	"int64": {"a", "b"}, "int32": {"i"}, "uint32": {"u"}, "uint64": {"w"}, "int": {"len(s)", "len(l)"},
}

// numberText is a random expression of an integer type.
func numberText(t *rapid.T, typ string, depth int) string {
	kind := rapid.IntRange(0, 11).Draw(t, "number")
	if depth == 0 {
		kind %= 3
	}
	sub := func() string { return numberText(t, typ, depth-1) }
	switch kind {
	case 0:
		constants := []string{"0", "1", "2", "3", "5", "7", "1<<31 - 1"}
		switch typ {
		case "int64", "int":
			constants = append(constants, "-2", "1<<62", "-1<<63", "1<<63 - 1")
		case "uint64":
			constants = append(constants, "1<<62", "1<<64 - 1")
		case "int32":
			constants = append(constants, "-2", "-1<<31")
		}
		return typ + "(" + rapid.SampledFrom(constants).Draw(t, "constant") + ")"
	case 1, 2:
		return rapid.SampledFrom(operands[typ]).Draw(t, "variable")
	case 3:
		return "(" + sub() + rapid.SampledFrom([]string{" % 3", " / 2", " / 7", " << 1", " >> 1", " << 40", " >> 33", " & 6", " % 1"}).Draw(t, "by") + ")"
	case 4:
		return rapid.SampledFrom([]string{"min(", "max("}).Draw(t, "which") + sub() + ", " + sub() + ")"
	case 5:
		from := rapid.SampledFrom([]string{"int64", "int32", "uint32", "uint64", "int"}).Draw(t, "from")
		return typ + "(" + numberText(t, from, depth-1) + ")"
	case 6:
		return rapid.SampledFrom([]string{"-", "+", "^"}).Draw(t, "sign") + "(" + sub() + ")"
	default:
		return "(" + sub() + rapid.SampledFrom([]string{" + ", " - ", " * ", " & ", " | ", " ^ ", " &^ ", " / ", " % "}).Draw(t, "op") + sub() + ")"
	}
}

// predicateText is a random predicate over a and b.
func predicateText(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 6).Draw(t, "predicate")
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
	case 5:
		return rapid.SampledFrom([]string{
			`s == ""`, `s != ""`, `s == "ab"`, `s != "ab"`, `s < "ab"`, `s >= ""`, `s == s`, `"b" > s`, `s + s == "abab"`,
			"ok", "!ok", "ok == true", "ok != (len(s) > 1)", "ok == ok",
		}).Draw(t, "atom")
	default:
		typ := rapid.SampledFrom([]string{"int64", "int64", "int32", "uint32", "uint64", "int"}).Draw(t, "type")
		op := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
		return "(" + numberText(t, typ, 2) + " " + op + " " + numberText(t, typ, 2) + ")"
	}
}

// interpreter is what Go computes, of an expression with values for its variables: the oracle. It computes
// with integers of any size, and takes from each result the bits that its type has.
type interpreter struct {
	formula
	vars map[string]constant.Value
	// panics: a division by zero was met.
	panics *bool
}

func (r interpreter) value(n ast.Expr) constant.Value {
	tv := r.Info.Types[n]
	if tv.Value != nil {
		return tv.Value
	}
	v := r.compute(n)
	if b, ok := tv.Type.Underlying().(*types.Basic); ok && b.Info()&types.IsInteger != 0 {
		return wrap(v, b)
	}
	return v
}

// wrap keeps the bits of an integer that its type has.
func wrap(v constant.Value, b *types.Basic) constant.Value {
	bits := uint(8 * types.SizesFor("gc", "amd64").Sizeof(b))
	modulus := constant.Shift(constant.MakeInt64(1), token.SHL, bits)
	v = constant.BinaryOp(v, token.REM, modulus)
	if constant.Sign(v) < 0 {
		v = constant.BinaryOp(v, token.ADD, modulus)
	}
	if b.Info()&types.IsUnsigned == 0 && constant.Compare(v, token.GEQ, constant.Shift(modulus, token.SHR, 1)) {
		v = constant.BinaryOp(v, token.SUB, modulus)
	}
	return v
}

func (r interpreter) compute(n ast.Expr) constant.Value {
	switch n := n.(type) {
	case *ast.ParenExpr:
		return r.value(n.X)
	case *ast.Ident:
		return r.vars[n.Name]
	case *ast.UnaryExpr:
		return constant.UnaryOp(n.Op, r.value(n.X), 0)
	case *ast.CallExpr:
		x := r.value(n.Args[0])
		switch r.builtin(n) {
		case "len":
			if x.Kind() == constant.Int {
				return x // a list stands for its length
			}
			return constant.MakeInt64(int64(len(constant.StringVal(x))))
		case "min", "max":
			y := r.value(n.Args[1])
			if constant.Compare(x, token.LSS, y) == (r.builtin(n) == "min") {
				return x
			}
			return y
		}
		return x // a conversion
	case *ast.BinaryExpr:
		x := r.value(n.X)
		if n.Op == token.LAND || n.Op == token.LOR {
			if constant.BoolVal(x) == (n.Op == token.LOR) {
				return x
			}
			return r.value(n.Y)
		}
		y := r.value(n.Y)
		switch n.Op {
		case token.SHL, token.SHR:
			by, _ := constant.Uint64Val(y)
			return constant.Shift(x, n.Op, uint(by))
		case token.QUO, token.REM:
			if constant.Sign(y) == 0 {
				*r.panics = true
				return y
			}
			op := n.Op
			if op == token.QUO {
				op = token.QUO_ASSIGN // of integers
			}
			return constant.BinaryOp(x, op, y)
		case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
			return constant.MakeBool(constant.Compare(x, n.Op, y))
		}
		return constant.BinaryOp(x, n.Op, y)
	}
	panic(fmt.Sprintf("%T", n))
}

// samples are values of the variables, from the edges of their types.
var samples = map[string][]int64{
	"a": {math.MinInt64, math.MinInt64 + 1, -3, -1, 0, 1, 2, 5, 7, 1 << 62, math.MaxInt64},
	"b": {math.MinInt64, -2, 0, 1, 3, 6, math.MaxInt64},
	"i": {math.MinInt32, -2, -1, 0, 1, 3, math.MaxInt32},
	"u": {0, 1, 2, 7, 1 << 31, math.MaxUint32},
	"w": {0, 1, 3, 1 << 62, -1}, // -1 is the largest
	"l": {0, 1, 2, 1 << 33},
}

// What is said of a predicate is true of every value of its variables: it never
// holds, it always holds, and where it holds the variables are in the intervals.
func TestAssumeIsSound(t *testing.T) {
	decided := 0
	rapid.Check(t, func(t *rapid.T) {
		text := predicateText(t, 3)
		a := protocolOf("package a\nprotocol P(A, B) { A -> B: M(a, b int64, i int32, u uint32, w uint64, s string, l []int, ok bool) where " + text + " }\n")
		if a == nil {
			t.Skip("constants overflow")
		}
		m := a.Places[0].Messages[0]
		holds, fails := assume(m.Where, facts{}, true), assume(m.Where, facts{}, false)
		if holds == nil || fails == nil {
			decided++
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 200 {
			vars := map[string]constant.Value{
				"s":  constant.MakeString([]string{"", "a", "ab", "b", "abab"}[random.IntN(5)]),
				"ok": constant.MakeBool(random.IntN(2) == 0),
			}
			for _, name := range slices.Sorted(maps.Keys(samples)) {
				v := constant.MakeInt64(samples[name][random.IntN(len(samples[name]))])
				if name == "w" {
					v = wrap(v, types.Typ[types.Uint64])
				}
				vars[name] = v
			}
			panics := false
			result := constant.BoolVal(interpreter{formula{m.Where}, vars, &panics}.value(m.Where.Tree))
			if panics {
				require.True(t, m.Where.MayPanic, text)
				continue
			}
			known := fails
			if result {
				known = holds
			}
			require.NotNil(t, known, "%s is %v with %v", text, result, vars)
			for u, in := range known {
				v := vars[u.of.Name]
				switch {
				case v.Kind() == constant.String:
					v = constant.MakeInt64(int64(len(constant.StringVal(v))))
				case v.Kind() == constant.Bool:
					v = constant.MakeInt64(map[bool]int64{true: 1}[constant.BoolVal(v)])
				}
				n, _ := number(v)
				require.True(t, point(n).within(in), "%s with %v: %s%s is in %s", text, vars, u.of.Name, u.path, in)
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
		b.WriteString("package a\nprotocol P(A, B) {\nA -> B: M(a, b int64, i int32, u uint32, w uint64, s string, l []int, ok bool) where " + predicateText(t, 1) + "\n")
		b.WriteString("rec R(x int64 = " + numberText(t, "int64", 1) + ") {\nif x < " + rapid.SampledFrom([]string{"3", "a", "b"}).Draw(t, "limit") + " {\n")
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
