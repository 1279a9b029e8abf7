package simnet

import (
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seedFlag  = flag.Uint64("sim.seed", 0, "run simulations with this `seed` alone")
	seedsFlag = flag.Int("sim.seeds", 0, "how many seeds simnet.TestSeeds runs, instead of what the test says")
	traceFlag = flag.Bool("sim.trace", false, "log every event of a simulation")
)

// Test runs f on a network of its own, in virtual time, until f has returned and all sessions and connections
// have ended. It fails the test as soon as an invariant is broken, and at a standstill. f must use the t that
// it is given, as in testing/synctest.Test. Connections that f leaves open are closed; sessions that it leaves
// unfinished are aborted.
func Test(t *testing.T, options Options, f func(t *testing.T, n *Net)) Trace {
	t.Helper()
	if *seedFlag != 0 {
		options.Seed = *seedFlag
	}
	return run(t, t.Name(), options, f)
}

// TestSeeds runs Test with the options for each seed from 1 to count, in parallel on all processors, until one
// fails. Each seed is a subtest, named for example "seed=3". Swarm is a suitable value for options.
func TestSeeds(t *testing.T, count int, options func(seed uint64) Options, f func(t *testing.T, n *Net)) {
	t.Helper()
	name := t.Name()
	one := func(seed uint64) bool {
		return t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { run(t, name, options(seed), f) })
	}
	if *seedFlag != 0 {
		one(*seedFlag)
		return
	}
	if *seedsFlag > 0 {
		count = *seedsFlag
	}
	var last atomic.Uint64 // that is taken
	var failed atomic.Bool
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), count) {
		workers.Go(func() {
			for seed := last.Add(1); seed <= uint64(count) && !failed.Load(); seed = last.Add(1) {
				if !one(seed) {
					failed.Store(true)
				}
			}
		})
	}
	workers.Wait()
}

// run runs one simulation in a bubble. name is the test to run again for the same.
func run(t *testing.T, name string, options Options, f func(t *testing.T, n *Net)) (tr Trace) {
	outside := time.Now().Unix()
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t, options, outside)
		go n.loop()
		returned := false
		defer func() {
			n.shutdown(returned)
			tr = n.trace.Trace
			if t.Failed() {
				n.ends.log(t)
				t.Logf("again: %s\n%s", replay(name, options.Seed), options)
			}
		}()
		f(t, n)
		returned = true
	})
	return tr
}

// replay is the command that runs one seed of a test again.
func replay(name string, seed uint64) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	where := "."
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasSuffix(info.Path, ".test") {
		where = strings.TrimSuffix(info.Path, ".test")
	}
	return fmt.Sprintf("go test %s -run '%s' -sim.seed=%d", where, strings.Join(parts, "/"), seed)
}
