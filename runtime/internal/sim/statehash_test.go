package sim

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/internal/mono"
)

// stateHasher makes a number of everything that decides what a machine does next, by walking its
// memory: two machines with the same one behave alike from there on. Points in time
// count from now. What only counts events, and memory that is kept for later use, is left out.
type stateHasher struct {
	now  mono.Time
	sum  uint64
	seen map[uintptr]int
}

// inert are fields that decide nothing.
var inert = map[string]bool{
	"stats": true, "counts": true, "chunks": true, "buffers": true, "spare": true, "opened": true, "scratch": true, "unmasked": true,
	"tally": true, "joint": true, "nonce": true, "drawn": true, "cookie": true, "buf": true, "free": true, "lostPackets": true, "tombs": true, "spent": true,
	"jar": true, "reset": true, "resets": true, "config": true,
}

// plans are the fields of each struct that decide something.
var plans = map[reflect.Type][]int{}

func deciding(t reflect.Type) []int {
	plan, known := plans[t]
	if known {
		return plan
	}
	if p := t.PkgPath(); !strings.HasPrefix(p, "crypto") && !strings.HasPrefix(p, "hash") {
		for i := range t.NumField() {
			if !inert[t.Field(i).Name] {
				plan = append(plan, i)
			}
		}
	}
	plans[t] = plan
	return plan
}

var timeType = reflect.TypeFor[mono.Time]()

func (h *stateHasher) number(n uint64) {
	h.sum = (h.sum ^ n) * 0x9e3779b97f4a7c15
	h.sum ^= h.sum >> 29
}

// add takes a value in.
func (h *stateHasher) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			h.number(1)
		} else {
			h.number(2)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n := v.Int()
		if v.Type() == timeType && n != int64(mono.Never) && n != 0 {
			n -= int64(h.now)
		}
		h.number(uint64(n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		h.number(v.Uint())
	case reflect.Float32, reflect.Float64:
		h.number(uint64(v.Float() * 1e6))
	case reflect.String:
		h.number(mix(uint64(v.Len()), []byte(v.String())))
	case reflect.Slice, reflect.Array:
		h.number(uint64(v.Len()))
		if v.Type().Elem().Kind() == reflect.Uint8 && (v.Kind() == reflect.Slice || v.CanAddr()) {
			h.sum = mix(h.sum, v.Bytes())
			return
		}
		for i := range v.Len() {
			h.add(v.Index(i))
		}
	case reflect.Struct:
		for _, i := range deciding(v.Type()) {
			h.add(v.Field(i))
		}
	case reflect.Map:
		h.addMap(v)
	case reflect.Interface:
		if v.IsNil() {
			h.number(0)
			return
		}
		h.number(mix(3, []byte(v.Elem().Type().String())))
		h.add(v.Elem())
	case reflect.Pointer:
		h.addPointer(v)
	}
}

func (h *stateHasher) addPointer(v reflect.Value) {
	if v.IsNil() {
		h.number(0)
		return
	}
	if n, known := h.seen[v.Pointer()]; known {
		h.number(uint64(n))
		return
	}
	h.seen[v.Pointer()] = len(h.seen) + 1
	if v.Type() == reflect.TypeFor[*watched]() { // the simulator's own
		h.add(v.Elem().FieldByName("Sealer"))
		return
	}
	h.add(v.Elem())
}

// addMap takes a map in by the order of its keys, which are numbers or arrays of bytes.
func (h *stateHasher) addMap(v reflect.Value) {
	type entry struct {
		key   []byte
		value reflect.Value
	}
	var entries []entry
	for iter := v.MapRange(); iter.Next(); {
		key := iter.Key()
		var b []byte
		if key.Kind() == reflect.Array {
			for i := range key.Len() {
				b = append(b, byte(key.Index(i).Uint()))
			}
		} else {
			b = binary.BigEndian.AppendUint64(b, key.Uint())
		}
		entries = append(entries, entry{b, iter.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	h.number(uint64(len(entries)))
	for _, e := range entries {
		h.number(mix(1, e.key))
		h.add(e.value)
	}
}

// addTombs takes in the answers that an endpoint still gives for connections that are over.
func (h *stateHasher) addTombs(queue reflect.Value) {
	for i := range queue.Len() {
		if t := queue.Index(i).Elem(); t.FieldByName("until").Int() > int64(h.now) {
			h.add(t)
		}
	}
}

// state makes numbers of a world whose network is in the given hands. What was drawn so far does not count: what is
// drawn from now on are names that nothing has yet, and another draw is another name.
func (w *world) state(network []*flight) (s state) {
	h := stateHasher{now: w.now, seen: map[uintptr]int{}}
	// The ends of connections are a bag, like the network: which came up first says nothing.
	var bag uint64
	for _, p := range w.peers {
		h := stateHasher{now: w.now, seen: map[uintptr]int{}}
		h.sum = mix(uint64(p.host.index), p.id[:])
		h.add(reflect.ValueOf([]bool{p.connected, p.closing, p.closed, p.buried, p.openMore}))
		if !p.buried {
			h.add(reflect.ValueOf(p.core).Elem())
			h.add(reflect.ValueOf(p.driver))
			// What came too early, and was dropped, might have been of use later: it was not the same as if it had never come.
			h.number(p.core.Stats().BytesReceived)
		}
		bag += h.sum
	}
	h.number(bag)
	for _, host := range w.hosts {
		h.addTombs(reflect.ValueOf(host.table).Elem().FieldByName("tombs").FieldByName("queue"))
	}
	for _, s := range w.sessions {
		for role, e := range s.ends {
			if e == nil {
				h.number(0)
				continue
			}
			h.add(reflect.ValueOf([]int{int(e.fate), e.sent, e.received, int(s.lanes[role].End())}))
			h.add(reflect.ValueOf([]bool{e.full, e.empty, e.atEnd, e.saidAll}))
		}
	}
	s.machines = h.sum
	for _, f := range network {
		s.network += f.number()
	}
	return s
}

// state is of a world: its machines and programs, and its network, which is a bag: what is in it, in no order.
type state struct{ machines, network uint64 }

func (s state) number() uint64 { return mix(s.machines, binary.BigEndian.AppendUint64(nil, s.network)) }

func (f *flight) number() uint64 {
	return mix(mix(uint64(f.to.index), []byte(f.source.String())), f.data)
}

// The number of a state tells apart what behaves differently, and nothing else.
func TestStateHash(t *testing.T) {
	type node struct {
		at   mono.Time
		next *node
		m    map[uint64]int
		buf  []byte
	}
	sum := func(now mono.Time, n *node) uint64 {
		h := stateHasher{now: now, seen: map[uintptr]int{}}
		h.add(reflect.ValueOf(n))
		return h.sum
	}
	ring := func(at mono.Time, v int) *node {
		n := &node{at: at, m: map[uint64]int{1: 2, 3: v}, buf: []byte{byte(v)}}
		n.next = &node{at: mono.Never, next: n}
		return n
	}
	require.Equal(t, sum(10, ring(15, 4)), sum(110, ring(115, 4)), "times count from now")
	require.NotEqual(t, sum(10, ring(15, 4)), sum(10, ring(16, 4)))
	require.NotEqual(t, sum(10, ring(15, 4)), sum(10, ring(15, 5)))
	other := ring(15, 4)
	other.buf = nil
	require.Equal(t, sum(10, ring(15, 4)), sum(10, other), "buffers decide nothing")
	other.next.next = nil
	require.NotEqual(t, sum(10, ring(15, 4)), sum(10, other))
}
