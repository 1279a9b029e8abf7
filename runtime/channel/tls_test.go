package channel_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/channel"
	"github.com/sessgen/sessgen/runtime/transport"
)

// TestTLS has a channel under TLS, ended in good order from both ends.
func TestTLS(t *testing.T) {
	server, client, err := transport.DevTLS()
	require.NoError(t, err)
	l, err := channel.Listen("127.0.0.1:0", channel.Int, channel.String, transport.WithTLS(server))
	require.NoError(t, err)
	c, err := channel.Dial(bounded(t), l.Addr().String(), channel.String, channel.Int, transport.WithTLS(client))
	require.NoError(t, err)
	b, err := l.Accept(bounded(t))
	require.NoError(t, err)
	for i := range 100 {
		require.NoError(t, c.Send(bounded(t), string(make([]byte, 100*i))))
		text, err := b.Recv(bounded(t))
		require.NoError(t, err)
		require.NoError(t, b.Send(bounded(t), len(text)))
		n, err := c.Recv(bounded(t))
		require.NoError(t, err)
		require.Equal(t, 100*i, n)
	}
	require.NoError(t, c.CloseSend())
	_, err = b.Recv(bounded(t))
	require.Equal(t, io.EOF, err)
	require.NoError(t, closeTogether(t, c, b))
	require.NoError(t, l.Close(bounded(t)))
}

func closeTogether(t *testing.T, a *channel.Chan[string, int], b *channel.Chan[int, string]) error {
	t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- a.Close(bounded(t)) }()
	if err := b.Close(bounded(t)); err != nil {
		return err
	}
	return <-closed
}
