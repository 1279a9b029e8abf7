package automaton

import "slices"

// number gives the labels their numbers: from 0, by first appearance in the source.
// A label has one number, wherever it appears.
func number(a *Automaton) {
	var messages []*Message
	for _, p := range a.Places {
		messages = append(messages, p.Messages...)
	}
	slices.SortStableFunc(messages, func(x, y *Message) int { return slices.Compare(x.path(), y.path()) })
	for _, m := range messages {
		i := slices.Index(a.Labels, m.Label)
		if i < 0 {
			i = len(a.Labels)
			a.Labels = append(a.Labels, m.Label)
		}
		m.Number = i
	}
}

// path is the offsets of the dos that lead to the message, and its own.
func (m *Message) path() []int {
	path := []int{m.Source.Pos.Offset}
	for f := m.frame; f.around != nil; f = f.around {
		path = append(path, f.at.Pos.Offset)
	}
	slices.Reverse(path)
	return path
}
