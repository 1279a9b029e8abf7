package graph

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrTooLarge is returned for a graph that is too large to draw.
var ErrTooLarge = errors.New("graph: too large for a picture")

// SVG draws the graph. The drawing is self-contained: it needs no font, script or style sheet. SVG returns
// ErrTooLarge if the drawing would have more than a hundred thousand parts.
func (g *Graph) SVG() (string, error) {
	d := layered(g)
	if d == nil {
		return "", ErrTooLarge
	}
	d.untangle()
	width, height := d.place()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="monospace" font-size="11.5">`+"\n",
		width, height, width, height)
	b.WriteString(`<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#567"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="%d" font-weight="bold" fill="#123">%s</text>`+"\n", margin, margin, escape(g.Title))
	for _, p := range d.paths() {
		b.WriteString(p)
	}
	for i := range d.points {
		if p := &d.points[i]; p.w > 0 {
			d.box(&b, p)
		}
	}
	b.WriteString("</svg>\n")
	return b.String(), nil
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// box draws a state or a message.
func (d *drawing) box(b *strings.Builder, p *point) {
	left, top := p.x-p.w/2, p.y-p.h/2
	fill, stroke, colour, tip := "#eef4fb", "#567", "#123", ""
	switch {
	case p.edge >= 0:
		fill, stroke, colour = "#fff", "none", "#345"
		e := d.graph.Edges[p.edge]
		tip = strings.Join(append([]string{e.Label}, e.Notes...), "\n")
	case d.graph.Nodes[p.node].Final:
		fill, tip = "#dde", d.graph.Nodes[p.node].Name
	case d.graph.Nodes[p.node].Cond != "":
		fill, tip = "#fdf6e3", "if "+d.graph.Nodes[p.node].Cond
	default:
		tip = d.graph.Nodes[p.node].title()
	}
	weight := "1"
	if p.node == d.graph.Initial {
		weight = "2.5"
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s" stroke="%s" stroke-width="%s"/>`,
		escape(tip), left, top, p.w, p.h, fill, stroke, weight)
	for i, text := range d.texts(p) {
		style := ""
		switch {
		case i == 0 && p.node >= 0:
			style = ` font-weight="bold"`
		case i > 0:
			style = ` fill-opacity="0.7"`
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="%s"%s>%s</text>`,
			p.x, top+padding/2+i*lineHeight+12, colour, style, escape(text))
	}
	b.WriteString("</g>\n")
}

// paths draws the lines. Each leaves and reaches a box at a port of its own.
func (d *drawing) paths() []string {
	type end struct {
		line   int
		toward int // x of the next point
	}
	above, below := make([][]end, len(d.points)), make([][]end, len(d.points))
	note := func(p, q, line int) {
		e := end{line, d.points[q].x}
		if d.points[q].layer < d.points[p].layer {
			above[p] = append(above[p], e)
		} else {
			below[p] = append(below[p], e)
		}
	}
	for i, l := range d.lines {
		last := len(l.points) - 1
		note(l.points[0], l.points[1], i)
		note(l.points[last], l.points[last-1], i)
	}
	// port is where a line meets the upper or lower side of a box.
	port := func(p, q, line int) (x, y int) {
		side, y := below[p], d.points[p].y+d.points[p].h/2
		if d.points[q].layer < d.points[p].layer {
			side, y = above[p], d.points[p].y-d.points[p].h/2
		}
		slices.SortStableFunc(side, func(a, b end) int { return cmp.Compare(a.toward, b.toward) })
		i := slices.IndexFunc(side, func(e end) bool { return e.line == line })
		span := min(d.points[p].w-2*padding, 14*(len(side)-1))
		x = d.points[p].x
		if len(side) > 1 {
			x += span*i/(len(side)-1) - span/2
		}
		return x, y
	}
	var all []string
	for i, l := range d.lines {
		last := len(l.points) - 1
		x, y := port(l.points[0], l.points[1], i)
		path := fmt.Sprintf("M%d,%d", x, y)
		for k := 1; k <= last; k++ {
			toX, toY := port(l.points[k], l.points[k-1], i)
			bend := (toY - y) / 2
			path += fmt.Sprintf(" C%d,%d %d,%d %d,%d", x, y+bend, toX, toY-bend, toX, toY)
			x, y = toX, toY
			if k < last {
				_, y = port(l.points[k], l.points[k+1], i)
				path += fmt.Sprintf(" V%d", y)
			}
		}
		marker := ""
		if l.arrow {
			marker = ` marker-end="url(#arrow)"`
		}
		all = append(all, fmt.Sprintf(`<path d="%s" fill="none" stroke="#567"%s/>`+"\n", path, marker))
	}
	return all
}
