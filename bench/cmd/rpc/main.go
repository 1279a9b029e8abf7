// Command rpc measures unary echo of RPC libraries, the server in a process of its own: the time of a call with one caller,
// calls a second with many, CPU time, and what an idle client weighs.
//
//	go build -o /tmp/rpc ./cmd/rpc && /tmp/rpc
//
// Rows are interleaved: every library once, then again. What is printed is the median of the rounds, with the least and the most.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sessgen/sessgen/bench/rpcs"
	"github.com/sessgen/sessgen/bench/stat"
)

var (
	libs    = flag.String("lib", strings.Join(defaults(), ","), "libraries, each plain or with +tls")
	callers = flag.String("c", "1,16,128", "how many callers")
	length  = flag.Duration("d", time.Second, "how long a run lasts")
	rounds  = flag.Int("n", 5, "how many rounds")
	size    = flag.Int("size", 64, "bytes of the payload")
	clients = flag.Int("idle", 200, "idle clients that are weighed; 0: none")
	profile = flag.String("profile", "", "write CPU profiles of both processes into this folder, a pair for each row of the last round")
	server  = flag.String("serve", "", "serve this library (used by the program itself)")
	served  = flag.Int("for", 0, "how many callers it is served for (used by the program itself)")
)

func defaults() (all []string) {
	for _, lib := range rpcs.Libs {
		all = append(all, lib+"+tls", lib)
	}
	return all
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// row is what one line of the result is about.
type row struct {
	lib     string
	callers int
}

func run() error {
	if *server != "" {
		return serve(row{*server, *served})
	}
	var rows []row
	for _, lib := range strings.Split(*libs, ",") {
		for _, c := range strings.Split(*callers, ",") {
			n, err := strconv.Atoi(c)
			if err != nil {
				return err
			}
			rows = append(rows, row{lib, n})
		}
	}
	results := make(map[row][]result)
	for range *rounds {
		for _, r := range rows {
			got, err := measure(r)
			if err != nil {
				return fmt.Errorf("%s with %d callers: %w", r.lib, r.callers, err)
			}
			results[r] = append(results[r], got)
		}
	}
	for _, r := range rows {
		fmt.Printf("%-18s callers %-4d %s\n", r.lib, r.callers, summary(results[r]))
	}
	if *clients == 0 {
		return nil
	}
	for _, lib := range strings.Split(*libs, ",") {
		if err := weigh(lib); err != nil {
			return fmt.Errorf("%s idle: %w", lib, err)
		}
	}
	return nil
}

// result is one run: calls a second, and microseconds.
type result struct{ rate, p50, p99, cpu float64 }

func summary(runs []result) string {
	of := func(format string, f func(result) float64) string {
		var v []float64
		for _, r := range runs {
			v = append(v, f(r))
		}
		return fmt.Sprintf(strings.ReplaceAll("% (% to %)", "%", format), stat.Median(v), slices.Min(v), slices.Max(v))
	}
	return fmt.Sprintf("%s calls/s  p50 %s us  p99 %s us  cpu %s us/call",
		of("%.0f", func(r result) float64 { return r.rate }), of("%.0f", func(r result) float64 { return r.p50 }),
		of("%.0f", func(r result) float64 { return r.p99 }), of("%.1f", func(r result) float64 { return r.cpu }))
}

// measure makes calls for a while, by so many callers over one client.
func measure(of row) (result, error) {
	stopProfile, err := startProfile(of, "client")
	if err != nil {
		return result{}, err
	}
	defer stopProfile()
	r, err := start(of)
	if err != nil {
		return result{}, err
	}
	defer r.stop()
	call, hangUp, err := r.dial(of.lib)
	if err != nil {
		return result{}, err
	}
	defer hangUp()
	ctx := context.Background()
	for range 200 {
		if n, err := call(ctx, make([]byte, *size)); err != nil || n != *size {
			return result{}, fmt.Errorf("%d bytes came back: %w", n, err)
		}
	}
	var (
		mu     sync.Mutex
		took   []time.Duration
		failed error
		all    sync.WaitGroup
	)
	used := stat.CPU() + r.cpu()
	begun := time.Now()
	for range of.callers {
		all.Go(func() {
			payload := make([]byte, *size)
			mine := make([]time.Duration, 0, 1<<14)
			var err error
			for at := time.Now(); at.Sub(begun) < *length; at = time.Now() {
				if _, err = call(ctx, payload); err != nil {
					break
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			took = append(took, mine...)
			failed = errors.Join(failed, err)
			mu.Unlock()
		})
	}
	all.Wait()
	elapsed := time.Since(begun)
	used = stat.CPU() + r.cpu() - used
	n := float64(len(took))
	us := func(d time.Duration) float64 { return float64(d) / 1e3 }
	return result{
		rate: n / elapsed.Seconds(), cpu: us(used) / n,
		p50: us(stat.Quantile(took, .5)), p99: us(stat.Quantile(took, .99)),
	}, failed
}

// weigh prints what idle clients take in this process, each of which has made one call.
func weigh(lib string) error {
	r, err := start(row{lib: lib})
	if err != nil {
		return err
	}
	defer r.stop()
	one := func() (func(), error) {
		call, hangUp, err := r.dial(lib)
		if err == nil {
			_, err = call(context.Background(), make([]byte, *size))
		}
		return hangUp, err
	}
	first, err := one() // what all share
	if err != nil {
		return err
	}
	defer first()
	heap, rss := weight()
	goroutines := runtime.NumGoroutine()
	for range *clients {
		hangUp, err := one()
		if err != nil {
			return err
		}
		defer hangUp()
	}
	time.Sleep(7 * time.Second) // until what only a handshake needs is gone
	heapNow, rssNow := weight()
	n := *clients
	fmt.Printf("%-18s idle client: heap and stacks %d B, resident %d B, goroutines %.1f (mean of %d)\n",
		lib, (heapNow-heap)/n, (rssNow-rss)/n, float64(runtime.NumGoroutine()-goroutines)/float64(n), n)
	return nil
}

// weight is the live heap with stacks, and the resident memory, in bytes.
func weight() (heap, rss int) {
	debug.FreeOSMemory()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	statm, _ := os.ReadFile("/proc/self/statm")
	if fields := strings.Fields(string(statm)); len(fields) > 1 {
		rss, _ = strconv.Atoi(fields[1])
	}
	return int(m.HeapAlloc + m.StackInuse), rss * os.Getpagesize()
}
