package codec

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/sessgen/sessgen/bench/codec/feed"
	"github.com/sessgen/sessgen/bench/codec/pb"
	"github.com/sessgen/sessgen/runtime/session"
)

// A run is of our codec as programs use it: a step of a session, on a carrier that does nothing. The runs
// called step are of a message without a payload: what is left is the codec.

// The labels of Feed.
const (
	tick = iota
	measured
	ordered
	loaded
)

var (
	reading = feed.Reading{
		Sensor: 4711, Sequence: 1_234_567_890, Celsius: 21.5, Humidity: 0.43, Delta: -12, Valid: true, Level: feed.LevelWarning, At: 1_700_000_000_123,
	}
	order = feed.Order{
		ID:       "2024-000-4711",
		Customer: feed.Customer{Name: "Ada Lovelace", Email: "ada@example.com", Street: "12 St James's Square", City: "London", Country: "GB"},
		Note:     "ring twice; leave with the neighbour if nobody opens the door",
		Tags:     []string{"gift", "express", "fragile"},
		Placed:   time.Date(2024, 2, 29, 12, 0, 0, 5000, time.UTC),
	}
	bulk = feed.Bulk{
		Counts: map[string]int64{}, Names: map[uint64]string{}, Payload: bytes.Repeat([]byte("payload."), 512),
	}
)

func init() {
	for i := range 12 {
		order.Lines = append(order.Lines, feed.OrderLine{
			SKU: fmt.Sprintf("SKU-%05d", 37*i), Title: "Analytical Engine, spare cogwheel, brass", Quantity: int32(i + 1), Cents: int64(1999 * i),
		})
	}
	for i := range 1000 {
		bulk.IDs = append(bulk.IDs, uint64(i)*uint64(i)*977)
		bulk.Deltas = append(bulk.Deltas, int64(i%200))
		bulk.Values = append(bulk.Values, float64(i)/7)
		bulk.Flags = append(bulk.Flags, i%3 == 0)
	}
	for i := range 50 {
		bulk.Counts[fmt.Sprintf("counter-%d", i)] = int64(i * i)
		bulk.Names[uint64(i)] = fmt.Sprintf("name of %d", i)
	}
}

// carrier is the conn and the stream of one session: what it receives is always in.
type carrier struct {
	session.Stream
	in, out []byte
}

func (c *carrier) OpenStream(context.Context, *session.Protocol, []byte) (session.Stream, error) {
	return c, nil
}
func (c *carrier) Recv(context.Context) ([]byte, time.Time, error) { return c.in, time.Time{}, nil }
func (c *carrier) Send(_ context.Context, message []byte, _ bool) error {
	c.out = message
	return nil
}
func (c *carrier) Abort(session.Abort)      {}
func (c *carrier) Context() context.Context { return context.Background() }

// one is a payload, and what sends and receives it.
type one struct {
	name  string
	label byte
	send  func(ctx context.Context, s feed.FeedAOut) (feed.FeedAOut, error)
	pb    interface {
		proto.Message
		SizeVT() int
		MarshalToSizedBufferVT([]byte) (int, error)
		UnmarshalVT([]byte) error
	}
	fresh func() message
}

type message = interface {
	proto.Message
	UnmarshalVT([]byte) error
}

