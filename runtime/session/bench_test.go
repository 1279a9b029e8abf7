package session_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// stepper drives both ends of a session of Shop from one goroutine, so that no
// goroutine is ever woken: what remains is what the steps cost.
type stepper struct {
	buyer  ShopBuyerOpen
	seller ShopSellerOpen
}

func newStepper(t testing.TB) *stepper {
	conn, srv := session.Pipe()
	sellers, over := make(chan ShopSellerOpen, 1), make(chan struct{})
	RegisterShopSeller(srv, func(ctx context.Context, open ShopSellerOpen) (ShopSellerEnd, error) {
		sellers <- open
		<-over
		return ShopSellerEnd{}, context.Canceled
	})
	buyer, err := OpenShopBuyer(context.Background(), conn)
	require.NoError(t, err)
	added, err := buyer.SendAdd(context.Background(), 1)
	require.NoError(t, err)
	s := &stepper{seller: <-sellers}
	s.answer(added)
	t.Cleanup(func() {
		s.buyer.Abort(nil)
		close(over)
	})
	return s
}

// round is two messages, four steps.
func (s *stepper) round() {
	added, err := s.buyer.SendAdd(context.Background(), 5)
	if err != nil {
		panic(err)
	}
	s.answer(added)
}

func (s *stepper) answer(added ShopBuyerAfterAdd) {
	next, err := MatchShopSellerOpen(context.Background(), s.seller, takeAdd, nil)
	if err != nil {
		panic(err)
	}
	s.seller, err = next.SendAdded(context.Background(), next.total+next.cents)
	if err != nil {
		panic(err)
	}
	if _, s.buyer, err = added.RecvAdded(context.Background()); err != nil {
		panic(err)
	}
}

func takeAdd(b ShopSellerOpenAdd) (ShopSellerAfterAdd, error) { return b.Next, nil }

// streams returns the two ends of a bare stream of a pipe.
func streams(t testing.TB, p *session.Protocol) (dialer, server session.Stream) {
	t.Helper()
	conn, srv := session.Pipe()
	served := make(chan session.Stream, 1)
	srv.Handle(p, func(_ context.Context, s session.Stream) { served <- s })
	dialer, err := conn.OpenStream(context.Background(), p, nil)
	require.NoError(t, err)
	if p.DialerSendsFirst() {
		require.NoError(t, dialer.Send(context.Background(), []byte{0}, false))
		server = <-served
		_, _, err := server.Recv(context.Background())
		require.NoError(t, err)
		return dialer, server
	}
	return dialer, <-served
}

func bareRound(dialer, server session.Stream, message []byte) {
	ctx := context.Background()
	for _, way := range [...]struct{ from, to session.Stream }{{dialer, server}, {server, dialer}} {
		if err := way.from.Send(ctx, message, false); err != nil {
			panic(err)
		}
		if _, _, err := way.to.Recv(ctx); err != nil {
			panic(err)
		}
	}
}

func TestScalarStepsDoNotAllocate(t *testing.T) {
	s := newStepper(t)
	s.round()
	require.Zero(t, testing.AllocsPerRun(1000, s.round))
}

// BenchmarkStep is the cost of one message, sent and received, with a scalar.
// What the steps add is its difference to BenchmarkStream.
func BenchmarkStep(b *testing.B) {
	s := newStepper(b)
	b.ReportAllocs()
	for i := 0; i < b.N; i += 2 {
		s.round()
	}
}

// BenchmarkStream is the same over a bare stream of the same pipe.
func BenchmarkStream(b *testing.B) {
	dialer, server := streams(b, &ShopProtocol)
	message := []byte{0, 8, 5}
	b.ReportAllocs()
	for i := 0; i < b.N; i += 2 {
		bareRound(dialer, server, message)
	}
	dialer.Abort(session.Abort{})
}

// BenchmarkRun is a whole session: opened, three messages, closed at both ends.
func BenchmarkRun(b *testing.B) {
	conn, srv := session.Pipe()
	RegisterShopSeller(srv, sell)
	body, _ := buy()
	b.ReportAllocs()
	for b.Loop() {
		if err := RunShopBuyer(context.Background(), conn, body); err != nil {
			b.Fatal(err)
		}
	}
}
