package health_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/rpc/health"
	"github.com/sessgen/sessgen/runtime/session"
)

func TestHealth(t *testing.T) {
	conn, srv := session.Pipe()
	state := health.NewServer()
	health.RegisterHealth(srv, state)
	c := health.NewHealthClient(conn)

	status, err := c.Check(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, health.StatusServing, status)
	_, err = c.Check(t.Context(), "bank.Ledger")
	require.Equal(t, rpc.NotFound, rpc.CodeOf(err))

	turns := []health.Status{health.StatusUnknown, health.StatusServing, health.StatusNotServing, health.StatusServing}
	var seen []health.Status
	for status, err := range c.Watch(t.Context(), "bank.Ledger") {
		require.NoError(t, err)
		if seen = append(seen, status); len(seen) == len(turns) {
			break
		}
		state.Set("bank.Ledger", status)          // no change
		state.Set("bank.Other", turns[len(seen)]) // another's
		state.Set("bank.Ledger", turns[len(seen)])
	}
	require.Equal(t, turns, seen)
	status, err = c.Check(t.Context(), "bank.Ledger")
	require.NoError(t, err)
	require.Equal(t, health.StatusServing, status)
}
