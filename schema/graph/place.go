package graph

import (
	"slices"
	"unicode/utf8"
)

// Sizes, in pixels. A character of the font is charWidth wide.
const (
	charWidth  = 7
	lineHeight = 16
	padding    = 8
	gapX       = 24 // between neighbours of a layer
	gapY       = 34 // between layers
	margin     = 20
)

// noteMax is how long a note may be in the drawing; the whole one is its tooltip.
const noteMax = 44

// texts are the lines of a point: its name or label first.
func (d *drawing) texts(p *point) []string {
	switch {
	case p.node >= 0:
		n := d.graph.Nodes[p.node]
		texts := append([]string{n.Name}, n.Vars...)
		if n.Cond != "" {
			texts = append(texts, short("if "+n.Cond))
		}
		return texts
	case p.edge >= 0:
		e := d.graph.Edges[p.edge]
		texts := []string{e.Label}
		for _, note := range e.Notes {
			texts = append(texts, short(note))
		}
		return texts
	}
	return nil
}

// short cuts a text at noteMax characters.
func short(text string) string {
	if utf8.RuneCountInString(text) <= noteMax {
		return text
	}
	return string([]rune(text)[:noteMax-1]) + "…"
}

// place gives every point its size and its coordinates, and returns the size of the whole.
func (d *drawing) place() (width, height int) {
	for i := range d.points {
		p := &d.points[i]
		texts := d.texts(p)
		for _, t := range texts {
			p.w = max(p.w, utf8.RuneCountInString(t)*charWidth+2*padding)
		}
		p.h = len(texts)*lineHeight + padding
	}
	y := margin + lineHeight + padding
	for _, l := range d.layers {
		tallest := 0
		for _, p := range l {
			tallest = max(tallest, d.points[p].h)
		}
		for _, p := range l {
			d.points[p].y = y + tallest/2
			if d.points[p].passes() {
				d.points[p].h = tallest // straight past its neighbours
			}
		}
		y += tallest + gapY
	}
	d.spread()
	for range 8 { // a line that has made itself straight makes room for others
		d.straighten()
	}
	left := 0
	for i, p := range d.points {
		if i == 0 || p.x-p.w/2 < left {
			left = p.x - p.w/2
		}
	}
	for i := range d.points {
		p := &d.points[i]
		p.x += margin - left
		width = max(width, p.x+p.w/2+margin)
	}
	return max(width, utf8.RuneCountInString(d.graph.Title)*charWidth+2*margin), y - gapY + margin
}

// spread finds x for every point: from left to right at first, and then again and
// again as near to the middle of what it is joined to as its neighbours let it.
func (d *drawing) spread() {
	for _, l := range d.layers {
		x := 0
		for _, p := range l {
			d.points[p].x = x + d.points[p].w/2
			x += d.points[p].w + gapX
		}
	}
	for pass := range sweeps {
		for i := range d.layers {
			l := d.layers[i]
			if pass%2 == 1 {
				l = d.layers[len(d.layers)-1-i]
			}
			d.settle(l)
		}
	}
}

// settle moves the points of a layer to where they would like to be, as nearly as
// their order and the gaps between them allow: neighbours that would meet form a block, which
// stands at the mean of what its members want (isotonic regression, pooling adjacent violators).
func (d *drawing) settle(layer []int) {
	type block struct{ sum, n int }
	mean := func(b block) int { return b.sum / b.n }
	var blocks []block
	offset := make([]int, len(layer)) // from the first point, if all stood as close as they may
	for i, p := range layer {
		if i > 0 {
			offset[i] = offset[i-1] + d.apart(layer[i-1], p)
		}
		b := block{d.wish(p) - offset[i], 1}
		for len(blocks) > 0 && mean(blocks[len(blocks)-1]) > mean(b) {
			before := blocks[len(blocks)-1]
			b = block{before.sum + b.sum, before.n + b.n}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	i := 0
	for _, b := range blocks {
		for range b.n {
			d.points[layer[i]].x = mean(b) + offset[i]
			i++
		}
	}
}

// wish is the middle of the points that p is joined to. Where a line goes on, it would rather stay straight.
func (d *drawing) wish(p int) int {
	joined := slices.Concat(d.points[p].above, d.points[p].below)
	if len(joined) == 0 {
		return d.points[p].x
	}
	sum, n := 0, 0
	for _, q := range joined {
		weight := 1
		if d.points[p].passes() && d.points[q].passes() {
			weight = 8
		}
		sum += weight * d.points[q].x
		n += weight
	}
	return sum / n
}

// straighten makes of each long line as few upright pieces as its neighbours allow, where spread may have left a staircase.
func (d *drawing) straighten() {
	at := make([]int, len(d.points))
	for _, l := range d.layers {
		number(at, l)
	}
	for _, l := range d.lines {
		var piece []int // points that can stand above one another
		var least, most int
		for _, p := range l.points {
			if !d.points[p].passes() {
				continue // the ends
			}
			from, to := d.room(p, at[p])
			if len(piece) > 0 && (max(from, least) > min(to, most)) {
				d.upright(piece, least, most)
				piece = nil
			}
			if len(piece) == 0 {
				least, most = from, to
			}
			piece, least, most = append(piece, p), max(from, least), min(to, most)
		}
		d.upright(piece, least, most)
	}
}

// room is between which x a point can stand, at its place in its layer. Where it stands is one of them.
func (d *drawing) room(p, at int) (least, most int) {
	const wide = 1 << 30
	layer := d.layers[d.points[p].layer]
	least, most = -wide, wide
	if at > 0 {
		least = d.points[layer[at-1]].x + d.apart(layer[at-1], p)
	}
	if at+1 < len(layer) {
		most = d.points[layer[at+1]].x - d.apart(p, layer[at+1])
	}
	return min(least, d.points[p].x), max(most, d.points[p].x)
}

// upright puts points above one another, in the middle of where they are, or as near to it as they may.
func (d *drawing) upright(points []int, least, most int) {
	if len(points) == 0 {
		return
	}
	sum := 0
	for _, p := range points {
		sum += d.points[p].x
	}
	for _, p := range points {
		d.points[p].x = min(max(sum/len(points), least), most)
	}
}

// apart is how far the middles of two neighbours must be from each other.
func (d *drawing) apart(p, q int) int { return (d.points[p].w+d.points[q].w)/2 + gapX }
