package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// FileProtocol has places that send nothing:
//
//	protocol File(Client, Server) {
//	    rec Body(left uint32 = 2) {
//	        if left > 0 {
//	            Server -> Client: Chunk()
//	            continue Body(left - 1)
//	        }
//	    }
//	}
var FileProtocol = session.Protocol{
	Name:        "file.File",
	Fingerprint: "5555555555555555555555555555555555555555555555555555555555555555",
	Roles:       [2]string{"Client", "Server"},
	States: []session.State{
		{Name: "Body", If: "left > 0", Then: 1, Else: 2}, {Name: "BodyIfTrue"}, {Name: "End"},
	},
	Messages: []session.Message{{Label: "Chunk", Number: 0, Sender: 1, State: 1, Next: 0}},
}

func TestStepsBehindAnIf(t *testing.T) {
	conn, srv := session.Pipe()
	result := make(chan error, 1)
	session.Register(srv, &FileProtocol, func(ctx context.Context, step session.Step) (_ session.Step, err error) {
		for range 2 {
			if step, err = sendNote(ctx, step); err != nil {
				return session.Step{}, err
			}
		}
		err = step.Close(ctx)
		result <- err
		return step, err
	})
	err := session.Run(t.Context(), conn, &FileProtocol, func(ctx context.Context, step session.Step) (session.Step, error) {
		for range 2 {
			_, err := step.Recv(ctx, 0)
			require.ErrorIs(t, err, session.ErrNoSession, "nothing is received at the if itself")
			step, err = accept(step.Recv(ctx, 1))
			require.NoError(t, err)
		}
		return step, nil
	})
	require.NoError(t, err)
	require.NoError(t, <-result)
}

func TestDialerSendsFirst(t *testing.T) {
	state := func(p session.Protocol) *session.Protocol { return &p }
	require.True(t, ShopProtocol.DialerSendsFirst())
	require.False(t, FileProtocol.DialerSendsFirst())
	require.False(t, state(session.Protocol{States: make([]session.State, 1)}).DialerSendsFirst(), "nothing to send")
	ifs := []session.State{{If: "a", Then: 1, Else: 2}, {If: "b", Then: 3, Else: 4}, {}, {}, {}, {}}
	require.True(t, state(session.Protocol{States: ifs, Messages: []session.Message{
		{State: 2, Next: 5}, {State: 3, Next: 5}, {State: 4, Next: 5},
	}}).DialerSendsFirst())
	require.False(t, state(session.Protocol{States: ifs, Messages: []session.Message{
		{State: 2, Next: 5}, {State: 3, Next: 5}, {State: 4, Next: 5, Sender: 1},
	}}).DialerSendsFirst())
	require.False(t, state(session.Protocol{States: ifs, Messages: []session.Message{
		{State: 2, Next: 5}, {State: 4, Next: 5},
	}}).DialerSendsFirst(), "one side ends at once")
}

// observed is a carrier of a test kit: it keeps which way its sessions go.
type observed struct {
	session.Conn
	session.Registrar
	mu  sync.Mutex
	way []string
}

type observedStream struct {
	session.Stream
	o *observed
}

func (s observedStream) Defer(*session.Protocol, int, int) {}

func (s observedStream) Observe(p *session.Protocol, role, message int) {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.way = append(s.o.way, p.Roles[role]+" "+p.Messages[message].Label)
}

func (s observedStream) Ended(p *session.Protocol, role int, err error) {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.way = append(s.o.way, fmt.Sprintf("%s ended: %v", p.Roles[role], err))
}

func (o *observed) OpenStream(ctx context.Context, p *session.Protocol, note []byte) (session.Stream, error) {
	s, err := o.Conn.OpenStream(ctx, p, note)
	return observedStream{s, o}, err
}

func (o *observed) Handle(p *session.Protocol, serve func(context.Context, session.Stream)) {
	o.Registrar.Handle(p, func(ctx context.Context, s session.Stream) { serve(ctx, observedStream{s, o}) })
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, srv := session.Pipe()
		o := &observed{Conn: conn, Registrar: srv}
		RegisterShopSeller(o, sell)
		body, _ := buy(3)
		require.NoError(t, RunShopBuyer(t.Context(), o, body))
		synctest.Wait()
		require.ElementsMatch(t, []string{
			"Buyer Add", "Seller Add", "Seller Added", "Buyer Added", "Buyer Leave", "Seller Leave", "Seller Gift", "Buyer Gift",
			"Buyer ended: <nil>", "Seller ended: <nil>",
		}, o.way)

		// A body that fails, and one whose peer did.
		o.way = nil
		sulk := errors.New("no money")
		require.ErrorIs(t, RunShopBuyer(t.Context(), o, func(ctx context.Context, open ShopBuyerOpen) (ShopBuyerEnd, error) {
			if _, err := open.SendAdd(ctx, 3); err != nil {
				return ShopBuyerEnd{}, err
			}
			synctest.Wait()
			return ShopBuyerEnd{}, sulk
		}), sulk)
		synctest.Wait()
		require.ElementsMatch(t, []string{
			"Buyer Add", "Seller Add", "Seller Added",
			"Buyer ended: no money", "Seller ended: session: aborted by the peer: the program gave up",
		}, o.way)
	})
}
