package shapes

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sessgen/sessgen/runtime/session"
)

// TestPointerToAMember: a pointer to a member of a union compiles as one, and the error says what is wrong with it.
func TestPointerToAMember(t *testing.T) {
	for _, shape := range []Shape{&Circle{}, nil} {
		conn, srv := session.Pipe()
		RegisterKeptB(srv, nil)
		s, err := OpenKeptA(t.Context(), conn)
		require.NoError(t, err)
		_, err = s.SendSay(t.Context(), time.Time{}, nil, Addr{}, shape, nil)
		var encoding *session.EncodeError
		require.ErrorAs(t, err, &encoding)
		require.ErrorContains(t, err, "neither nil nor a pointer is one, a value of Circle")
		s.Abort(nil)
	}
}
