package main

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/sessgen/sessgen/bench/peers"
	"github.com/sessgen/sessgen/bench/stat"
)

// rounds is how many round trips a connection makes before it is measured.
const rounds = 3

// echo sends a message on each of par connections and wants it back, again and again.
func echo(name string) ([]Result, error) {
	s, err := start(name)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	p, err := peers.New(name)
	if err != nil {
		return nil, err
	}
	conns := make([]net.Conn, *par)
	for i := range conns {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		conns[i], err = p.Dial(ctx, s.addr)
		cancel()
		if err != nil {
			return nil, err
		}
	}
	type outcome struct {
		times []time.Duration
		err   error
	}
	outcomes := make(chan outcome)
	for _, c := range conns {
		go func() {
			times, err := roundTrips(c)
			outcomes <- outcome{times, err}
		}()
	}
	var all []time.Duration
	for range conns {
		o := <-outcomes
		if o.err != nil {
			return nil, o.err
		}
		all = append(all, o.times...)
	}
	at := func(q float64) float64 { return float64(stat.Quantile(all, q)) / float64(time.Millisecond) }
	return []Result{{name, *mode, map[string]float64{
		"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": at(1), "n": float64(len(all)),
	}}}, nil
}

func roundTrips(c net.Conn) (times []time.Duration, err error) {
	if _, err := c.Write([]byte{echoes}); err != nil {
		return nil, err
	}
	b := make([]byte, *size)
	round := func() error {
		if _, err := c.Write(b); err != nil {
			return err
		}
		_, err := io.ReadFull(c, b)
		return err
	}
	for range rounds {
		if err := round(); err != nil {
			return nil, err
		}
	}
	for end := time.Now().Add(*length); time.Now().Before(end); {
		began := time.Now()
		if err := round(); err != nil {
			return nil, err
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}
