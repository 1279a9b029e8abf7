package graph

import (
	"cmp"
	"slices"
)

// drawing is a graph in layers: the states and, between them, the messages, which are
// drawn as nodes of their own so that no label lies on a line.
type drawing struct {
	graph  *Graph
	points []point
	layers [][]int // indices of points, from left to right
	lines  []line
}

// point is a state (its index in Nodes is node), a message (its index in Edges is
// edge) or, where both are -1, a place that a long line goes through.
type point struct {
	node, edge int
	layer      int
	above      []int // the points of the layer above that it is joined to
	below      []int
	x, y       int // of its middle
	w, h       int
}

// passes: a long line goes through here, and nothing else is here.
func (p *point) passes() bool { return p.node < 0 && p.edge < 0 }

// line is one half of an edge: from a state to its message, or from there to the next state.
type line struct {
	points []int // from its beginning to its end, each in the layer next to the one before
	arrow  bool  // at its end
}

// pointsMax bounds a drawing: long lines over many layers could make any number of points.
const pointsMax = 100_000

// layered puts the graph into layers: a state lies below all those that lead to it,
// unless they are reached through it. It returns nil if that makes too many points.
func layered(g *Graph) *drawing {
	d := &drawing{graph: g}
	for i := range g.Nodes {
		d.points = append(d.points, point{node: i, edge: -1})
	}
	type arc struct {
		from, to int
		arrow    bool
	}
	var arcs []arc
	for i, e := range g.Edges {
		d.points = append(d.points, point{node: -1, edge: i})
		middle := len(g.Nodes) + i
		arcs = append(arcs, arc{e.From, middle, false}, arc{middle, e.To, true})
	}
	next := make([][]int, len(d.points))
	for _, a := range arcs {
		next[a.from] = append(next[a.from], a.to)
	}
	order := d.topological(next, g.Initial)
	rank := make([]int, len(d.points))
	for i, p := range order {
		rank[p] = i
	}
	for _, p := range order {
		for _, q := range next[p] {
			if rank[q] > rank[p] {
				d.points[q].layer = max(d.points[q].layer, d.points[p].layer+1)
			}
		}
	}
	for _, p := range order {
		l := d.points[p].layer
		for len(d.layers) <= l {
			d.layers = append(d.layers, nil)
		}
		d.layers[l] = append(d.layers[l], p)
	}
	for _, a := range arcs {
		d.line(a.from, a.to, a.arrow)
		if len(d.points) > pointsMax {
			return nil
		}
	}
	return d
}

// topological is an order of the points in which each stands behind those that lead
// to it, except by way of itself.
func (d *drawing) topological(next [][]int, initial int) []int {
	seen := make([]bool, len(d.points))
	var order []int
	var visit func(p int)
	visit = func(p int) {
		if seen[p] {
			return
		}
		seen[p] = true
		for _, q := range slices.Backward(next[p]) {
			visit(q)
		}
		order = append(order, p)
	}
	visit(initial)
	for p := range d.points {
		visit(p)
	}
	slices.Reverse(order)
	return order
}

// line leads a line through the layers, up or down.
func (d *drawing) line(from, to int, arrow bool) {
	l := line{points: []int{from}, arrow: arrow}
	step := 1
	if d.points[to].layer < d.points[from].layer {
		step = -1
	}
	at := from
	for layer := d.points[from].layer + step; layer != d.points[to].layer; layer += step {
		d.points = append(d.points, point{node: -1, edge: -1, layer: layer})
		p := len(d.points) - 1
		d.layers[layer] = append(d.layers[layer], p)
		d.join(at, p)
		l.points = append(l.points, p)
		at = p
	}
	d.join(at, to)
	l.points = append(l.points, to)
	d.lines = append(d.lines, l)
}

func (d *drawing) join(p, q int) {
	if d.points[p].layer > d.points[q].layer {
		p, q = q, p
	}
	d.points[p].below = append(d.points[p].below, q)
	d.points[q].above = append(d.points[q].above, p)
}

// sweeps is how often the layers are put in order, down and up in turn.
const sweeps = 24

// untangle orders each layer so that few lines cross: each point to the middle of those that it is joined to.
func (d *drawing) untangle() {
	at := make([]int, len(d.points)) // where each point stands in its layer
	for _, l := range d.layers {
		number(at, l)
	}
	best, least := d.copyLayers(), d.crossings(at)
	for sweep := range sweeps {
		for i := range d.layers {
			layer := i
			if sweep%2 == 1 {
				layer = len(d.layers) - 1 - i
			}
			d.reorder(layer, sweep%2 == 0, at)
		}
		if n := d.crossings(at); n < least {
			best, least = d.copyLayers(), n
		}
	}
	d.layers = best
}

func (d *drawing) copyLayers() [][]int {
	var layers [][]int
	for _, l := range d.layers {
		layers = append(layers, slices.Clone(l))
	}
	return layers
}

// number notes where the points of a layer stand in it.
func number(at, layer []int) {
	for i, p := range layer {
		at[p] = i
	}
}

func (d *drawing) reorder(layer int, down bool, at []int) {
	middle := map[int]float64{}
	for _, p := range d.layers[layer] {
		joined := d.points[p].below
		if down {
			joined = d.points[p].above
		}
		middle[p] = float64(at[p])
		if len(joined) > 0 {
			sum := 0
			for _, q := range joined {
				sum += at[q]
			}
			middle[p] = float64(sum) / float64(len(joined))
		}
	}
	slices.SortStableFunc(d.layers[layer], func(p, q int) int { return cmp.Compare(middle[p], middle[q]) })
	number(at, d.layers[layer])
}

// crossings counts the pairs of lines that cross between layers. Two lines cross if one begins to the left of the other and ends
// to its right: with the lines in the order of their beginnings, these are the inversions of their ends.
func (d *drawing) crossings(at []int) int {
	n := 0
	for i, l := range d.layers[:len(d.layers)-1] {
		ends := newTally(len(d.layers[i+1]))
		for _, p := range l {
			for _, b := range d.points[p].below {
				n += ends.above(at[b])
			}
			for _, b := range d.points[p].below {
				ends.add(at[b])
			}
		}
	}
	return n
}

// tally counts numbers below a bound, and how many are above one (a Fenwick tree).
type tally struct {
	sums  []int // from 1
	total int
}

func newTally(bound int) *tally { return &tally{sums: make([]int, bound+1)} }

func (t *tally) add(n int) {
	t.total++
	for i := n + 1; i < len(t.sums); i += i & -i {
		t.sums[i]++
	}
}

func (t *tally) above(n int) int {
	count := t.total
	for i := n + 1; i > 0; i -= i & -i {
		count -= t.sums[i]
	}
	return count
}
