// Command tunnet runs a command across an emulated link: two network namespaces, a TUN
// device in each, and between them this process, which carries IP packets through two
// link.Links. TCP and UDP both go through it, and the kernel needs no sch_netem. It needs root.
//
//	tunnet -rtt 20ms -loss 0.01 -- ip netns exec lb_a peer -ns lb_b -bind 10.77.0.2:0 …
//
// The namespaces ID_a (address .1) and ID_b (address .2) are there while the command runs.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sessgen/sessgen/bench/link"
)

var (
	rtt     = flag.Duration("rtt", 20*time.Millisecond, "round trip, half of it each way")
	jitter  = flag.Duration("jitter", 0, "random extra delay each way, which reorders")
	loss    = flag.Float64("loss", 0, "share of packets lost each way, 0 to 1")
	dup     = flag.Float64("dup", 0, "share of packets duplicated")
	reorder = flag.Float64("reorder", 0, "share of packets held back by 2 ms")
	rate    = flag.Float64("rate", 100e6, "bottleneck each way in bit/s, 0 means none")
	queue   = flag.Int("queue", 0, "bytes that the bottleneck queues; 0 means rate x rtt, at least 64 KiB")
	seed    = flag.Uint64("seed", 1, "seed of loss, duplicates and reordering")
	id      = flag.String("id", "lb", "prefix of the namespaces' names")
	prefix  = flag.String("net", "10.77.0", "first three bytes of the addresses")
	mtu     = flag.Int("mtu", 1500, "of the link")
)

// quantum is the least time that a direction sleeps while nothing new comes in.
const quantum = 100 * time.Microsecond

func main() {
	flag.Parse()
	// Threads that block in a system call hold a P until the runtime takes it back,
	// up to 10 ms later: with two of them the link would be late by that much.
	runtime.GOMAXPROCS(16)
	os.Exit(run())
}

func run() int {
	names := [2]string{*id + "_a", *id + "_b"}
	for _, ns := range names {
		_ = exec.Command("ip", "netns", "del", ns).Run() // left over from a run that was killed
		must(command("ip", "netns", "add", ns))
		defer func() { _ = command("ip", "netns", "del", ns) }()
	}
	var tun [2]int
	for i, ns := range names {
		tun[i] = openTun(ns, "t0")
		must(command("ip", "-n", ns, "link", "set", "lo", "up"))
		must(command("ip", "-n", ns, "addr", "add", fmt.Sprintf("%s.%d/24", *prefix, i+1), "dev", "t0"))
		must(command("ip", "-n", ns, "link", "set", "t0", "mtu", fmt.Sprint(*mtu), "txqueuelen", "10000", "up"))
	}
	there, back := carry(tun[0], tun[1], *seed), carry(tun[1], tun[0], *seed+1000)
	status := 0
	if args := flag.Args(); len(args) > 0 {
		c := exec.Command(args[0], args[1:]...)
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "tunnet:", err)
			status = 1
		}
	}
	fmt.Fprintf(os.Stderr, "there %+v\nback  %+v\n", *there.Load(), *back.Load())
	return status
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "tunnet:", err)
		os.Exit(1)
	}
}

func command(args ...string) error {
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", args, err, out)
	}
	return nil
}

// openTun makes a TUN device in the namespace and returns its descriptor.
func openTun(ns, name string) int {
	opened := make(chan int)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		f, err := unix.Open("/var/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		must(err)
		must(unix.Setns(f, unix.CLONE_NEWNET))
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		must(err)
		request, err := unix.NewIfreq(name)
		must(err)
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		must(unix.IoctlIfreq(fd, unix.TUNSETIFF, request))
		must(unix.SetNonblock(fd, true))
		opened <- fd
	}()
	return <-opened
}

// carry moves packets from one device to the other until the process ends. A thread of its own does it
// all with raw system calls, so that no packet waits for a P.
func carry(from, to int, seed uint64) *atomic.Pointer[link.Counters] {
	capacity := *queue
	if capacity == 0 {
		capacity = max(64<<10, int(*rate/8*rtt.Seconds()))
	}
	l := link.New(link.Config{
		Delay: *rtt / 2, Jitter: *jitter, Loss: *loss, Duplicate: *dup, Reorder: *reorder, ReorderBy: 2 * time.Millisecond,
		Rate: *rate, Queue: capacity, Seed: seed,
	})
	var seen atomic.Pointer[link.Counters]
	seen.Store(new(link.Counters))
	origin := time.Now()
	go func() {
		runtime.LockOSThread()
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		buf := make([]byte, 1<<16)
		for {
			for range 64 {
				n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(from), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
				if errno != 0 || n == 0 {
					break
				}
				if buf[0]>>4 == 4 { // no router solicitations
					l.Send(time.Since(origin), buf[:n])
				}
			}
			next, waiting := l.Poll(time.Since(origin), func(p []byte) {
				_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(to), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
			})
			sleep := 2 * time.Millisecond
			if waiting {
				sleep = max(min(next-time.Since(origin), sleep), quantum)
			}
			counters := l.Counters
			seen.Store(&counters)
			timeout := unix.NsecToTimespec(int64(sleep))
			ready := unix.PollFd{Fd: int32(from), Events: unix.POLLIN}
			_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&ready)), 1, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
		}
	}()
	return &seen
}
