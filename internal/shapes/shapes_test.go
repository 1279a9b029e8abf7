package shapes

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

func TestFull(t *testing.T) {
	want := full()
	b, err := encodeAll(want)
	require.NoError(t, err)
	got, next, err := decodeAll(b)
	require.NoError(t, err)
	next.Abort(nil)
	require.True(t, proto.Equal(want.Scalars.Stamp, got.Scalars.Stamp))
	again, err := encodeAll(got)
	require.NoError(t, err)
	require.Equal(t, b, again)
	// What proto.Equal says of messages, Equal cannot.
	for _, v := range []*All{&want, &got} {
		v.Scalars.Stamp, v.Lists.Words, v.Maps.Words = nil, nil, nil
	}
	require.Equal(t, want, got)
}
