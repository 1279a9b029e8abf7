package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/rpc/books"
	"github.com/sessgen/sessgen/examples/rpc/ledger"
	"github.com/sessgen/sessgen/runtime/session"
	"github.com/sessgen/sessgen/runtime/simnet"
	"github.com/sessgen/sessgen/runtime/transport"
)

const used = `import: 3 lines
move 300 from ada to bob: transfer 1
move from ada to ada: refused before it was sent: from != to && cents > 0
move 1000 from bob to ada: rpc: failed precondition: bob has 300
ada has 400
bob has 300
  import         500
  import         250
  import         -50
audit: 1
audit: 3
audit: 6
get of a slow account within 20ms: deadline exceeded
get of it, and a change of mind: canceled
`

func TestDemo(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), &out, []string{"demo"}))
	require.Equal(t, "health of ledger.Ledger: Serving\n"+used, out.String())
}

// TestServeAndCall is the two halves of the program.
func TestServeAndCall(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, w, "127.0.0.1:0") }()
	line, err := bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err)
	var out bytes.Buffer
	address := strings.Fields(line)[2]
	require.NoError(t, call(context.Background(), &out, address, transport.WithPlaintext()))
	require.Contains(t, out.String(), used)
	stop()
	require.NoError(t, <-served)
}

// TestHandlersWithoutASocket has the same over session.Pipe, in virtual time.
func TestHandlersWithoutASocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, srv := session.Pipe()
		ledger.RegisterLedger(srv, books.New())
		var out bytes.Buffer
		require.NoError(t, use(t.Context(), &out, ledger.NewLedgerClient(conn)))
		require.Equal(t, used, out.String())
	})
}

// TestBadNetworks has the same on simulated networks that lose, double, reorder and damage datagrams.
func TestBadNetworks(t *testing.T) {
	simnet.TestSeeds(t, 20, simnet.Swarm, func(t *testing.T, n *simnet.Net) {
		ledger.RegisterLedger(n.Server("ledger"), books.New())
		conn, err := n.Dial(t.Context(), "ledger")
		require.NoError(t, err)
		// What such networks take is more than the 500ms that Move has by itself.
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var out bytes.Buffer
		require.NoError(t, use(ctx, &out, ledger.NewLedgerClient(conn)))
		require.Equal(t, used, out.String())
	})
}
