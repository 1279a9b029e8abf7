package peerfuzz

import (
	"math"
	"reflect"
	"time"
)

// What follows draws values of every type that a schema has. Generated code calls it.

// Bool draws a bool.
func (p *Peer) Bool() bool { return p.source.byte()%2 == 1 }

// Int draws an int.
func (p *Peer) Int() int { return int(p.source.integer()) }

// Int32 draws an int32.
func (p *Peer) Int32() int32 { return int32(fit(p.source.integer(), math.MinInt32, math.MaxInt32)) }

// Int64 draws an int64.
func (p *Peer) Int64() int64 { return p.source.integer() }

// Uint draws a uint.
func (p *Peer) Uint() uint { return uint(p.source.integer()) }

// Uint32 draws a uint32.
func (p *Peer) Uint32() uint32 { return uint32(fit(p.source.integer(), 0, math.MaxUint32)) }

// Uint64 draws a uint64.
func (p *Peer) Uint64() uint64 { return uint64(p.source.integer()) }

// Float32 draws a float32.
func (p *Peer) Float32() float32 { return float32(p.source.float()) }

// Float64 draws a float64.
func (p *Peer) Float64() float64 { return p.source.float() }

// Text draws a string.
func (p *Peer) Text() string { return p.source.text() }

// Bytes draws bytes.
func (p *Peer) Bytes() []byte { return p.source.bytes() }

// Time draws a time.
func (p *Peer) Time() time.Time { return p.source.time() }

// Duration draws a duration.
func (p *Peer) Duration() time.Duration { return p.source.duration() }

// Below draws a number less than n, such as the member of an enumeration.
func (p *Peer) Below(n int) int { return p.source.below(n) }

// Member is Below for unions. Deep inside a value it returns 0: the first member is one that ends.
func (p *Peer) Member(n int) int {
	if p.deep() {
		return 0
	}
	return p.source.below(n)
}

// Enter and Leave enclose the drawing of a struct's fields, so that values that hold others of their type come
// to an end.
func (p *Peer) Enter() { p.source.depth++ }

// Leave is described under Enter.
func (p *Peer) Leave() { p.source.depth-- }

func (p *Peer) deep() bool { return p.source.depth > 3 }

// List draws a list.
func List[T any](p *Peer, element func() T) []T {
	if p.deep() {
		return nil
	}
	list := make([]T, p.source.length()%8)
	for i := range list {
		list[i] = element()
	}
	return list
}

// Map draws a map.
func Map[K comparable, V any](p *Peer, key func() K, value func() V) map[K]V {
	if p.deep() {
		return nil
	}
	m := map[K]V{}
	for range p.source.below(4) {
		m[key()] = value()
	}
	return m
}

// Optional draws a value that may be absent.
func Optional[T any](p *Peer, value func() T) *T {
	if p.deep() || p.source.byte()%3 == 0 {
		return nil
	}
	v := value()
	return &v
}

// Know remembers values of this run, so that they, or values near them, may be drawn again: predicates are
// about variables and constants. It remembers numbers, texts and their lengths, and, of structs and lists, what
// they hold.
func (p *Peer) Know(values ...any) {
	for _, v := range values {
		p.know(reflect.ValueOf(v), 3)
	}
}

func (p *Peer) know(v reflect.Value, deep int) {
	if deep == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.source.seeInt(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.source.seeInt(int64(v.Uint()))
	case reflect.String:
		p.source.seeText(v.String())
	case reflect.Slice:
		p.source.seeInt(int64(v.Len()))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range min(v.Len(), 4) {
			p.know(v.Index(i), deep-1)
		}
	case reflect.Map:
		p.source.seeInt(int64(v.Len()))
	case reflect.Pointer, reflect.Interface:
		p.know(v.Elem(), deep-1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				p.know(v.Field(i), deep-1)
			}
		}
	}
}
