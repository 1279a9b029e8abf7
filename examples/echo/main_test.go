package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test binary starts itself again as one of its programs: the example, or the bad network between two of them.
func TestMain(m *testing.M) {
	switch os.Getenv("ECHO_PROGRAM") {
	case "echo":
		main()
		os.Exit(0)
	case "lossy":
		if err := lossy(os.Stdout, os.Args[1], 1); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program prepares a process of this test binary.
func program(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "ECHO_PROGRAM="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// start starts a process that prints its address as the last word of its first
// line, and returns the address. The process ends with the test.
func start(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := program(t, name, args...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	words := strings.Fields(line)
	return words[len(words)-1]
}

func TestDemo(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), &out, []string{"demo"}))
	require.Equal(t, "carpe → 5\ndiem → 4\n", out.String())
}

// go run ./examples/echo serve 127.0.0.1:7007
// go run ./examples/echo call 127.0.0.1:7007 carpe diem
func TestTwoProcesses(t *testing.T) {
	address := start(t, "echo", "serve", "127.0.0.1:0")
	out, err := program(t, "echo", "call", address, "carpe", "diem").Output()
	require.NoError(t, err)
	require.Equal(t, "carpe → 5\ndiem → 4\n", string(out))
}

// Three processes: the one in the middle drops a fifth of the datagrams and
// reorders a fifth, both ways.
func TestLossyNetwork(t *testing.T) {
	server := start(t, "echo", "serve", "127.0.0.1:0")
	middle := start(t, "lossy", server)

	args := []string{"call", middle}
	var want strings.Builder
	for i := range 50 {
		word := strings.Repeat("x", i)
		args = append(args, word)
		fmt.Fprintf(&want, "%s → %d\n", word, i)
	}
	out, err := program(t, "echo", args...).Output()
	require.NoError(t, err)
	require.Equal(t, want.String(), string(out))
}
