package session_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// FuzzEndpoint lets a peer say anything, in either role, to an honest body of
// Shop. The body's session finishes, or ends with a *PeerError; nothing panics and
// nothing waits for ever.
func FuzzEndpoint(f *testing.F) {
	f.Add([]byte("\x00" + "\x03\x00\x08\x05" + "\x03\x00\x08\x06" + "\x06\x02\x0a\x03ann"))
	f.Add([]byte("\x00" + "\x05\x02\x0a\x03ann" + "\x00"))
	f.Add([]byte("\x01" + "\x03\x01\x08\x05" + "\x03\x01\x08\x0b" + "\x0d\x03\x0a\x09\x0a\x05\x0a\x03ann\x10\x0b"))
	f.Add([]byte("\x01" + "\x03\x01\x08\x05" + "\x03\x01\x08\x0b" + "\x03\x04\x08\x01"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 {
			return
		}
		asSeller, script := script[0]%2 == 1, script[1:]
		hostile := func(s session.Stream) {
			for len(script) > 0 {
				n := min(int(script[0]), len(script)-1)
				if s.Send(context.Background(), script[1:1+n], false) != nil {
					return
				}
				script = script[1+n:]
			}
			_ = s.CloseSend()
			_ = s.Close(context.Background())
		}
		var err error
		if asSeller {
			conn, srv := session.Pipe()
			done := make(chan struct{})
			srv.Handle(&ShopProtocol, func(_ context.Context, s session.Stream) {
				defer close(done)
				hostile(drained{s})
			})
			body, _ := buy(5, 6)
			err = RunShopBuyer(context.Background(), conn, body)
			<-done
		} else {
			conn, result := served(sellAndClose)
			s, openErr := conn.OpenStream(context.Background(), &ShopProtocol, nil)
			require.NoError(t, openErr)
			hostile(drained{s})
			err = <-result
		}
		if err != nil && !errors.As(err, new(*session.PeerError)) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}

// drained is a stream that throws away what comes before it closes.
type drained struct{ session.Stream }

func (d drained) Close(ctx context.Context) error {
	for {
		if _, _, err := d.Recv(ctx); err != nil {
			return d.Stream.Close(ctx)
		}
	}
}
