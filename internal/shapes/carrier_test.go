package shapes

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/sessgen/sessgen/runtime/session"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // it says of many sessions that they were dropped
	os.Exit(m.Run())
}

// carrier is the conn and the stream of one session: in is what it receives next, out what was sent last.
type carrier struct {
	session.Stream
	in, out []byte
}

func (c *carrier) OpenStream(context.Context, *session.Protocol, []byte) (session.Stream, error) {
	return c, nil
}

func (c *carrier) Recv(context.Context) ([]byte, time.Time, error) { return c.in, time.Time{}, nil }

func (c *carrier) Send(_ context.Context, message []byte, _ bool) error {
	c.out = append(c.out[:0], message...)
	return nil
}

func (c *carrier) Abort(session.Abort)      {}
func (c *carrier) Context() context.Context { return context.Background() }

// decodeAll has the generated code read a payload.
func decodeAll(payload []byte) (All, WholeAAfterPut, error) {
	ctx := context.Background()
	start, err := OpenWholeA(ctx, &carrier{in: append([]byte{0}, payload...)})
	if err != nil {
		return All{}, WholeAAfterPut{}, err
	}
	return start.RecvPut(ctx)
}

// encodeAll has it write one.
func encodeAll(v All) ([]byte, error) {
	ctx := context.Background()
	c := &carrier{in: []byte("\x00\x0a\x07\x32\x05\x0a\x03\xa2\x06\x00")} // whose Figure is there
	start, err := OpenWholeA(ctx, c)
	if err != nil {
		return nil, err
	}
	_, next, err := start.RecvPut(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := next.SendGot(ctx, v); err != nil {
		return nil, err
	}
	return c.out[1:], nil
}

// loose are the payloads of Loose.
type loose struct {
	s      Scalars
	shape  Shape
	tree   *Tree
	ints   []int
	points []Point
	shapes []Shape
	byName map[string]Figure
	text   string
	at     time.Time
	took   time.Duration
	color  Color
	addr   Addr
	word   *Word
	flag   *bool
	floats []float32
}

// again decodes a payload of Loose, and encodes what it got.
func again(payload []byte) (v loose, encoded []byte, err error) {
	ctx := context.Background()
	c := &carrier{in: append([]byte{0}, payload...)}
	start, err := OpenLooseA(ctx, c)
	if err != nil {
		return v, nil, err
	}
	var next LooseAAfterPut
	v.s, v.shape, v.tree, v.ints, v.points, v.shapes, v.byName, v.text, v.at, v.took, v.color, v.addr, v.word, v.flag, v.floats, next, err = start.RecvPut(ctx)
	if err != nil {
		return v, nil, err
	}
	_, err = next.SendGot(ctx, v.s, v.shape, v.tree, v.ints, v.points, v.shapes, v.byName, v.text, v.at, v.took, v.color, v.addr, v.word, v.flag, v.floats)
	if err != nil {
		return v, nil, err
	}
	return v, c.out[1:], nil
}
