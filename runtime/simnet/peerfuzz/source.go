package peerfuzz

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// source is what a peer's choices are drawn from: the bytes of the input, and when
// they are used up, numbers that follow from it.
type source struct {
	data   []byte
	random *rand.Rand
	// ints and texts are values that were seen in this run, and literals those of the
	// schema: a predicate is often about one of them.
	ints     []int64
	texts    []string
	literals literals
	depth    int
}

// seenMax bounds how many values are kept of each kind.
const seenMax = 16

func newSource(data []byte, l literals) *source {
	h := fnv.New64a()
	_, _ = h.Write(data)
	return &source{data: data, literals: l, random: rand.New(rand.NewPCG(h.Sum64(), 0xf022))}
}

// exhausted reports whether the input is used up.
func (s *source) exhausted() bool { return len(s.data) == 0 }

func (s *source) byte() byte {
	if s.exhausted() {
		return byte(s.random.Uint32())
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

// below draws a number less than n, which is positive.
func (s *source) below(n int) int {
	if n <= 256 {
		return int(s.byte()) % n
	}
	return int(s.raw() % uint64(n))
}

func (s *source) raw() (bits uint64) {
	for range 8 {
		bits = bits<<8 | uint64(s.byte())
	}
	return bits
}

// extremes are integers at which programs break.
var extremes = [...]int64{
	math.MinInt64, math.MaxInt64, math.MinInt32, math.MaxInt32, math.MaxUint32, 1 << 16, 1 << 20, 1 << 40, -1, 255, 256, 1000,
}

// integer draws a number: small, near one that was seen, extreme, or any.
func (s *source) integer() int64 {
	switch s.byte() % 8 {
	case 0, 1:
		return int64(s.byte() % 8)
	case 2:
		return int64(s.byte())
	case 3, 4, 5:
		return known(s, s.ints, s.literals.ints) + [...]int64{0, 0, -1, 1}[s.below(4)]
	case 6:
		return extremes[s.below(len(extremes))]
	}
	return int64(s.raw())
}

// fit brings an integer between two others, which it leaves alone where it can.
func fit(v, least, most int64) int64 {
	if least <= v && v <= most {
		return v
	}
	span := uint64(most) - uint64(least) + 1
	if span == 0 {
		return v
	}
	return least + int64(uint64(v)%span)
}

// known draws one of the values of both lists, or the zero value.
func known[T any](s *source, a, b []T) (v T) {
	if len(a)+len(b) == 0 {
		return v
	}
	i := s.below(len(a) + len(b))
	if i < len(a) {
		return a[i]
	}
	return b[i-len(a)]
}

// length draws a length, small most of the time.
func (s *source) length() int {
	if s.byte()%8 == 0 {
		return int(fit(known(s, s.ints, s.literals.ints)+int64(s.below(3))-1, 0, 1<<12))
	}
	return s.below(6)
}

// alphabet is what texts are made of, most often letters.
var alphabet = []rune("abcdefghijklmnopqrstuvwxyzABC0123456789 .-_@/:\x00\n\"é世\U0001f600")

func (s *source) text() string {
	switch s.byte() % 8 {
	case 0, 1, 2:
		return known(s, s.texts, s.literals.texts)
	case 3: // two of them, as a predicate about a prefix or a suffix wants it
		return known(s, s.texts, s.literals.texts) + known(s, s.texts, s.literals.texts)
	}
	text := make([]rune, s.length())
	for i := range text {
		text[i] = alphabet[s.below(len(alphabet))]
	}
	return string(text)
}

func (s *source) bytes() []byte {
	b := make([]byte, s.length())
	for i := range b {
		b[i] = s.byte()
	}
	return b
}

func (s *source) float() float64 {
	switch s.byte() % 8 {
	case 0:
		return [...]float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64}[s.below(7)]
	case 1:
		return math.Float64frombits(s.raw())
	case 2, 3:
		return float64(s.byte()) / 256
	}
	return float64(s.integer() % (1 << 50))
}

func (s *source) time() time.Time {
	if s.byte()%4 == 0 {
		return time.Time{}
	}
	// A second of the years 1 to 9999.
	return time.Unix(fit(s.integer(), -62135596800, 253402300799), int64(s.below(1e9))).UTC()
}

// duration draws a duration, most often in whole milliseconds or seconds.
func (s *source) duration() time.Duration {
	units := [...]time.Duration{time.Second, time.Millisecond, time.Second, 1}
	return units[s.byte()%4] * time.Duration(s.integer())
}

// wait draws how long something takes: from a microsecond to an hour.
func (s *source) wait() time.Duration {
	return time.Duration(fit(int64(s.duration()), int64(time.Microsecond), int64(time.Hour)))
}

// seeInt keeps an integer to draw again.
func (s *source) seeInt(v int64) {
	for _, known := range s.ints {
		if known == v {
			return
		}
	}
	s.ints = append(s.ints, v)
	if len(s.ints) > seenMax {
		s.ints = s.ints[1:]
	}
}

func (s *source) seeText(v string) {
	if len(v) > 1<<10 {
		return
	}
	s.texts = append(s.texts, v)
	if len(s.texts) > seenMax {
		s.texts = s.texts[1:]
	}
	s.seeInt(int64(len(v)))
}
