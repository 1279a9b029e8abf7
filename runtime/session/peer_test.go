package session_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// S26: whatever a peer of its own making sends, the session ends at both ends with
// a *PeerError that names the rule.
func TestS26HostileBuyer(t *testing.T) {
	add := "\x00\x08\x03"
	for _, c := range []struct {
		name     string
		messages []string // then the end mark, if the last one is "."
		want     session.PeerError
		text     string
	}{{
		name: "the other role's label", messages: []string{"\x01\x08\x03"},
		want: session.PeerError{Rule: session.UnexpectedLabel, Label: "Added"},
		text: "session: shop.Shop Buyer broke the protocol at Added: unexpected message",
	}, {
		name: "no label of the protocol", messages: []string{"\x63"},
		want: session.PeerError{Rule: session.UnexpectedLabel, Detail: "the protocol has no label 99"},
		text: "session: shop.Shop Buyer broke the protocol: unexpected message: the protocol has no label 99",
	}, {
		name: "an empty message", messages: []string{""},
		want: session.PeerError{Rule: session.UnexpectedLabel, Detail: "the message begins with no label"},
	}, {
		name: "a label in more bytes than it needs", messages: []string{"\x80\x00\x08\x03"},
		want: session.PeerError{Rule: session.UnexpectedLabel, Detail: "the message begins with no label"},
	}, {
		name: "a wrong wire type", messages: []string{"\x00\x0d\x03\x00\x00\x00"},
		want: session.PeerError{Rule: session.MalformedPayload, Label: "Add", Pos: "shop.sess:7:13", Detail: "field 1: a wire type that is not its own"},
		text: "session: shop.Shop Buyer broke the protocol at Add (shop.sess:7:13): malformed payload: field 1: a wire type that is not its own",
	}, {
		name: "a payload cut short", messages: []string{"\x00\x08"},
		want: session.PeerError{Rule: session.MalformedPayload, Label: "Add", Pos: "shop.sess:7:13", Detail: "field 1: a varint that is cut short or too long"},
	}, {
		name: "rubbish behind the payload", messages: []string{add + "\x07"},
		want: session.PeerError{Rule: session.MalformedPayload, Label: "Add", Pos: "shop.sess:7:13"},
	}, {
		name: "a false predicate", messages: []string{add, "\x00\x08\xe9\x07"},
		want: session.PeerError{
			Rule: session.FalsePredicate, Label: "Add", Where: "0 < cents && cents <= 1000", Pos: "shop.sess:7:13",
			Values: []session.Value{{Name: "cents", Value: int64(1001)}},
		},
		text: "session: shop.Shop Buyer broke the protocol at Add (shop.sess:7:13): " +
			"false predicate: 0 < cents && cents <= 1000 with cents = 1001",
	}, {
		name: "nothing for a predicate that panics on it", messages: []string{"\x02"},
		want: session.PeerError{
			Rule: session.FalsePredicate, Label: "Leave", Where: "100/len(name) >= 5", Pos: "shop.sess:11:13",
			Values: []session.Value{{Name: "name", Value: ""}},
		},
	}, {
		name: "the end mark too early", messages: []string{add, "."},
		want: session.PeerError{Rule: session.EndedEarly},
		text: "session: shop.Shop Buyer broke the protocol: ended early",
	}, {
		name: "a message behind the end", messages: []string{"\x02\x0a\x03ann", add},
		want: session.PeerError{Rule: session.UnexpectedLabel, Label: "Add"},
	}} {
		t.Run(c.name, func(t *testing.T) {
			conn, result := served(sellAndClose)
			hostile, err := conn.OpenStream(t.Context(), &ShopProtocol, nil)
			require.NoError(t, err)
			for _, m := range c.messages {
				if m == "." {
					require.NoError(t, hostile.CloseSend())
				} else {
					require.NoError(t, hostile.Send(t.Context(), []byte(m), false))
				}
			}
			err = <-result
			var got *session.PeerError
			require.ErrorAs(t, err, &got)
			c.want.Protocol, c.want.Role = "shop.Shop", "Buyer"
			if c.want.Detail == "" {
				got.Detail = ""
			}
			require.Equal(t, c.want, *got)
			if c.text != "" {
				require.EqualError(t, err, c.text)
			}
			require.ErrorIs(t, err, net.ErrClosed)

			<-hostile.Context().Done()
			var aborted *session.AbortError
			require.ErrorAs(t, context.Cause(hostile.Context()), &aborted)
			require.True(t, aborted.Remote)
			require.Equal(t, session.Abort{Code: session.AbortCode(c.want.Rule), Reason: c.want.Label}, aborted.Abort)
		})
	}
}

