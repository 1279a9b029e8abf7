// Command linkbench measures transports over an emulated link of 100 Mbit/s and prints what came of
// it, beside the goals. It needs root, and its companions peer and tunnet in the folder that it is in itself.
//
//	linkbench                        everything: about an hour and a half
//	linkbench -d 3s -n 1 -loss 0.01  a glance
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sessgen/sessgen/bench/stat"
)

var (
	names  = flag.String("t", "sessgen,tcp-bbr,tcp-cubic,quic,kcp", "transports")
	rtts   = flag.String("rtt", "20ms,100ms", "round trips")
	losses = flag.String("loss", "0,0.001,0.01,0.05,0.1", "shares of packets lost each way")
	queues = flag.String("queue", "0.1,0.25,1", "what the bottleneck queues when two flows share it, in bandwidth-delay products")
	parts  = flag.String("m", "bulk,echo,share", "what to measure")
	length = flag.Duration("d", 10*time.Second, "how long to measure")
	repeat = flag.Int("n", 3, "how often, of which the median counts")
)

// rate is the link's, in bit/s.
const rate = 100e6

func main() {
	flag.Parse()
	for _, part := range strings.Split(*parts, ",") {
		measure, known := map[string]func() error{"bulk": bulk, "echo": echo, "share": share}[part]
		if !known {
			fail(fmt.Errorf("nothing called %q is measured", part))
		}
		fail(measure())
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "linkbench:", err)
		os.Exit(1)
	}
}

// cell is one place of the matrix.
type cell struct{ rtt, loss string }

func cells() (all []cell) {
	for _, rtt := range strings.Split(*rtts, ",") {
		for _, loss := range strings.Split(*losses, ",") {
			all = append(all, cell{rtt, loss})
		}
	}
	return all
}

// bulk prints goodput.
func bulk() error {
	transports := strings.Split(*names, ",")
	fmt.Printf("\nGoodput in MB/s, and CPU seconds per GB of both ends of the first one\n\n| rtt, loss | %s | CPU | of TCP BBR | of CUBIC | goal |\n|%s\n",
		strings.Join(transports, " | "), strings.Repeat("---|", len(transports)+5))
	for _, c := range cells() {
		got, cpu := map[string]float64{}, 0.0
		for i, name := range transports {
			runs, err := run(c, 0, name, "bulk")
			if err != nil {
				return err
			}
			got[name] = median(runs, 0, "MBps")
			if i == 0 {
				cpu = median(runs, 0, "client_cpu") + median(runs, 0, "server_cpu")
			}
		}
		own := got[transports[0]]
		fmt.Printf("| %s, %s |", c.rtt, c.loss)
		for _, name := range transports {
			fmt.Printf(" %.2f |", got[name])
		}
		bbr, cubic := own/got["tcp-bbr"], own/got["tcp-cubic"]
		fmt.Printf(" %.1f | %.2f | %.1f | %s |\n", cpu, bbr, cubic, goal(c.loss, bbr, cubic))
	}
	return nil
}

// goal says whether the share of TCP BBR's goodput, and the multiple of CUBIC's, are what they are to be.
func goal(loss string, bbr, cubic float64) string {
	met := false
	switch loss {
	case "0", "0.001":
		met = bbr >= 0.95
	case "0.01":
		met = bbr >= 0.85
	default:
		met = bbr >= 0.6 && cubic >= 10
	}
	if met {
		return "met"
	}
	return "missed"
}

// echo prints round trips.
func echo() error {
	fmt.Printf("\nRound trips of 64 bytes on 16 connections, in ms: p50 / p99 / p99.9\n\n")
	transports := strings.Split(*names, ",")
	fmt.Printf("| rtt, loss | %s |\n|%s\n", strings.Join(transports, " | "), strings.Repeat("---|", len(transports)+1))
	for _, c := range cells() {
		fmt.Printf("| %s, %s |", c.rtt, c.loss)
		for _, name := range transports {
			runs, err := run(c, 0, name, "echo")
			if err != nil {
				return err
			}
			fmt.Printf(" %.1f / %.1f / %.1f |", median(runs, 0, "p50"), median(runs, 0, "p99"), median(runs, 0, "p999"))
		}
		fmt.Println()
	}
	return nil
}

// share prints how a CUBIC flow and another share the link.
func share() error {
	fmt.Printf("\nTwo flows on one link, in MB/s; the first is TCP CUBIC\n\n| rtt, queue | beside | CUBIC | the other | ratio |\n|---|---|---|---|---|\n")
	for _, rtt := range strings.Split(*rtts, ",") {
		d, err := time.ParseDuration(rtt)
		if err != nil {
			return err
		}
		for _, queue := range strings.Split(*queues, ",") {
			var bdps float64
			if _, err := fmt.Sscan(queue, &bdps); err != nil {
				return err
			}
			for _, beside := range []string{"tcp-cubic", "sessgen", "tcp-bbr"} {
				runs, err := run(cell{rtt, "0"}, int(bdps*rate/8*d.Seconds()), "tcp-cubic,"+beside, "share")
				if err != nil {
					return err
				}
				cubic, other := median(runs, 0, "MBps"), median(runs, 1, "MBps")
				fmt.Printf("| %s, %s BDP | %s | %.2f | %.2f | %.2f |\n", rtt, queue, beside, cubic, other, cubic/other)
			}
		}
	}
	return nil
}

// result is what peer prints for one flow.
type result struct{ Values map[string]float64 }

// run measures n times. A flow that fails has no values.
func run(c cell, queue int, transports, mode string) (runs [][]result, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(self)
	warm := "1s"
	if c.rtt == "100ms" || mode == "share" {
		warm = "3s"
	}
	for i := range *repeat {
		command := exec.Command(filepath.Join(folder, "tunnet"), "-id", "lb", "-rtt", c.rtt, "-loss", c.loss,
			"-queue", fmt.Sprint(queue), "-seed", fmt.Sprint(i+1), "--",
			"ip", "netns", "exec", "lb_a", filepath.Join(folder, "peer"),
			"-t", transports, "-m", mode, "-d", length.String(), "-warm", warm, "-ns", "lb_b", "-bind", "10.77.0.2:0")
		out, err := command.Output()
		if err != nil {
			fmt.Fprintf(os.Stderr, "linkbench: %s %s %v: %v\n", transports, mode, c, err)
			continue
		}
		var results []result
		if err := json.Unmarshal(out, &results); err != nil {
			return nil, err
		}
		runs = append(runs, results)
	}
	return runs, nil
}

// median is that of a value of the i-th flow.
func median(runs [][]result, i int, value string) float64 {
	var all []float64
	for _, r := range runs {
		if i < len(r) {
			all = append(all, r[i].Values[value])
		}
	}
	return stat.Median(all)
}
