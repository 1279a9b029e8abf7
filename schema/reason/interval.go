package reason

import (
	"go/constant"
	"go/types"
	"math"
	"math/big"
)

// interval is a set of integers: those from lo to hi. Intervals are not changed once made.
type interval struct{ lo, hi *big.Int }

func point(n *big.Int) interval     { return interval{n, n} }
func between(lo, hi int64) interval { return interval{big.NewInt(lo), big.NewInt(hi)} }
func (a interval) empty() bool      { return a.lo.Cmp(a.hi) > 0 }
func (a interval) isPoint() bool    { return a.lo.Cmp(a.hi) == 0 }
func (a interval) equal(b interval) bool {
	return a.lo.Cmp(b.lo) == 0 && a.hi.Cmp(b.hi) == 0
}

// within reports whether all of a is in b.
func (a interval) within(b interval) bool { return a.lo.Cmp(b.lo) >= 0 && a.hi.Cmp(b.hi) <= 0 }

func (a interval) meet(b interval) interval { return interval{larger(a.lo, b.lo), smaller(a.hi, b.hi)} }

func (a interval) join(b interval) interval { return interval{smaller(a.lo, b.lo), larger(a.hi, b.hi)} }

func (a interval) String() string {
	if a.isPoint() {
		return a.lo.String()
	}
	return a.lo.String() + " to " + a.hi.String()
}

func smaller(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

// span is the smallest interval that holds all of the numbers.
func span(numbers ...*big.Int) interval {
	a := point(numbers[0])
	for _, n := range numbers[1:] {
		a = a.join(point(n))
	}
	return a
}

func pow2(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }

func less1(n *big.Int) *big.Int { return new(big.Int).Sub(n, big.NewInt(1)) }
func plus1(n *big.Int) *big.Int { return new(big.Int).Add(n, big.NewInt(1)) }

// lengths are those that a string, a list or a map may have.
var lengths = between(0, math.MaxInt64)

// rangeOf is the interval of an integer type, with the sizes of 64-bit platforms; false for other types.
func rangeOf(t types.Type) (interval, bool) {
	b, basic := t.Underlying().(*types.Basic)
	if !basic {
		return interval{}, false
	}
	a, ok := ranges[b.Kind()]
	return a, ok
}

// ranges are those of the types whose values are integers.
var ranges = map[types.BasicKind]interval{
	types.Int8: signed(8), types.Int16: signed(16), types.Int32: signed(32), types.Int64: signed(64), types.Int: signed(64),
	types.Uint8: unsigned(8), types.Uint16: unsigned(16), types.Uint32: unsigned(32), types.Uint64: unsigned(64),
	types.Uint: unsigned(64), types.Uintptr: unsigned(64),
}

func signed(bits uint) interval {
	half := pow2(bits - 1)
	return interval{new(big.Int).Neg(half), less1(half)}
}

func unsigned(bits uint) interval { return interval{new(big.Int), less1(pow2(bits))} }

// number is the value of an integer constant.
func number(v constant.Value) (*big.Int, bool) {
	v = constant.ToInt(v)
	if v.Kind() != constant.Int {
		return nil, false
	}
	n, ok := new(big.Int).SetString(v.ExactString(), 10)
	return n, ok
}
