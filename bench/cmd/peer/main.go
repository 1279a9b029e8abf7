// Command peer measures one transport, or two beside each other, between this process and
// a server process that it starts. It prints one line of JSON.
//
//	peer -t sessgen -m bulk -d 5s          goodput of one connection, and both processes' CPU time
//	peer -t quic -m echo -par 16           round trips of a message on each of so many connections
//	peer -t tcp-cubic,sessgen -m share     goodput of each of two connections that run at once
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sessgen/sessgen/bench/peers"
	"github.com/sessgen/sessgen/bench/stat"
)

var (
	names   = flag.String("t", "sessgen", "transports, with commas: sessgen, tcp-cubic, tcp-bbr, tls, quic, kcp")
	mode    = flag.String("m", "bulk", "bulk, echo or share")
	length  = flag.Duration("d", 5*time.Second, "how long to measure")
	warm    = flag.Duration("warm", time.Second, "how long bulk runs before it is measured")
	par     = flag.Int("par", 16, "connections of echo")
	size    = flag.Int("size", 64, "bytes of a message of echo")
	bind    = flag.String("bind", "127.0.0.1:0", "the server's address")
	ns      = flag.String("ns", "", "network namespace of the server")
	profile = flag.String("profile", "", "write CPU profiles of both processes to this file, and this with .server behind it")
	serves  = flag.Bool("serve", false, "be the server; for the program's own use")
)

// Result is what the program prints.
type Result struct {
	Transport, Mode string
	// Values: MBps, client_cpu and server_cpu in seconds per GB (bulk); p50, p99, p999, max in ms and n (echo).
	Values map[string]float64
}

func main() {
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		exitOn(err)
		exitOn(pprof.StartCPUProfile(f))
	}
	if *serves {
		exit(serve())
	}
	time.AfterFunc(*warm+2**length+time.Minute, func() { exit(fmt.Errorf("%s %s: stuck", *names, *mode)) })
	results, err := measure()
	exit(err, json.NewEncoder(os.Stdout).Encode(results))
}

// exit ends the process, well if there is no error.
func exit(errs ...error) {
	pprof.StopCPUProfile()
	for _, err := range errs {
		exitOn(err)
	}
	os.Exit(0)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func measure() ([]Result, error) {
	switch *mode {
	case "bulk", "share":
		return flood(strings.Split(*names, ","))
	case "echo":
		return echo(*names)
	}
	return nil, fmt.Errorf("no measurement %q", *mode)
}

// received counts the bytes that the server has read.
var received atomic.Int64

// serve is the server process: it prints its address, and for each line that it reads what it has received so
// far and the CPU time that it took. It ends with its input.
func serve() error {
	p, err := peers.New(*names)
	if err != nil {
		return err
	}
	addr, err := p.Listen(*bind, serveConn)
	if err != nil {
		return err
	}
	fmt.Println(addr)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(received.Load(), int64(stat.CPU()))
	}
	return nil
}

// The first byte of a connection says what the server does with it.
const (
	drains = 'B'
	echoes = 'E'
)

func serveConn(c net.Conn) {
	defer c.Close()
	var what [1]byte
	if _, err := io.ReadFull(c, what[:]); err != nil {
		return
	}
	b := make([]byte, 256<<10)
	for {
		n, err := c.Read(b)
		received.Add(int64(n))
		if err == nil && what[0] == echoes {
			_, err = c.Write(b[:n])
		}
		if err != nil {
			return
		}
	}
}

// server is a server process.
type server struct {
	addr    string
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func start(name string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{self, "-serve", "-t", name, "-bind", *bind}
	if *profile != "" {
		args = append(args, "-profile", *profile+".server")
	}
	if *ns != "" {
		args = append([]string{"ip", "netns", "exec", *ns}, args...)
	}
	s := &server{command: exec.Command(args[0], args[1:]...)}
	s.command.Stderr = os.Stderr
	if s.in, err = s.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	s.addr = strings.TrimSpace(line)
	return s, err
}

// state asks what the server has received, and the CPU time that it took.
func (s *server) state() (bytes int64, cpu time.Duration, err error) {
	if _, err := fmt.Fprintln(s.in); err != nil {
		return 0, 0, err
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return 0, 0, err
	}
	first, second, _ := strings.Cut(strings.TrimSpace(line), " ")
	if bytes, err = strconv.ParseInt(first, 10, 64); err != nil {
		return 0, 0, err
	}
	ns, err := strconv.ParseInt(second, 10, 64)
	return bytes, time.Duration(ns), err
}

func (s *server) stop() {
	_ = s.in.Close()
	_ = s.command.Wait()
}
