package simnet

import (
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// A run of all tests that left something out fails; one that was to run some of them does not.
func TestJudge(t *testing.T) {
	p := &session.Protocol{
		Name: "p.P", Roles: [2]string{"A", "B"}, States: []session.State{{Name: "Start"}, {Name: "End"}},
		Messages: []session.Message{{Label: "M", Next: 1, Pos: "p.sess:4:5"}},
	}
	c := Watch(p)
	defer c.Stop()
	var said strings.Builder
	require.Equal(t, 2, c.judge(2, false, &said))
	require.Equal(t, 0, c.judge(0, true, &said))
	require.Empty(t, said.String())
	require.Equal(t, 1, c.judge(0, false, &said))
	require.Equal(t, "simnet: p.P: 1 of 1 transitions were never taken: no session took a step\n\tp.sess:4:5: Start: A sends M\n", said.String())
	covered(p, 0, 0)
	require.Equal(t, 0, c.judge(0, false, &said))
}

func TestPartial(t *testing.T) {
	run := flag.Lookup("test.run")
	before := run.Value.String()
	defer run.Value.Set(before)
	require.NoError(t, run.Value.Set(""))
	require.Equal(t, testing.Short(), partial())
	require.NoError(t, run.Value.Set("TestPartial"))
	require.True(t, partial())
}
