package channel_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sessgen/sessgen/runtime/channel"
	"github.com/sessgen/sessgen/runtime/transport"
)

// A listener that answers each text with its length.
func ExampleListen() {
	ctx := context.Background()
	l, err := channel.Listen("127.0.0.1:0", channel.Int, channel.String, transport.WithPlaintext())
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		c, err := l.Accept(ctx)
		for err == nil {
			var text string
			if text, err = c.Recv(ctx); err == nil {
				err = c.Send(ctx, len(text))
			}
		}
		if err == io.EOF {
			err = c.Close(ctx)
		}
		if err != nil {
			fmt.Println(err)
		}
	}()

	c, err := channel.Dial(ctx, l.Addr().String(), channel.String, channel.Int, transport.WithPlaintext())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"six", "times", "seven"} {
		if err := c.Send(ctx, text); err != nil {
			fmt.Println(err)
			return
		}
		n, err := c.Recv(ctx)
		fmt.Println(n, err)
	}
	fmt.Println(c.Close(ctx), l.Close(ctx))
	// Output:
	// 3 <nil>
	// 5 <nil>
	// 5 <nil>
	// <nil> <nil>
}

// A channel in memory has the same methods: what is written for a network can be tried without one.
func ExamplePipe() {
	ctx := context.Background()
	a, b := channel.Pipe[int, string]()
	_ = a.Send(ctx, 42)
	n, _ := b.Recv(ctx)
	_ = b.Send(ctx, fmt.Sprintf("%d it is", n))
	text, _ := a.Recv(ctx)
	fmt.Println(text)
	// Output: 42 it is
}

// What is sent may be either of two things, each made of others.
func ExampleSumOf() {
	type reading = channel.Pair[time.Time, float64]
	sensor := channel.SumOf(
		channel.PairOf(channel.Binary[time.Time](), channel.Float64), // a reading
		channel.String, // or what went wrong
	)
	values := []channel.Sum[reading, string]{
		channel.Left[reading, string](reading{First: time.Unix(0, 0).UTC(), Second: 21.5}),
		channel.Right[reading]("no power"),
	}
	for _, v := range values {
		b, err := sensor.Append(nil, v)
		fmt.Println(len(b), err)
	}
	// Output:
	// 25 <nil>
	// 10 <nil>
}

// celsius travels as hundredths of a degree.
type celsius float64

// celsiusSerializer is a serializer of one's own: three methods.
type celsiusSerializer struct{}

func (celsiusSerializer) Encoding() string { return "celsius" }

func (celsiusSerializer) Append(b []byte, v celsius) ([]byte, error) {
	return channel.Int.Append(b, int(v*100))
}

func (celsiusSerializer) Decode(b []byte) (celsius, []byte, error) {
	n, rest, err := channel.Int.Decode(b)
	return celsius(n) / 100, rest, err
}

func ExampleSerializer() {
	b, _ := channel.ListOf(celsiusSerializer{}).Append(nil, []celsius{21.5, -3})
	list, rest, err := channel.ListOf(celsiusSerializer{}).Decode(b)
	fmt.Println(list, len(rest), err)
	// Output: [21.5 -3] 0 <nil>
}
