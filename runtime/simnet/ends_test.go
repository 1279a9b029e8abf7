package simnet

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// TestEndsOfBodies: a body that ends because the run is over has not failed.
func TestEndsOfBodies(t *testing.T) {
	var e ends
	p := &session.Protocol{Name: "test.P", Roles: [2]string{"Client", "Server"}}
	e.add(p, 0, errors.New("the client's"))
	e.add(p, 1, fmt.Errorf("receiving: %w", errOver))
	e.add(p, 1, errors.New("its own"))
	require.Equal(t, []string{"test.P Server ended with: its own"}, e.said)
}
