package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/examples/echo/echo"
	"github.com/sessgen/sessgen/runtime/session"
)

// exchange drives both ends of a session in memory from one goroutine, so that no
// goroutine is woken: what remains is what the generated steps cost.
type exchange struct {
	client echo.EchoClientReady
	server echo.EchoServerReady
}

func newExchange(t testing.TB) *exchange {
	conn, srv := session.Pipe()
	servers, over := make(chan echo.EchoServerReady, 1), make(chan struct{})
	echo.RegisterEchoServer(srv, func(ctx context.Context, ready echo.EchoServerStart) (echo.EchoServerEnd, error) {
		servers <- ready
		<-over
		return echo.EchoServerEnd{}, context.Canceled
	})
	client, err := echo.OpenEchoClient(t.Context(), conn)
	require.NoError(t, err)
	said, err := client.SendSay(t.Context(), "carpe")
	require.NoError(t, err)
	x := &exchange{server: <-servers}
	x.answer(said)
	t.Cleanup(func() {
		x.client.Abort(nil)
		close(over)
	})
	return x
}

// round is one exchange: two messages, four steps.
func (x *exchange) round() {
	said, err := x.client.SendSay(context.Background(), "carpe")
	if err != nil {
		panic(err)
	}
	x.answer(said)
}

func (x *exchange) answer(said echo.EchoClientAfterSay) {
	heard, err := echo.MatchEchoServerReady(context.Background(), x.server, takeSay, nil)
	if err != nil {
		panic(err)
	}
	if x.server, err = heard.SendLength(context.Background(), len(heard.Text())); err != nil {
		panic(err)
	}
	if _, x.client, err = said.RecvLength(context.Background()); err != nil {
		panic(err)
	}
}

func takeSay(b echo.EchoServerReadySay) (echo.EchoServerAfterSay, error) { return b.Next, nil }

// The string that arrives is the only thing allocated.
func TestExchangeAllocates(t *testing.T) {
	x := newExchange(t)
	require.LessOrEqual(t, testing.AllocsPerRun(1000, x.round), 1.0)
}

// BenchmarkExchange is an exchange of Echo in memory: four typed steps and two predicates checked at both ends.
func BenchmarkExchange(b *testing.B) {
	x := newExchange(b)
	b.ReportAllocs()
	for b.Loop() {
		x.round()
	}
}
