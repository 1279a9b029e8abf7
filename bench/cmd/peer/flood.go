package main

import (
	"context"
	"net"
	"time"

	"github.com/sessgen/sessgen/bench/peers"
	"github.com/sessgen/sessgen/bench/stat"
)

// flood fills one connection of each transport at once.
func flood(transports []string) ([]Result, error) {
	servers := make([]*server, len(transports))
	for i, name := range transports {
		s, err := start(name)
		if err != nil {
			return nil, err
		}
		defer s.stop()
		servers[i] = s
		c, err := dial(name, s.addr)
		if err != nil {
			return nil, err
		}
		if _, err := c.Write([]byte{drains}); err != nil {
			return nil, err
		}
		go func() {
			for b := make([]byte, 64<<10); ; {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}()
	}
	time.Sleep(*warm)
	before, began, used := make([]int64, len(servers)), time.Now(), stat.CPU()
	usedThere := make([]time.Duration, len(servers))
	for i, s := range servers {
		var err error
		if before[i], usedThere[i], err = s.state(); err != nil {
			return nil, err
		}
	}
	time.Sleep(*length)
	results := make([]Result, len(servers))
	elapsed, used := time.Since(began), stat.CPU()-used
	for i, s := range servers {
		bytes, cpu, err := s.state()
		if err != nil {
			return nil, err
		}
		bytes -= before[i]
		results[i] = Result{transports[i], *mode, map[string]float64{
			"MBps":       float64(bytes) / 1e6 / elapsed.Seconds(),
			"client_cpu": used.Seconds() / (float64(bytes) / 1e9),
			"server_cpu": (cpu - usedThere[i]).Seconds() / (float64(bytes) / 1e9),
		}}
	}
	return results, nil
}

func dial(name, addr string) (net.Conn, error) {
	p, err := peers.New(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return p.Dial(ctx, addr)
}