func sellAndClose(ctx context.Context, open ShopSellerOpen) (ShopSellerEnd, error) {
	end, err := sell(ctx, open)
	if err != nil {
		return ShopSellerEnd{}, err
	}
	return end, end.Close(ctx)
}

// The same the other way round, and what the culprit's own session makes of it: a
// buyer that skips its predicates gets the *PeerError too.
func TestS26CulpritLearnsWhatItBroke(t *testing.T) {
	conn, result := served(sell)
	err := session.Run(t.Context(), conn, &ShopProtocol, func(ctx context.Context, step session.Step) (session.Step, error) {
		out, err := step.BeginSend(shopOpenAdd)
		require.NoError(t, err)
		out.Int64(1, 5000)
		next, err := out.Send(ctx)
		require.NoError(t, err)
		_, err = next.Recv(ctx, shopAfterAdd)

		// The body's context ends with the session, for the same reason.
		<-ctx.Done()
		require.Equal(t, err, context.Cause(ctx))
		_, again := next.Recv(ctx, shopAfterAdd)
		require.Equal(t, err, again)
		return session.Step{}, err
	})
	require.EqualError(t, err, "session: the peer says that shop.Shop Buyer broke the protocol at Add (shop.sess:7:13): "+
		"false predicate: 0 < cents && cents <= 1000")
	var peer *session.PeerError
	require.ErrorAs(t, err, &peer)
	require.True(t, peer.Remote)
	require.ErrorIs(t, err, net.ErrClosed)
	require.False(t, peer.Timeout())

	err = <-result
	require.ErrorAs(t, err, &peer)
	require.False(t, peer.Remote)
}

