package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/kiosk/kiosk"
	"github.com/sessgen/sessgen/examples/kiosk/roles"
	"github.com/sessgen/sessgen/runtime/simnet"
)

// The tests of this package take every transition of the protocol, or fail.
func TestMain(m *testing.M) { os.Exit(simnet.CoverMain(m, &kiosk.KioskProtocol)) }

func TestDemo(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, []string{"demo"}))
	require.Equal(t, "0: mine for 120\n2: 250 is too dear\n1: mine for 80\n0: sold out\nchange: 0\n", out.String())
}

func TestVisit(t *testing.T) {
	customer := roles.Customer(t.Output(), 0, 2, 0)
	simnet.TestSeeds(t, 20, simnet.Swarm, simnet.Roles(kiosk.RunKioskCustomer, customer, kiosk.RegisterKioskClerk, roles.Clerk))
}

func TestUsage(t *testing.T) {
	require.ErrorIs(t, run(t.Context(), t.Output(), []string{"call", "127.0.0.1:7010", "bread"}), errUsage)
}
