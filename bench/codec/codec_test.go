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
	"github.com/sessgen/sessgen/bench/stat"
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
	if s, err = p.send(tb.Context(), s); err != nil {
		tb.Fatal(err)
	}
	s.Abort(nil)
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
		b.Run(p.name, func(b *testing.B) {
			sender := func(send func(context.Context, feed.FeedAOut) (feed.FeedAOut, error)) func() error {
				s, err := feed.OpenFeedA(ctx, &carrier{})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { s.Abort(nil) })
				return func() error {
					s, err = send(ctx, s)
					return err
				}
			}
			var buf []byte
			sized := make([]byte, proto.Size(p.pb))
			compare(b, []way{
				{"sessgen", sender(p.send)},
				{"step", sender(func(ctx context.Context, s feed.FeedAOut) (feed.FeedAOut, error) { return s.SendTick(ctx) })},
				{"protobuf", func() (err error) {
					buf, err = proto.MarshalOptions{}.MarshalAppend(buf[:0], p.pb)
					return err
				}},
				{"vtprotobuf", func() error {
					_, err := p.pb.MarshalToSizedBufferVT(sized[:p.pb.SizeVT()])
					return err
				}},
			})
		})
	}
}

// way is one of the ways to do the same.
type way struct {
	name string
	do   func() error
}

// turn is how long a way is at it before the next one's turn comes, about.
const turn = 50 * time.Microsecond

// compare lets the ways take turns, so that all see the same machine, and reports the lower quartile of each one's turns.
func compare(b *testing.B, ways []way) {
	took := make([][]time.Duration, len(ways))
	times := make([]int, len(ways)) // a turn
	for i, w := range ways {
		for range 100 {
			began := time.Now()
			if err := w.do(); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(began))
		}
		times[i] = 1 + int(turn/(1+stat.Quantile(took[i], 0.25)))
		took[i] = nil
	}
	for range max(100, b.N/times[0]) {
		for i, w := range ways {
			began := time.Now()
			for range times[i] {
				if err := w.do(); err != nil {
					b.Fatal(err)
				}
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	each := map[string]float64{}
	for i, w := range ways {
		each[w.name] = float64(stat.Quantile(took[i], 0.25)) / float64(times[i])
		b.ReportMetric(each[w.name], w.name+"-ns")
		b.ReportMetric(testing.AllocsPerRun(10, func() { _ = w.do() }), w.name+"-allocs")
	}
	b.ReportMetric(each["protobuf"]/each["sessgen"], "protobuf/ours")
	b.ReportMetric(each["protobuf"]/(each["sessgen"]-each["step"]), "protobuf/codec")
	b.ReportMetric(0, "ns/op") // of all of them together
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
		b.Run(p.name, func(b *testing.B) {
			message := encoded(b, p)
			receiver := func(in []byte) func() error {
				s, err := feed.OpenFeedA(ctx, &carrier{in: in})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { s.Abort(nil) })
				got, err := s.SendTurn(ctx)
				if err != nil {
					b.Fatal(err)
				}
				return func() error {
					got, err = receive(ctx, got)
					return err
				}
			}
			compare(b, []way{
				{"sessgen", receiver(message)},
				{"step", receiver([]byte{tick})},
				{"protobuf", func() error { return proto.Unmarshal(message[1:], p.fresh()) }},
				{"vtprotobuf", func() error { return p.fresh().UnmarshalVT(message[1:]) }},
			})
		})
	}
}