func TestS26HostileSeller(t *testing.T) {
	conn, srv := session.Pipe()
	answers := make(chan string, 1)
	aborts := make(chan error, 1)
	srv.Handle(&ShopProtocol, func(ctx context.Context, s session.Stream) {
		answer := <-answers
		_, _, err := s.Recv(ctx)
		require.NoError(t, err)
		if answer == "." {
			require.NoError(t, s.CloseSend())
		} else {
			require.NoError(t, s.Send(ctx, []byte(answer), false))
		}
		<-s.Context().Done()
		aborts <- context.Cause(s.Context())
	})
	bill := "\x03\x0a"
	for name, c := range map[string]struct {
		answer string
		rule   session.Rule
		detail string
	}{
		"Add, its own":        {"\x00\x08\x01", session.UnexpectedLabel, ""},
		"Added, elsewhere":    {"\x01\x08\x01", session.UnexpectedLabel, ""},
		"end mark":            {".", session.EndedEarly, ""},
		"no such member":      {"\x04\x08\x02", session.MalformedPayload, "field 1: no member of its enumeration"},
		"length beyond":       {bill + "\x05", session.MalformedPayload, "field 1: a length beyond the end"},
		"length of 2^63":      {bill + "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", session.MalformedPayload, "field 1: a length beyond the end"},
		"length of no end":    {bill + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", session.MalformedPayload, "field 1: a varint that is cut short or too long"},
		"text not UTF-8":      {bill + "\x05\x0a\x03\x0a\x01\xff", session.MalformedPayload, "field 1: text that is not UTF-8"},
		"nanoseconds":         {bill + "\x08\x12\x06\x10\x80\x94\xeb\xdc\x03", session.MalformedPayload, "field 2: a time out of range"},
		"field 0":             {"\x03\x02\x00", session.MalformedPayload, "a field number out of range"},
		"group without end":   {"\x03\x13", session.MalformedPayload, "field 2: no value of its wire type"},
		"end of no group":     {"\x03\x14", session.MalformedPayload, "field 2: no value of its wire type"},
		"reserved wire types": {"\x03\x16", session.MalformedPayload, "field 2: no value of its wire type"},
	} {
		t.Run(name, func(t *testing.T) {
			answers <- c.answer
			body, _ := buy()
			err := RunShopBuyer(t.Context(), conn, body)
			var peer *session.PeerError
			require.ErrorAs(t, err, &peer)
			require.Equal(t, "Seller", peer.Role)
			require.Equal(t, c.rule, peer.Rule)
			require.Equal(t, c.detail, peer.Detail)
			var aborted *session.AbortError
			require.ErrorAs(t, <-aborts, &aborted)
			require.Equal(t, session.AbortCode(c.rule), aborted.Code)
		})
	}
}

// The culprit hears of its label, not of values, and only of labels that it could have sent.
func TestAbortByThePeer(t *testing.T) {
	for _, c := range []struct {
		abort session.Abort
		want  string
	}{
		{session.Abort{Code: session.AbortFailed}, "session: aborted by the peer: the program gave up"},
		{session.Abort{Code: session.AbortFailed, Reason: "no \"money\"\n"}, `session: aborted by the peer: the program gave up: "no \"money\"\n"`},
		{session.Abort{Code: session.AbortPanicked}, "session: aborted by the peer: its body panicked"},
		{session.Abort{Code: session.AbortUnfinished}, "session: aborted by the peer: its body returned before the end of the protocol"},
		{session.Abort{Code: session.AbortDropped}, "session: aborted by the peer: its program dropped the session"},
		{session.Abort{Code: session.AbortCanceled}, "session: aborted by the peer: its context ended"},
		{session.Abort{Code: 0x1f}, "session: aborted by the peer: code 0x1f"},
		{session.Abort{Code: 1 << 60}, "session: aborted by the peer: code 0x1000000000000000"},
		{session.Abort{Code: 0x14, Reason: "?"}, "session: the peer says that shop.Shop Buyer broke the protocol: ended early"},
		{session.Abort{Code: 0x11, Reason: "Added"}, "session: the peer says that shop.Shop Buyer broke the protocol: malformed payload"},
		{session.Abort{Code: 0x11, Reason: "Leave"}, "session: the peer says that shop.Shop Buyer broke the protocol at Leave (shop.sess:11:13): malformed payload"},
		{session.Abort{Code: 0x13, Reason: "Add"}, "session: the peer says that shop.Shop Buyer broke the protocol at Add (shop.sess:7:13): too late"},
		{session.Abort{Code: session.AbortMismatch, Reason: "x"}, "session: the peer does not serve shop.Shop (fingerprint " + string(ShopProtocol.Fingerprint) + ")"},
	} {
		conn, srv := session.Pipe()
		srv.Handle(&ShopProtocol, func(_ context.Context, s session.Stream) { s.Abort(c.abort) })
		body, _ := buy(1)
		err := RunShopBuyer(t.Context(), conn, body)
		require.EqualError(t, err, c.want)
		require.ErrorIs(t, err, net.ErrClosed)
	}
}

func TestMismatch(t *testing.T) {
	conn, srv := session.Pipe()
	other := ShopProtocol
	other.Fingerprint = session.Fingerprint(strings.Repeat("2", 64))

	body, _ := buy(1)
	err := RunShopBuyer(t.Context(), conn, body)
	var mismatch *session.MismatchError
	require.ErrorAs(t, err, &mismatch)
	require.Empty(t, mismatch.Served)

	srv.Handle(&other, nil)
	err = RunShopBuyer(t.Context(), conn, body)
	require.ErrorAs(t, err, &mismatch)
	require.Equal(t, session.MismatchError{
		Protocol: "shop.Shop", Fingerprint: ShopProtocol.Fingerprint, Served: []session.Fingerprint{other.Fingerprint},
	}, *mismatch)
	require.EqualError(t, err, "session: the peer serves another shop.Shop: this end has fingerprint "+strings.Repeat("1", 64)+
		", the peer "+strings.Repeat("2", 64)+"; the two programs were generated from different schemas")
	require.ErrorIs(t, err, net.ErrClosed)

	// Two versions are served side by side.
	RegisterShopSeller(srv, sell)
	require.NoError(t, RunShopBuyer(t.Context(), conn, body))
	require.Panics(t, func() { RegisterShopSeller(srv, sell) })
}