func payloads(tb testing.TB) []one {
	all := []one{
		{
			"Reading", measured, func(ctx context.Context, s feed.FeedAOut) (feed.FeedAOut, error) { return s.SendMeasured(ctx, reading) },
			new(pb.Feed_Measured), func() message { return new(pb.Feed_Measured) },
		},
		{
			"Order", ordered, func(ctx context.Context, s feed.FeedAOut) (feed.FeedAOut, error) { return s.SendOrdered(ctx, order) },
			new(pb.Feed_Ordered), func() message { return new(pb.Feed_Ordered) },
		},
		{
			"Bulk", loaded, func(ctx context.Context, s feed.FeedAOut) (feed.FeedAOut, error) { return s.SendLoaded(ctx, bulk) },
			new(pb.Feed_Loaded), func() message { return new(pb.Feed_Loaded) },
		},
	}
	for _, p := range all {
		if err := proto.Unmarshal(encoded(tb, p)[1:], p.pb); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// encoded is the message as we send it.
func encoded(tb testing.TB, p one) []byte {
	c := &carrier{}
	s, err := feed.OpenFeedA(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := p.send(tb.Context(), s); err != nil {
		tb.Fatal(err)
	}
	return bytes.Clone(c.out)
}

// TestSameBytes: all three codecs make the same bytes, and so the same number of them.
func TestSameBytes(t *testing.T) {
	for _, p := range payloads(t) {
		ours := encoded(t, p)[1:]
		theirs, err := proto.MarshalOptions{Deterministic: true}.Marshal(p.pb)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, theirs) {
			t.Fatalf("%s:\n%x\n%x", p.name, ours, theirs)
		}
		t.Logf("%s: %d bytes", p.name, len(ours))
	}
}

func BenchmarkEncode(b *testing.B) {
	ctx := context.Background()
	for _, p := range payloads(b) {
		size := int64(len(encoded(b, p)) - 1)
		run := func(name string, send func(context.Context, feed.FeedAOut) (feed.FeedAOut, error)) {
			b.Run(p.name+"/"+name, func(b *testing.B) {
				s, err := feed.OpenFeedA(ctx, &carrier{})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(size)
				b.ReportAllocs()
				for b.Loop() {
					if s, err = send(ctx, s); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("sessgen", p.send)
		run("step", func(ctx context.Context, s feed.FeedAOut) (feed.FeedAOut, error) { return s.SendTick(ctx) })
		b.Run(p.name+"/protobuf", func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			var buf []byte
			var err error
			for b.Loop() {
				if buf, err = (proto.MarshalOptions{}).MarshalAppend(buf[:0], p.pb); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(p.name+"/vtprotobuf", func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			buf := make([]byte, size)
			for b.Loop() {
				if _, err := p.pb.MarshalToSizedBufferVT(buf[:p.pb.SizeVT()]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Where what was decoded goes.
var (
	gotReading feed.Reading
	gotOrder   feed.Order
	gotBulk    feed.Bulk
)

func receive(ctx context.Context, s feed.FeedAIn) (feed.FeedAIn, error) {
	return feed.MatchFeedAIn(ctx, s,
		func(m feed.FeedAInTick) (feed.FeedAIn, error) { return m.Next, nil },
		func(m feed.FeedAInMeasured) (feed.FeedAIn, error) { gotReading = m.V; return m.Next, nil },
		func(m feed.FeedAInOrdered) (feed.FeedAIn, error) { gotOrder = m.V; return m.Next, nil },
		func(m feed.FeedAInLoaded) (feed.FeedAIn, error) { gotBulk = m.V; return m.Next, nil },
		func(m feed.FeedAInStop) (feed.FeedAIn, error) { panic("stop") },
	)
}

func BenchmarkDecode(b *testing.B) {
	ctx := context.Background()
	for _, p := range payloads(b) {
		message := encoded(b, p)
		run := func(name string, in []byte) {
			b.Run(p.name+"/"+name, func(b *testing.B) {
				s, err := feed.OpenFeedA(ctx, &carrier{in: in})
				if err != nil {
					b.Fatal(err)
				}
				got, err := s.SendTurn(ctx)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(message) - 1))
				b.ReportAllocs()
				for b.Loop() {
					if got, err = receive(ctx, got); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("sessgen", message)
		run("step", []byte{tick})
		b.Run(p.name+"/protobuf", func(b *testing.B) {
			b.SetBytes(int64(len(message) - 1))
			b.ReportAllocs()
			for b.Loop() {
				if err := proto.Unmarshal(message[1:], p.fresh()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(p.name+"/vtprotobuf", func(b *testing.B) {
			b.SetBytes(int64(len(message) - 1))
			b.ReportAllocs()
			for b.Loop() {
				if err := p.fresh().UnmarshalVT(message[1:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
