package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seedFlag  = flag.Uint64("sim.seed", 0, "run the simulation of this `seed` alone, and tell what happens")
	fromFlag  = flag.Uint64("sim.from", 1, "the first `seed` of TestSwarm")
	seedsFlag = flag.Int("sim.seeds", 1500, "how many `seeds` TestSwarm runs")
	linesFlag = flag.Int("sim.lines", 60, "how many `lines` are shown of what led to a failure")
)

// TestSwarm runs seeds. The first one that fails is made smaller, and told how to run again.
func TestSwarm(t *testing.T) {
	if *seedFlag != 0 {
		tell(t, Draw(*seedFlag))
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // the heap is small, and most of it is garbage
	var next, broken atomic.Uint64
	next.Store(*fromFlag)
	end := *fromFlag + uint64(*seedsFlag)
	begun, burnt := time.Now(), cpuTime()
	var total Outcome
	var mu sync.Mutex
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			var sum Outcome
			for seed := next.Add(1) - 1; seed < end && broken.Load() == 0; seed = next.Add(1) - 1 {
				out := Run(Draw(seed))
				if out.Failure != nil {
					broken.CompareAndSwap(0, seed)
					return
				}
				sum.add(out)
			}
			mu.Lock()
			defer mu.Unlock()
			total.add(sum)
		})
	}
	group.Wait()
	if seed := broken.Load(); seed != 0 {
		tell(t, Draw(seed))
		return
	}
	t.Logf("%d seeds in %v, %.0f a second of processor time: %v", *seedsFlag, time.Since(begun).Round(time.Millisecond),
		float64(*seedsFlag)/(cpuTime()-burnt).Seconds(), total)
}

// cpuTime is how much processor time the process has had.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (o *Outcome) add(p Outcome) {
	o.Elapsed += p.Elapsed
	o.Datagrams += p.Datagrams
	o.Lost += p.Lost
	o.Forged += p.Forged
	o.Sessions += p.Sessions
	o.Finished += p.Finished
	o.Messages += p.Messages
	o.Connections += p.Connections
	o.Connected += p.Connected
}

func (o Outcome) String() string {
	return fmt.Sprintf("%v of virtual time, %d datagrams (%d lost, %d forged), %d of %d connections up, %d of %d sessions finished, %d messages",
		o.Elapsed.Round(time.Second), o.Datagrams, o.Lost, o.Forged, o.Connected, o.Connections, o.Finished, o.Sessions, o.Messages)
}

// smallerRuns bounds the runs that make a failing one smaller.
const smallerRuns = 1500

// tell runs the options and fails the test if the run does: with the command that runs them again, what led there,
// and smaller options that fail too, fit for testdata/seeds.
func tell(t *testing.T, o Options) {
	t.Helper()
	out, story := Trace(o)
	if out.Failure == nil {
		t.Logf("%s\n%v", o, out)
		return
	}
	smaller := Smaller(o, smallerRuns)
	less, last := Trace(smaller)
	t.Errorf("again: go test github.com/sessgen/sessgen/runtime/internal/sim -run '^TestSwarm$' -sim.seed=%d\n%s\n%v\n%s\n\nsmaller: %s\n%v\n%s",
		o.Seed, o, out.Failure, tail(story), smaller, less.Failure, tail(last))
}

func tail(lines []string) string {
	return strings.Join(lines[max(0, len(lines)-*linesFlag):], "\n")
}

// TestKeptSeeds runs what failed once: the options in testdata/seeds, each beside a line that says what was wrong.
func TestKeptSeeds(t *testing.T) {
	files, err := filepath.Glob("testdata/seeds/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			var kept struct {
				Was     string
				Options Options
			}
			require.NoError(t, json.Unmarshal(data, &kept))
			require.NotEmpty(t, kept.Was)
			if kept.Options.Lane == TLS {
				useTLS(t)
			}
			tell(t, kept.Options)
		})
	}
}

// Every run of the same options is the same run, and those of another seed are another one.
func TestSameOptionsSameTrace(t *testing.T) {
	hashes := map[uint64]bool{}
	for seed := range uint64(200) {
		first := Run(Draw(seed))
		require.NoError(t, first.Failure)
		again, _ := Trace(Draw(seed))
		again.log, first.log = nil, nil
		require.Equal(t, first, again, "seed %d", seed)
		hashes[first.Hash] = true
	}
	require.Len(t, hashes, 200)
}

// Options come back from JSON as they were.
func TestOptionsAsText(t *testing.T) {
	for seed := range uint64(200) {
		var o Options
		require.NoError(t, json.Unmarshal([]byte(Draw(seed).String()), &o))
		require.Equal(t, Draw(seed), o)
	}
}

// What a swarm is drawn of: each kind of fault is there, and none is everywhere.
func TestSwarmHasEveryFault(t *testing.T) {
	const seeds = 4000
	seen := map[string]int{}
	note := func(what string, there bool) {
		if there {
			seen[what]++
		}
	}
	for seed := range uint64(seeds) {
		o := Draw(seed)
		note("drop", o.Drop > 0)
		note("delay", o.Delay > 0)
		note("duplicate", o.Duplicate > 0)
		note("corrupt", o.Corrupt > 0)
		note("truncate", o.Truncate > 0)
		note("attack", o.Attack > 0)
		note("aborts", o.Aborts > 0)
		note("pause", o.Pause > 0)
		note("linger", o.Linger > 0)
		note("few streams", o.MaxStreams > 0)
		note("several clients", o.Clients > 1)
		note("several connections", o.Conns > 1)
		note("large messages", o.Size > 50_000)
		note("short time-outs", o.Idle < time.Minute)
		note("lane "+string(o.Lane), true)
		note("ECN", o.Marks != nil)
		if m := o.Marks; m != nil {
			note("marks of congestion", m.Congested > 0)
			note("bleached", m.Bleached > 0)
			note("altered marks", m.Altered > 0)
			note("lies about marks", m.Lies > 0)
		}
		for _, f := range o.Faults {
			note(string(f.Kind), true)
			note("knowing move", f.Kind == Move && f.Size&Knowing != 0)
		}
	}
	for _, what := range []string{
		"ECN", "marks of congestion", "bleached", "altered marks", "lies about marks",
		"drop", "delay", "duplicate", "corrupt", "truncate", "attack", "aborts", "pause", "linger", "few streams", "several clients",
		"several connections", "large messages", "short time-outs", "lane ", "lane plain",
		"partition", "deaf", "mute", "stop", "jump", "restart", "shrink", "move", "knowing move", "close", "abort",
	} {
		require.Greater(t, seen[what], seeds/100, what)
		require.Less(t, seen[what], seeds*3/4, what)
	}
}

// A failing run is made smaller: what it does not need is gone.
func TestSmaller(t *testing.T) {
	o := Draw(1)
	o.Drop, o.Delay, o.Attack, o.Clients, o.Sessions = 0.3, 0.5, 0.4, 3, 3
	o.Heal = 3 * time.Hour // no run ends in time whose network never heals, if its packets are all lost
	o.Drop = 1
	o.Faults = []Fault{{Kind: Stop, For: time.Second, Host: 1}}
	require.Error(t, Run(o).Failure)
	small := Smaller(o, 300)
	require.Error(t, Run(small).Failure)
	require.Empty(t, small.Faults)
	require.Zero(t, small.Attack)
	require.Zero(t, small.Delay)
	require.Equal(t, 1, small.Clients)
	require.EqualValues(t, 1, small.Drop)
}
