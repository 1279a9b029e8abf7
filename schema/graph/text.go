package graph

import (
	"fmt"
	"strings"
)

// Text lists the states, each with the edges that leave it.
func (g *Graph) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", g.Title)
	for i, n := range g.Nodes {
		fmt.Fprintf(&b, "\n%s", n.title())
		if i == g.Initial {
			b.WriteString("  (the beginning)")
		}
		if n.Cond != "" {
			fmt.Fprintf(&b, "  if %s", n.Cond)
		}
		b.WriteString("\n")
		for _, e := range g.Edges {
			if e.From != i {
				continue
			}
			fmt.Fprintf(&b, "    %s → %s\n", e.Label, g.Nodes[e.To].Name)
			for _, note := range e.Notes {
				fmt.Fprintf(&b, "        %s\n", note)
			}
		}
	}
	return b.String()
}

// Dot returns the graph in Graphviz's dot language.
func (g *Graph) Dot() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n\tnode [shape=box, style=rounded, fontname=monospace]\n\tedge [fontname=monospace, fontsize=10]\n", quote(g.Title))
	for i, n := range g.Nodes {
		shape := ""
		switch {
		case n.Final:
			shape = ", peripheries=2"
		case n.Cond != "":
			shape = ", shape=diamond"
		}
		if i == g.Initial {
			shape += ", penwidth=2"
		}
		label := n.title()
		if n.Cond != "" {
			label += "\nif " + n.Cond
		}
		fmt.Fprintf(&b, "\tn%d [label=%s%s]\n", i, quote(label), shape)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "\tn%d -> n%d [label=%s]\n", e.From, e.To, quote(strings.Join(append([]string{e.Label}, e.Notes...), "\n")))
	}
	b.WriteString("}\n")
	return b.String()
}

// quote is a string of dot.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// Mermaid returns the graph as a Mermaid state diagram.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\ntitle: %s\n---\nstateDiagram-v2\n", g.Title)
	for i, n := range g.Nodes {
		label := n.title()
		if n.Cond != "" {
			label += " if " + n.Cond
		}
		fmt.Fprintf(&b, "    state \"%s\" as n%d\n", mermaid(label), i)
	}
	fmt.Fprintf(&b, "    [*] --> n%d\n", g.Initial)
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "    n%d --> n%d : %s\n", e.From, e.To, mermaid(strings.Join(append([]string{e.Label}, e.Notes...), "<br>")))
	}
	for i, n := range g.Nodes {
		if n.Final {
			fmt.Fprintf(&b, "    n%d --> [*]\n", i)
		}
	}
	return b.String()
}

// mermaid writes the characters as entities that would end a label.
func mermaid(s string) string {
	return strings.NewReplacer(`"`, "#quot;", ";", "#59;", "#", "#35;", ":", "#58;").Replace(s)
}
