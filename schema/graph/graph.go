// Package graph shows automata to people: as text, as Graphviz dot, as Mermaid, and as SVG.
package graph

import (
	"fmt"
	"strings"
	"time"

	"github.com/sessgen/sessgen/schema/automaton"
)

// Graph is a protocol's automaton in the form it is shown.
type Graph struct {
	Title   string
	Nodes   []Node
	Edges   []Edge
	Initial int // index in Nodes
}

// Node is a state.
type Node struct {
	Name string
	// Vars are the variables live in it, as "name type".
	Vars []string
	// Cond is the condition of a state that decides without a message; otherwise empty.
	Cond  string
	Final bool
}

// Edge leads from one state to the next: a message, or one side of a condition.
type Edge struct {
	From, To int // indices in Nodes
	// Label is "Client -> Teller: Deposit(amount int64)", "!Deposit(amount int64)" where one role sends
	// and "?…" where it receives, or "true" or "false".
	Label string
	// Notes are the predicate, the deadline and what changes.
	Notes []string
}

// Of returns the automaton as both roles share it.
func Of(a *automaton.Automaton) *Graph {
	arrows := map[automaton.LocalKind]string{
		automaton.Sending:   fmt.Sprintf("%s -> %s: ", a.Protocol.Roles[0], a.Protocol.Roles[1]),
		automaton.Receiving: fmt.Sprintf("%s -> %s: ", a.Protocol.Roles[1], a.Protocol.Roles[0]),
	}
	return of(a.Local(0), a.Name, arrows)
}

// OfRole returns the automaton as one role sees it, 0 or 1.
func OfRole(a *automaton.Automaton, role int) *Graph {
	l := a.Local(role)
	return of(l, l.Protocol+", as "+l.Role, map[automaton.LocalKind]string{automaton.Sending: "!", automaton.Receiving: "?"})
}

func of(l *automaton.Local, title string, arrows map[automaton.LocalKind]string) *Graph {
	g := &Graph{Title: title, Initial: l.Initial}
	for i, s := range l.States {
		g.Nodes = append(g.Nodes, Node{Name: s.Name, Vars: s.Vars, Cond: s.Cond, Final: s.Kind == automaton.Ended})
		for k, m := range s.Moves {
			e := Edge{From: i, To: m.To, Label: arrows[s.Kind] + m.Payload}
			if s.Kind == automaton.Deciding {
				e.Label = []string{"true", "false"}[k]
			}
			if m.Where != "" {
				e.Notes = append(e.Notes, "where "+m.Where)
			}
			if m.Within > 0 {
				e.Notes = append(e.Notes, "within "+duration(m.Within))
			}
			e.Notes = append(e.Notes, m.Updates...)
			g.Edges = append(g.Edges, e)
		}
	}
	return g
}

// duration is a duration as a schema writes it: 2s, not 2m0s.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// title is a node's name with its variables.
func (n Node) title() string {
	if len(n.Vars) == 0 {
		return n.Name
	}
	return n.Name + "(" + strings.Join(n.Vars, ", ") + ")"
}
