package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/echo/echo"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/simnet"
)

// twice says two things before it has heard the length of the first, and then hears
// both, the second one first. The server is the one of everybody.
func twice(ctx context.Context, ready echo.EchoClientReady) (end echo.EchoClientEnd, err error) {
	said, err := ready.SendSay(ctx, "carpe")
	if err != nil {
		return end, err
	}
	carpe, ready, err := said.DeferLength()
	if err != nil {
		return end, err
	}
	if said, err = ready.SendSay(ctx, "diem!"); err != nil {
		return end, err
	}
	diem, ready, err := said.DeferLength()
	if err != nil {
		return end, err
	}
	five, err := diem.Recv(ctx)
	if err != nil {
		return end, err
	}
	cinq, err := carpe.Recv(ctx)
	if err != nil {
		return end, err
	}
	if five != 5 || cinq != 5 {
		return end, fmt.Errorf("got %d and %d", five, cinq)
	}
	return ready.SendBye(ctx)
}

func TestSayTwiceThenHearTwice(t *testing.T) {
	conn, srv := session.Pipe()
	echo.RegisterEchoServer(srv, server)
	require.NoError(t, echo.RunEchoClient(t.Context(), conn, twice))
}

func TestSayTwiceOnBadNetworks(t *testing.T) {
	simnet.TestSeeds(t, 30, simnet.Swarm, simnet.Roles(echo.RunEchoClient, twice, echo.RegisterEchoServer, server))
}
