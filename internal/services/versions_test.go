package services_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/internal/services"
	shop1 "github.com/sessgen/sessgen/internal/services/v1"
	shop2 "github.com/sessgen/sessgen/internal/services/v2"
	"github.com/sessgen/sessgen/runtime/rpc"
	"github.com/sessgen/sessgen/runtime/session"
)

type older struct{}

func (older) Price(context.Context, string) (int64, error) { panic("served by the newer one") }
func (older) Buy(context.Context, string) (uint64, error)  { return 1, nil }

type newer struct{}

func (newer) Price(context.Context, string) (int64, error)     { return 5, nil }
func (newer) Stock(context.Context, string) (int, error)       { return 7, nil }
func (newer) Buy(context.Context, string, int) (uint64, error) { return 2, nil }

// TestVersions has clients of two versions of a service on one server. What did not change serves both; an rpc that
// was added breaks nobody, and one that changed is served in both versions.
func TestVersions(t *testing.T) {
	conn, srv := session.Pipe()
	shop2.RegisterShop(srv, newer{})
	old, recent := shop1.NewShopClient(conn), shop2.NewShopClient(conn)

	cents, err := old.Price(t.Context(), "tea")
	require.NoError(t, err)
	require.EqualValues(t, 5, cents)
	count, err := recent.Stock(t.Context(), "tea")
	require.NoError(t, err)
	require.Equal(t, 7, count)

	// The changed one is refused to the older client, and told apart.
	_, err = old.Buy(t.Context(), "tea")
	var mismatch *session.MismatchError
	require.ErrorAs(t, err, &mismatch)
	require.Len(t, mismatch.Served, 1)
	require.Equal(t, rpc.Unimplemented, rpc.CodeOf(err))
	var e *rpc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rpc.ProcessedNo, e.Processed())

	shop1.RegisterShop(srv, older{}, rpc.Only("Buy"))
	id, err := old.Buy(t.Context(), "tea")
	require.NoError(t, err)
	require.EqualValues(t, 1, id)
	id, err = recent.Buy(t.Context(), "tea", 3)
	require.NoError(t, err)
	require.EqualValues(t, 2, id)
}

// TestOnlyNothing: of an empty list of rpcs none is served.
func TestOnlyNothing(t *testing.T) {
	conn, srv := session.Pipe()
	services.RegisterContracts(srv, &server{reply: 1}, rpc.Only())
	_, err := services.NewContractsClient(conn).Divide(t.Context(), 100, 1)
	require.Equal(t, rpc.Unimplemented, rpc.CodeOf(err))
}

// TestOlderServer has a newer client call what an older server does not have.
func TestOlderServer(t *testing.T) {
	conn, srv := session.Pipe()
	shop1.RegisterShop(srv, older{})
	_, err := shop2.NewShopClient(conn).Stock(t.Context(), "tea")
	require.Equal(t, rpc.Unimplemented, rpc.CodeOf(err))
}
