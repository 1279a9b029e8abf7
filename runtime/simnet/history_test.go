package simnet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

func TestWalkThroughTheProtocol(t *testing.T) {
	p := &session.Protocol{
		Roles: [2]string{"A", "B"},
		States: []session.State{
			{Name: "Start"},
			{Name: "Choice", If: "x > 0", Then: 2, Else: 3},
			{Name: "ChoiceIfTrue"},
			{Name: "ChoiceIfFalse"},
			{Name: "End"},
		},
		Messages: []session.Message{
			{Label: "Ask", Sender: 0, State: 0, Next: 1},
			{Label: "Yes", Sender: 1, State: 2, Next: 4},
			{Label: "Yes", Sender: 1, State: 3, Next: 0},
		},
	}
	type step struct{ role, message int }
	for _, c := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"one side of the if", []step{{0, 0}, {1, 0}, {1, 1}, {0, 1}}, ""},
		{"the other", []step{{0, 0}, {1, 0}, {1, 2}, {0, 2}, {0, 0}}, ""},
		{"not the same side at both ends", []step{{0, 0}, {1, 0}, {1, 1}, {0, 2}}, "received Yes at ChoiceIfFalse, which was sent as Yes at ChoiceIfTrue"},
		{"out of turn", []step{{0, 0}, {0, 0}}, "Ask does not leave Choice"},
		{"before it was asked", []step{{1, 1}}, "Yes does not leave Start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &history{protocol: p}
			ends := [2]*stream{{role: 0, history: h}, {role: 1, history: h}}
			var err error
			for _, s := range c.steps {
				if err == nil {
					err = ends[s.role].walk(observation{message: s.message})
				}
			}
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}
